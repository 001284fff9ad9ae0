"""bfloat16 and the dtypes of 8 bits and less: every bit pattern, casts with ml_dtypes' rounding, layers that move them,
quantization, and arithmetic that rounds once per node."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import Node, check_node, const, floats, integers, named, node, symbolic
from tf2rust.ops.core.dtypes import NARROW, from_stored

NAMES = [name for name in NARROW if name != "float16"]
SATURATING = [name for name in NAMES if name.startswith("float8") and "e8m0" not in name]
EDGES = [0, -0.0, 1, -1.5, 7.9, -8.5, 15, 17, 464, 464.1, 57344, 61440, 1e5, 3.4e38, 1e-3, 2e-6, 1e-40, -np.inf, np.inf]
GRID = np.concatenate([np.asarray([*EDGES, np.nan]), np.linspace(-9, 9, 2000), np.geomspace(1e-8, 1e6, 2000)])


def _to(dtype: str) -> int:
    return ir.DataType.from_numpy(np.dtype(dtype)).value


def _all(dtype: str) -> np.ndarray:
    """Every value of a dtype."""
    bits = ml_dtypes.iinfo(dtype).bits if not NARROW[dtype].is_float else ml_dtypes.finfo(dtype).bits
    if not NARROW[dtype].is_float:
        return np.arange(-(2**bits), 2**bits).astype(NARROW[dtype].stored).astype(dtype)
    return from_stored(np.arange(2**bits).astype(NARROW[dtype].stored), dtype)


def _like(function: Callable[..., np.ndarray], dtype: str = "bfloat16") -> Callable[..., np.ndarray]:
    """The function in float64, rounded once."""
    return lambda *arrays: function(*(a.astype(np.float64) for a in arrays)).astype(dtype)


def _softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _grid(dtype: str) -> np.ndarray:
    """Numbers whose conversion ONNX defines."""
    if dtype == "float8_e8m0fnu":
        return GRID[np.isfinite(GRID) & (GRID >= 0)].astype("float32")
    return (GRID if NARROW[dtype].is_float else GRID[np.abs(GRID) < 100]).astype("float32")


def _moved(dtype: str) -> dict[str, Node]:
    """Layers that move numbers, and those that compute with the wider dtype."""
    x = (integers(3, 4, low=0, high=4).astype("float32")).astype(dtype)
    return {
        f"transpose_{dtype}": node("Transpose", symbolic(x, 0), by_reference=True),
        f"reshape_{dtype}": node("Reshape", x, const([4, 3]), by_reference=True),
        f"slice_{dtype}": node("Slice", x, const([1]), const([3]), const([1]), by_reference=True),
        f"concat_{dtype}": node("Concat", x, const(x, dtype), axis=0, by_reference=True),
        f"gather_{dtype}": node("Gather", x, const([2, 0]), axis=1, by_reference=True),
        f"expand_{dtype}": node("Expand", x[:, None], const([3, 2, 4]), by_reference=True),
    }


def _zero(dtype: str) -> int:
    """A zero point; ONNX' reference implementation ignores those of float8."""
    return 0 if dtype.startswith("float8") else 1


SMALL = ("int4", "uint4", "int2", "uint2", "float8_e4m3fn", "float8_e5m2", "float4_e2m1fn")
X, Y = floats(3, 4, dtype="bfloat16"), floats(3, 4, seed=2, dtype="bfloat16")
TABLE_NAME = "narrow"
NODES = {
    **{f"all_{d}": node("Cast", _all(d), to=_to("float32"), exact=lambda x: x.astype("float32")) for d in NAMES},
    **{f"integers_{d}": node("Cast", _all(d), to=_to("uint8"), by_reference=True) for d in SMALL[:4]},
    **{f"halves_{d}": node("Cast", _all(d), to=_to("float16"), by_reference=True) for d in SATURATING},
    **{f"to_{d}": node("Cast", symbolic(_grid(d), 0), to=_to(d), opset=24, by_reference=True) for d in NAMES},
    **{
        f"unsaturated_{d}": node("Cast", _grid(d), to=_to(d), saturate=0, exact=lambda x, d=d: x.astype(d))
        for d in SATURATING
    },
    "from_int64": node("Cast", integers(40, low=-300, high=300), to=_to("int4"), by_reference=True),
    "from_bool": node("Cast", np.asarray([True, False]), to=_to("float8_e4m3fn"), by_reference=True),
    **{k: v for d in ("bfloat16", "float8_e4m3fn", "int4", "uint2") for k, v in _moved(d).items()},
    **{
        f"quantize_{d}": node(
            "QuantizeLinear",
            floats(4, 6, scale=4),
            const(0.5, "float32"),
            const(_zero(d), d),
            opset=25,
            by_reference=True,
        )
        for d in SMALL
    },
    **{
        f"dequantize_{d}": node(
            "DequantizeLinear",
            _all(d)[:16][np.isfinite(_all(d)[:16].astype("float32"))][:4],
            const([0.5, 2, 1, 3], "float32"),
            axis=0,
            opset=25,
            by_reference=True,
        )
        for d in SMALL
    },
    "add": node("Add", X, Y, exact=_like(np.add)),
    "constant": node("Mul", symbolic(X, 0), const(Y[:1], "bfloat16"), exact=_like(np.multiply)),
    "number": node("Mul", X, const(0.3, "bfloat16"), exact=_like(np.multiply)),
    "sqrt": node("Sqrt", np.abs(X), exact=_like(np.sqrt)),
    "greater": node("Greater", X, Y, exact=np.greater),
    "where": node("Where", X > 0, X, Y, exact=np.where),
    "pad": node("Pad", X, const([1, 0, 0, 2]), exact=lambda x, _: np.pad(x, ((1, 0), (0, 2)))),
    "sum": node("ReduceSum", X, const([1]), exact=lambda x, _: _like(lambda a: a.sum(axis=1, keepdims=True))(x)),
    "matmul": node("MatMul", X, floats(4, 5, dtype="bfloat16"), exact=_like(np.matmul)),
    "dense": node("MatMul", symbolic(X, 0), const(floats(4, 5), "bfloat16"), exact=_like(np.matmul)),
    "softmax": node("Softmax", X, exact=_like(_softmax)),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_narrow_dtypes(key: str, results: Results) -> None:
    check_node(results[key])
