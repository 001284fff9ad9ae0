"""For any inputs of an operator, its shape function returns value infos or the reason why it cannot."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from tf2rust.ops.core import inference as known
from tf2rust.ops.core.dims import Dim, DimExpr
from tf2rust.ops.core.inference import InferenceError, ValueInfo, ValueInfos
from tf2rust.ops.core.operands import RANKS, infer_outputs
from tf2rust.ops.core.registry import load_ops

load_ops()
OPERATORS = sorted(op for op in known._shape_functions if onnx.defs.has(op))
VERSIONS = (9, 12, 18, 21)
TRIALS = 150

WORDS = ("", "nearest", "SAME_UPPER", "VALID", "linear", "bidirectional", "ij,jk->ik", "...i,i", "->", "a,,b", "DCR")
DIMS = (0, 1, 2, 3, 5, DimExpr.symbol("n"), DimExpr.symbol("n") + 1)
INTEGERS = (-(2**63), -9, -5, -1, 0, 1, 2, 3, 7, 2**62)
KINDS = onnx.defs.OpSchema.AttrType


def _info(rng: np.random.Generator, ranks: tuple[int, int | None]) -> ValueInfo:
    """A tensor of up to five axes; a constant more often than not, mostly of few integers.

    In half of the cases its rank is one of ``ranks``, the fewest and the most axes that the operator takes.
    """
    kind = rng.integers(0, 4)
    if rng.integers(0, 2):
        few, many = ranks
        rank = int(rng.integers(few, (few + 2 if many is None else many) + 1))
        shape = tuple(DIMS[i] for i in rng.integers(0, len(DIMS), rank))
        if kind or any(isinstance(d, DimExpr) for d in shape):
            return ValueInfo(str(rng.choice(["float32", "int64"])), shape)
        return ValueInfo.of_const(rng.integers(-3, 4, [int(str(d)) for d in shape]))
    if kind == 0:
        shape = tuple(DIMS[i] for i in rng.integers(0, len(DIMS), rng.integers(0, 6)))
        return ValueInfo(str(rng.choice(["float32", "float32", "int64", "bool", "uint8"])), shape)
    if kind == 1:
        shape = tuple(rng.integers(0, 4, rng.integers(0, 5)).tolist())
        return ValueInfo.of_const(rng.normal(0, 2, shape).astype(np.float32))
    if kind == 2 and rng.integers(0, 3) == 0:
        return ValueInfo.of_dims(
            np.array([DIMS[i] for i in rng.integers(0, len(DIMS), rng.integers(0, 4))], dtype=object)
        )
    shape = tuple(rng.integers(0, 4, rng.integers(0, 3)).tolist())
    return ValueInfo.of_const(rng.choice(np.array(INTEGERS), shape))


def _attribute(name: str, kind: KINDS, rng: np.random.Generator) -> ir.Attr | None:
    some = [int(rng.choice(np.array(INTEGERS))) for _ in range(rng.integers(0, 5))]
    value = int(rng.choice(np.array(INTEGERS)))
    match kind:
        case KINDS.INT:
            return ir.AttrInt64(name, value)
        case KINDS.INTS:
            return ir.AttrInt64s(name, some)
        case KINDS.FLOAT:
            return ir.AttrFloat32(name, float(rng.choice([0.0, -1.0, 1.0, np.inf, np.nan])))
        case KINDS.FLOATS:
            return ir.AttrFloat32s(name, [float(v) for v in some])
        case KINDS.STRING:
            return ir.AttrString(name, str(rng.choice(WORDS)))
        case KINDS.STRINGS:
            return ir.AttrStrings(name, [str(rng.choice(WORDS)) for _ in some])
        case KINDS.TENSOR:
            return ir.AttrTensor(name, ir.tensor(np.zeros([abs(s) % 3 for s in some], np.float32)))
    return None


def _nodes(op: str, seed: int) -> Iterator[tuple[ir.Node, ValueInfos]]:
    """Nodes of an operator whose inputs and attributes are of any number, rank, size and value."""
    rng = np.random.default_rng([seed, *op.encode()])
    for trial in range(TRIALS):
        version = VERSIONS[trial % len(VERSIONS)]
        schema = onnx.defs.get_schema(op, version) if _has(op, version) else onnx.defs.get_schema(op)
        few, many = schema.min_input, min(schema.max_input, schema.min_input + 4)
        count = int(rng.integers(few, many + 1)) if rng.integers(0, 4) else int(rng.integers(0, many + 2))
        infos, inputs = ValueInfos(), []
        for i in range(count):
            if rng.integers(0, 12) == 0:
                inputs.append(None)
                continue
            value = ir.Value(name=f"x{i}")
            infos[value] = _info(rng, RANKS.get(op, {}).get(i, (0, 4)))
            inputs.append(value)
        attributes = [
            made
            for name, attribute in schema.attributes.items()
            if (attribute.required or rng.integers(0, 2))
            and (made := _attribute(name, attribute.type, rng)) is not None
        ]
        outputs = int(rng.integers(1, max(2, min(schema.max_output, 4) + 1)))
        node = ir.Node("", op, inputs, attributes, num_outputs=outputs, version=version)
        for i, value in enumerate(node.outputs):
            value.name = f"y{i}"
        yield node, infos


def _has(op: str, version: int) -> bool:
    try:
        onnx.defs.get_schema(op, version)
    except onnx.defs.SchemaError:
        return False
    return True


def _shown(node: ir.Node, infos: ValueInfos) -> str:
    inputs = [None if v is None else (infos.dtype(v), infos.shape(v), infos.const(v)) for v in node.inputs]
    return f"{node.op_type}-{node.version} {inputs} {dict(node.attributes)}"


@pytest.mark.parametrize("op", OPERATORS)
def test_infos_or_a_message(op: str) -> None:
    for node, infos in _nodes(op, seed=7):
        try:
            found = infer_outputs(node, infos)
        except InferenceError as error:
            said = str(error)
            assert len(said.split()) >= 4, (said, _shown(node, infos))
            continue
        except Exception as error:
            pytest.fail(f"{type(error).__name__}: {error} of {_shown(node, infos)}")
        assert all(isinstance(info, ValueInfo) for info in found), _shown(node, infos)


F = "float32"


@pytest.mark.parametrize(
    ("op", "shapes", "attributes", "reason"),
    [
        ("Concat", [(F, ()), (F, ())], {"axis": 0}, "needs tensors of equal rank that are not scalars"),
        (
            "Concat",
            [(F, (2, 3)), (F, (3,))],
            {"axis": 0},
            "it concatenates [2, 3], [3], but needs tensors of equal rank",
        ),
        ("Concat", [(F, (2,))], {}, "it lacks the attribute `axis`, which Concat requires"),
        ("Concat", [(F, (2, 3))], {"axis": 2}, "axis 2 does not exist in a tensor of rank 2"),
        ("EyeLike", [(F, (DimExpr.symbol("n"), 3))], {}, "its matrix has a symbolic dimension; bind it with --dim"),
        ("EyeLike", [(F, (3,))], {}, "of rank 1, but EyeLike requires rank 2"),
        ("Conv", [(F, (1, 2, 5)), (F, (2, 2, 3, 3))], {}, "its kernel `x1` has rank 4, but its input has rank 3"),
        ("Conv", [(F, (1, 2, 5, 5)), (F, (2, 2, 3, 3))], {"strides": [1]}, "`strides` has 1 entries"),
        ("Conv", [(F, (1, 2, 5)), (F, (2, 2, 3))], {"strides": [0]}, "`strides` is (0,), but must be positive"),
        ("Relu", [], {}, "it lacks input 0 (`X`), which Relu requires"),
        ("Relu", [(F, (2,)), (F, (2,))], {}, "it has 2 inputs, but Relu of operator set 18 has at most 1"),
        ("Softmax", [(F, (2, 3))], {"axis": 1.0}, "its attribute `axis` has the type FLOAT, but Softmax requires INT"),
        (
            "Transpose",
            [(F, (2, 3))],
            {"perm": [0, 0]},
            "its perm [0, 0] is not a permutation of the axes of an input of rank 2",
        ),
        ("Cast", [(F, (2,))], {"to": 99}, "its attribute `to` is 99, which is not a dtype of ONNX"),
        ("LSTM", [(F, (4, 3)), (F, (1, 8, 3)), (F, (1, 8, 2))], {}, "of rank 2, but LSTM requires rank 3"),
    ],
)
def test_what_is_wrong_with_a_node(
    op: str, shapes: list[tuple[str, tuple[Dim, ...]]], attributes: dict[str, object], reason: str
) -> None:
    infos, inputs = ValueInfos(), [ir.Value(name=f"x{i}") for i in range(len(shapes))]
    for value, (dtype, shape) in zip(inputs, shapes, strict=True):
        infos[value] = ValueInfo(dtype, shape)
    made = ir.convenience.convert_attributes(attributes)  # type: ignore[arg-type]
    with pytest.raises(InferenceError) as raised:
        infer_outputs(ir.Node("", op, inputs, made, version=18), infos)
    assert reason in str(raised.value)
