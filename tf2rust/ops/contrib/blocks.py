"""Products and tables whose weights are quantized in blocks. The weights are dequantized at conversion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf2rust.ops.contrib.activation import biased
from tf2rust.ops.contrib.call import Call, defines
from tf2rust.ops.core.inference import InferenceError, normal_axis


@defines("MatMulNBits")
def matmul_n_bits(call: Call) -> Sequence[str]:
    """x [..., k] · weights [k, n] + bias, with weights of 2, 4 or 8 bits.

    ``accuracy_level`` lets ONNX Runtime quantize x as well; the crate computes in float32.
    """
    call.has("accuracy_level")
    call.only("weight_prepacked", 0)
    if call.given(4) and not np.array_equal(call.constant_input(4), _groups(call)):
        raise InferenceError("its input 4 (`g_idx`) reorders the rows of the weights, which is not supported")
    weights = _n_bits(call)
    product = call.body.op("MatMul", call.arg(0), call.body.constant(weights, call.dtype(0)))
    return [biased(call, product, 5)]


def _groups(call: Call) -> np.ndarray:
    """The block of each row, if the rows are not reordered."""
    rows, block = (int(call.required(name)) for name in ("K", "block_size"))
    return np.arange(rows, dtype=np.int32) // block


def _n_bits(call: Call) -> np.ndarray:
    """The weights [k, n] of a MatMulNBits: scale · (q − zero point), for blocks of ``block_size`` rows.

    Input 1 holds the packed integers [n, blocks, bytes], the lowest bits first; input 2 the scales [n, blocks]; input
    3 the zero points, packed like the integers or as floats. Without them they are 2^(bits − 1).
    """
    k, n, block = (_size(call, name) for name in ("K", "N", "block_size"))
    bits, blocks = _bits(call), -(-k // block)
    integers = _unpacked(_bytes(call, 1, n * blocks * block * bits // 8).reshape(n, -1), bits)
    zeros = np.full((n, blocks, 1), 1 << (bits - 1), np.float32)
    if call.given(3) and call.dtype(3) == "uint8":
        packed = _bytes(call, 3, n * -(-blocks * bits // 8)).reshape(n, -1)
        zeros = _unpacked(packed, bits)[:, :blocks].reshape(n, blocks, 1)
    elif call.given(3):
        zeros = _finite(call, 3, n * blocks).reshape(n, blocks, 1)
    weights = (integers.reshape(n, blocks, block) - zeros) * _finite(call, 2, n * blocks).reshape(n, blocks, 1)
    return np.ascontiguousarray(weights.reshape(n, -1)[:, :k].T)


_FP4 = (0, 1 / 192, 2 / 3, 1, 1 / 3, 1 / 2, 1 / 6, 1 / 4)
_NF4 = (
    *(-1.0, -0.6961928, -0.52507305, -0.39491749, -0.28444138, -0.18477343, -0.09105004, 0.0),
    *(0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0),
)
"""The numbers of NF4, from appendix E of Dettmers et al., *QLoRA: Efficient Finetuning of Quantized LLMs*, 2023."""
_FOUR_BITS = {0: (*_FP4, *(-number for number in _FP4)), 1: _NF4}
"""The numbers that four bits stand for, by ``quant_type``."""


@defines("MatMulBnb4")
def matmul_bnb4(call: Call) -> Sequence[str]:
    """x [..., k] · weights [n, k]ᵀ, with weights of four bits in the format of bitsandbytes.

    Input 1 holds the rows of the weights one after the other, the first of two numbers in the high bits of a byte, and
    input 2 a factor for every ``block_size`` of them.
    """
    k, n, block = (_size(call, name) for name in ("K", "N", "block_size"))
    call.only("training_mode", 0)
    call.only("transB", 1)
    numbers = _FOUR_BITS.get(kind := call.required("quant_type"))
    if numbers is None:
        raise InferenceError(f"its attribute `quant_type` is {kind} (supported: 0 for FP4, 1 for NF4)")
    packed = _bytes(call, 1, -(-n * k // 2)).reshape(-1)
    indices = np.stack([packed >> 4, packed & 15], axis=-1).reshape(-1)[: n * k]
    factors = np.repeat(_finite(call, 2, -(-n * k // block)).reshape(-1), min(block, n * k))[: n * k]
    weights = (np.asarray(numbers, np.float32)[indices] * factors).reshape(n, k).T
    return [call.body.op("MatMul", call.arg(0), call.body.constant(np.ascontiguousarray(weights), call.dtype(0)))]


@defines("GatherBlockQuantized")
def gather_block_quantized(call: Call) -> Sequence[str]:
    """Rows of a table scale · (q − zero point), with a scale for every ``block_size`` elements of ``quantize_axis``.

    Bytes of uint8 hold 8 / ``bits`` integers of the last axis each, the lowest bits first. Their zero point is
    2^(bits − 1) by default, and 0 for other dtypes.
    """
    table, bits = call.constant_input(0), _bits(call)
    packed = table.dtype == np.uint8
    table = _unpacked(table, bits) if packed else table.astype(np.float32)
    axis, size = normal_axis(call.attr("quantize_axis", 1), table.ndim), call.attr("block_size", 128)
    # In a table of floats, 0 means the whole axis. A block can also be longer than the axis.
    block = min(size or table.shape[axis], table.shape[axis])
    if block < 1:
        raise InferenceError(f"its attribute `block_size` is {size}, but must be positive")
    scales = call.constant_input(2)
    _check_finite(scales)
    zeros = np.full(scales.shape, 1 << (bits - 1) if packed else 0)
    if call.given(3):
        zeros = call.constant_input(3)
        # The last byte can hold more zero points than there are blocks.
        zeros = _unpacked(zeros, bits)[..., : scales.shape[-1]] if packed else zeros
    numbers = (table - _of_elements(zeros, table.shape, axis, block)) * _of_elements(scales, table.shape, axis, block)
    made = call.body.constant(numbers, scales.dtype.name)
    return [call.body.op("Gather", made, call.arg(1), axis=call.attr("gather_axis", 0))]


def _of_elements(blocks: np.ndarray, shape: Sequence[int], axis: int, block: int) -> np.ndarray:
    """One number for each element of a tensor of this shape, from one for each ``block`` elements along ``axis``."""
    wanted = [-(-size // block) if i == axis else size for i, size in enumerate(shape)]
    # A size of 1 stands for every size, except along the axis of the blocks.
    pairs = enumerate(zip(blocks.shape, wanted, strict=False))
    fits = [own == size or (own == 1 and i != axis) for i, (own, size) in pairs]
    if blocks.ndim != len(wanted) or not all(fits):
        raise InferenceError(
            f"it has scales or zero points of shape {list(blocks.shape)}, but its table has blocks of shape {wanted}"
        )
    repeated = np.repeat(blocks.astype(np.float32), block, axis)
    return repeated[tuple(slice(size) for size in shape)]


def _size(call: Call, name: str) -> int:
    """An attribute that must be positive."""
    size = int(call.required(name))
    if size < 1:
        raise InferenceError(f"its attribute `{name}` is {size}, but must be positive")
    return size


def _bits(call: Call) -> int:
    bits = int(call.attr("bits", 4))
    if bits not in (2, 4, 8):
        raise InferenceError(f"its weights have {bits} bits (supported: 2, 4, 8)")
    return bits


def _bytes(call: Call, index: int, count: int) -> np.ndarray:
    """A constant input of ``count`` bytes, in any shape."""
    array = _counted(call, index, count)
    if array.dtype != np.uint8:
        raise InferenceError(f"its input {index} is {array.dtype}, but must be uint8")
    return array


def _finite(call: Call, index: int, count: int) -> np.ndarray:
    """A constant input of ``count`` finite floats, in any shape, as float32."""
    _check_finite(array := _counted(call, index, count).astype(np.float32))
    return array


def _counted(call: Call, index: int, count: int) -> np.ndarray:
    array = call.constant_input(index)
    if array.size != count:
        raise InferenceError(f"its input {index} has {array.size} elements, but its sizes and its blocks need {count}")
    return array


def _check_finite(array: np.ndarray) -> None:
    """Raises InferenceError unless all scales or zero points of weights are finite.

    Other than those of activations, scales can be negative, or 0 for a block of zeros.
    """
    if not np.isfinite(array.astype(np.float32)).all():
        raise InferenceError("its scales or zero points are not all finite; quantize the model again")


def _unpacked(packed: np.ndarray, bits: int) -> np.ndarray:
    """Numbers of ``bits`` bits from the bytes along the last axis, as float32."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    numbers = (packed[..., None] >> shifts) & np.uint8((1 << bits) - 1)
    return numbers.reshape(*packed.shape[:-1], -1).astype(np.float32)
