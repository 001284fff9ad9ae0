"""Parameters that are tensors: integers that decide about sizes and axes, and that perhaps only the data knows."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from tf2rust.ops.core.dims import Dim, format_shape
from tf2rust.ops.core.inference import InferenceError, ValueInfos, data_dependent_dim
from tf2rust.ops.core.layer import Dims

MAX_AXES = 8
"""The maximum rank of a tensor whose dimensions depend on data (``MAX_RANK`` of tf-layers)."""
_MAX_ELEMENTS = 2 * MAX_AXES
"""The maximum number of elements that ``Integers`` of tf-layers holds."""
_MAX_DEPTH = 32
"""The maximum number of nodes between a parameter and the inputs whose elements it holds."""
_SAME_ELEMENTS = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")


def is_data(value: ir.Value | None, infos: ValueInfos) -> bool:
    """Whether a parameter is present, and its elements are neither constants nor computed from shapes.

    A parameter without elements is known.
    """
    info = infos.known(value)
    return info is not None and info.const is None and info.dims is None and info.shape != (0,)


def length(value: ir.Value, infos: ValueInfos, what: str) -> int:
    """The number of elements of the parameter ``what``. Raises InferenceError if it is unknown or too large."""
    info = infos[value]
    size = info.shape[0] if info.shape else 1
    if len(info.shape) > 1 or not isinstance(size, int):
        raise InferenceError(
            f"its input `{value.name}` ({what}) has the shape {format_shape(info.shape)}, but its length must be "
            "known, because it decides about ranks; export the model with a fixed length"
        )
    if size > _MAX_ELEMENTS:
        raise InferenceError(
            f"its input `{value.name}` ({what}) has {size} elements, but at most {_MAX_ELEMENTS} can depend on data"
        )
    return size


def elements(value: ir.Value, infos: ValueInfos, what: str, depth: int = 0) -> list[Dim | None]:
    """The elements of the parameter ``what``; None for an element that depends on data.

    Raises InferenceError if their number is unknown or too large. ``depth`` is that of the recursion.
    """
    if (known := infos.dims(value)) is not None:
        return list(known)
    if (array := infos.const(value)) is not None and array.dtype.kind in "iu":
        return [int(i) for i in array.reshape(-1)]
    count, node = length(value, infos, what), value.producer()
    if node is None or not count or depth > _MAX_DEPTH:
        return [None] * count
    if node.op_type == "Concat":
        return [part for v in node.inputs if v is not None for part in elements(v, infos, what, depth + 1)]
    source = node.inputs[0] if node.op_type in _SAME_ELEMENTS else None
    info = infos.known(source)
    if source is not None and info is not None and len(info.shape) <= 1 and info.dtype.startswith(("int", "uint")):
        return elements(source, infos, what, depth + 1)
    return [None] * count


def dims_of_data(y: ir.Value, known: Sequence[Dim | None]) -> Dims:
    """The shape of ``y``: the ``known`` dimensions, and data-dependent ones in the place of None."""
    if len(known) > MAX_AXES:
        raise InferenceError(f"its result has {len(known)} axes, but data can decide about at most {MAX_AXES}")
    return tuple(data_dependent_dim(y, f"d{axis}") if d is None else d for axis, d in enumerate(known))


def decided_dims(y: ir.Value, shape: Dims) -> tuple[str | None, ...]:
    """For each axis, the data-dependent dimension that ``dims_of_data`` gave it; None if the dimension was known."""
    return tuple(str(d) if d == data_dependent_dim(y, f"d{axis}") else None for axis, d in enumerate(shape))
