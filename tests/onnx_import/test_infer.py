"""Inferred shapes and constants must equal what ONNX Runtime computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.models.graphs import graph, node
from tf2rust.errors import UsageError
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.load import run_onnx
from tf2rust.ops.core.dims import bind

F, BOOL = TensorProto.FLOAT, TensorProto.BOOL
Build = Callable[[str], onnx.ModelProto]


def shape_chain() -> onnx.ModelProto:
    """Flatten as tf2onnx writes it: a Reshape to [batch, rest] with the batch taken from Shape."""
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Cast", ["s"], ["s32"], to=TensorProto.INT32),
        node("Slice", ["s32", "zero", "one", "zero"], ["b"]),
        node("Concat", ["b", "minus"], ["t32"], axis=0),
        node("Cast", ["t32"], ["t"], to=TensorProto.INT64),
        node("Reshape", ["x", "t"], ["y"]),
    ]
    weights = {"zero": np.array([0]), "one": np.array([1]), "minus": np.array([-1], np.int32)}
    return graph(nodes, {"x": (F, ["n", "t", 6])}, {"y": (F, ["n", None])}, weights)


def product_of_dims() -> onnx.ModelProto:
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "ends"], ["g"], axis=0),
        node("ReduceProd", ["g"], ["p"], keepdims=0),
        node("Unsqueeze", ["p", "zero"], ["u"]),
        node("Reshape", ["x", "u"], ["y"]),
    ]
    return graph(
        nodes, {"x": (F, ["n", "t", 6])}, {"y": (F, [None])}, {"ends": np.array([0, 1, 2]), "zero": np.array([0])}
    )


def filled() -> onnx.ModelProto:
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Expand", ["number", "s"], ["e"]),
        node("Mul", ["x", "e"], ["y"]),
    ]
    return graph(nodes, {"x": (F, ["n", "t", 6])}, {"y": (F, ["n", "t", 6])}, {"number": np.float32(3)})


def windows() -> onnx.ModelProto:
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
        node("Conv", ["t", "k"], ["c"], strides=[2], dilations=[2], pads=[1, 0]),
        node("MaxPool", ["c"], ["p"], kernel_shape=[3], auto_pad="SAME_UPPER"),
        node("Pad", ["p", "pads"], ["q"]),
        node("Slice", ["q", "start", "end", "axis"], ["y"]),
    ]
    weights = {
        "k": np.ones((2, 6, 3), np.float32),
        "pads": np.array([0, 0, 1, 0, 0, 2]),
        "start": np.array([-3]),
        "end": np.array([np.iinfo(np.int64).max]),
        "axis": np.array([2]),
    }
    return graph(nodes, {"x": (F, ["n", "t", 6])}, {"y": (F, ["n", 2, None])}, weights)


def expanded() -> onnx.ModelProto:
    """``token.expand(n, -1, -1)`` as PyTorch writes it: 1 wherever the shape says -1."""
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["b"], axis=0),
        node("Concat", ["b", "rest"], ["t"], axis=0),
        node("Shape", ["t"], ["ts"]),
        node("ConstantOfShape", ["ts"], ["ones"], value=onnx.numpy_helper.from_array(np.array([1]))),
        node("Mul", ["ones", "minus"], ["m"]),
        node("Equal", ["t", "m"], ["e"]),
        node("Where", ["e", "ones", "t"], ["w"]),
        node("Expand", ["token", "w"], ["y"]),
    ]
    weights = {
        "zero": np.array([0]),
        "rest": np.array([-1, -1]),
        "minus": np.array(-1),
        "token": np.ones((1, 3, 6), np.float32),
    }
    return graph(nodes, {"x": (F, ["n", "t", 6])}, {"y": (F, ["n", 3, 6])}, weights)


def padded() -> onnx.ModelProto:
    """Padding to an even number of steps as PyTorch writes it: pairs, from the last axis to the first, are reversed."""
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "one"], ["t"], axis=0),
        node("Div", ["t", "two"], ["d"]),
        node("Sub", ["t", "d"], ["half"]),
        node("Concat", ["zeros", "half", "half", "zeros"], ["given"], axis=0),
        node("Reshape", ["given", "pairs"], ["p"]),
        node("Slice", ["p", "minus", "first", "zero", "minus"], ["turned"]),
        node("Transpose", ["turned"], ["across"], perm=[1, 0]),
        node("Reshape", ["across", "minus"], ["flat"]),
        node("Pad", ["x", "flat"], ["y"]),
    ]
    weights = {
        "zero": np.array([0]),
        "one": np.array([1]),
        "two": np.array([2]),
        "zeros": np.array([0, 0]),
        "pairs": np.array([-1, 2]),
        "minus": np.array([-1]),
        "first": np.array([-(2**63) + 1]),
    }
    return graph(nodes, {"x": (F, ["n", "t", 6])}, {"y": (F, ["n", None, 6])}, weights)


def positions() -> onnx.ModelProto:
    """As many table rows and numbers as there are steps, and all steps but the first."""
    nodes = [
        node("Shape", ["x"], ["steps"], start=1, end=2),
        node("Slice", ["table", "zero", "steps"], ["rows"]),
        node("Squeeze", ["steps"], ["count"]),
        node("Cast", ["count"], ["limit"], to=TensorProto.FLOAT),
        node("Range", ["start", "limit", "by"], ["numbers"]),
        node("Unsqueeze", ["numbers", "one"], ["column"]),
        node("Mul", ["rows", "column"], ["y"]),
        node("Concat", ["zero", "steps"], ["one_more"], axis=0),
        node("Pad", ["rows", "more"], ["longer"]),
        node("Slice", ["longer", "one", "large"], ["z"]),
    ]
    weights = {
        "zero": np.array([0]),
        "one": np.array([1]),
        "more": np.array([1, 0, 0, 0]),
        "large": np.array([2**63 - 1]),
        "start": np.float32(0),
        "by": np.float32(1),
        "table": np.ones((20, 6), np.float32),
    }
    return graph(nodes, {"x": (F, ["n", "t", 6])}, {"y": (F, [None, 6]), "z": (F, [None, 6])}, weights)


@pytest.mark.parametrize("build", [shape_chain, product_of_dims, filled, windows, expanded, padded, positions])
def test_every_value_has_the_shape_it_will_have(build: object) -> None:
    model = build()  # type: ignore[operator]
    analysis = analyse(model)
    assert analysis.problems == {}
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    known = {o.name for o in model.graph.output}
    probe.graph.output.extend(onnx.ValueInfoProto(name=o) for n in model.graph.node for o in n.output if o not in known)
    for n, t in ((2, 9), (5, 14)):
        found = run_onnx(probe, {"x": np.zeros((n, t, 6), np.float32)})
        for value, info in ((v, analysis.infos[v]) for item in analysis.graph for v in item.outputs):
            array = found[value.name or ""]
            assert tuple(bind(d, {"n": n, "t": t}) for d in info.shape) == array.shape, value.name
            assert info.dtype == array.dtype.name
            if info.dims is not None:
                assert [bind(d, {"n": n, "t": t}) for d in info.dims.flat] == list(array.flat)
            if info.fill is not None:
                assert (array == info.fill).all()


def test_anonymous_dimensions_are_named() -> None:
    nodes = [node("Add", ["x", "x"], ["y"])]
    model = graph(nodes, {"x": (F, ["unk__7", None, "Time Steps", 3])}, {"y": (F, [None, None, None, 3])})
    assert analyse(model).symbolic == ["n", "x_1", "time_steps"]
    assert analyse(model, {"time_steps": 4}).symbolic == ["n", "x_1"]
    with pytest.raises(UsageError, match="symbolic dimensions are: `n`, `x_1`, `time_steps`"):
        analyse(model, {"t": 4})


def test_constants_are_folded() -> None:
    nodes = [
        node("Transpose", ["w"], ["wt"], perm=[1, 0]),
        node("Mul", ["wt", "two"], ["w2"]),
        node("MatMul", ["x", "w2"], ["y"]),
    ]
    w = np.arange(12, dtype=np.float32).reshape(3, 4)
    analysis = analyse(graph(nodes, {"x": (F, ["n", 4])}, {"y": (F, ["n", 3])}, {"w": w, "two": np.float32(2)}))
    folded = {item.name: analysis.infos.const(item.outputs[0]) for item in analysis.folded}
    assert folded.keys() == {"node/wt", "node/w2"}
    assert np.array_equal(folded["node/w2"], w.T * 2)  # type: ignore[arg-type]


def _loop(captured: str) -> onnx.ModelProto:
    """Two iterations of ``state + captured``, starting from a constant."""
    body = helper.make_graph(
        [node("Identity", ["again"], ["on"]), node("Add", ["state", captured], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("trip", TensorProto.INT64, []),
            _info("again", TensorProto.BOOL),
            _info("state"),
        ],
        [_info("on", BOOL), _info("next")],
    )
    return _around(node("Loop", ["trips", "true", "zeros"], ["made"], body=body))


def _scan(captured: str) -> onnx.ModelProto:
    """``row + captured`` for the rows of a constant."""
    body = helper.make_graph([node("Add", ["row", captured], ["next"])], "body", [_info("row")], [_info("next")])
    return _around(node("Scan", ["rows"], ["made"], body=body, num_scan_inputs=1))


def _nested(captured: str) -> onnx.ModelProto:
    """A Scan whose body captures nothing but contains an If whose branch does."""
    branches = {
        name: helper.make_graph([node(op, ["row", captured], [name])], name, [], [_info(name)])
        for name, op in (("then_branch", "Add"), ("else_branch", "Sub"))
    }
    nodes = [
        node("ReduceMax", ["row"], ["largest"], keepdims=0),
        node("Cast", ["largest"], ["some"], to=TensorProto.BOOL),
        node("If", ["some"], ["next"], **branches),
    ]
    body = helper.make_graph(nodes, "body", [_info("row")], [_info("next")])
    return _around(node("Scan", ["rows"], ["made"], body=body, num_scan_inputs=1))


def _info(name: str, dtype: int = F) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, [3] if dtype == F else [])


def _around(holder: onnx.NodeProto) -> onnx.ModelProto:
    """A model with ``holder``, whose body may capture the constant ``ones`` or the input ``x``."""
    weights = {
        "trips": np.array(2),
        "true": np.array(True),
        "zeros": np.zeros(3, np.float32),
        "ones": np.ones(3, np.float32),
        "rows": np.arange(6, dtype=np.float32).reshape(2, 3),
    }
    return graph(
        [holder, node("Add", ["made", "x"], ["y"])],
        {"x": (F, [3])},
        {"y": (F, [3] if holder.op_type == "Loop" else [2, 3])},
        {name: array for name, array in weights.items() if name in {*holder.input, "ones"}},
    )


@pytest.mark.parametrize("build", [_loop, _scan, _nested])
@pytest.mark.parametrize("captured", ["ones", "x"])
def test_a_loop_is_folded_only_where_all_that_its_body_captures_is_constant(build: Build, captured: str) -> None:
    model = build(captured)
    analysis = analyse(model)
    (holder,) = (item for item in analysis.graph if item.op_type in ("Loop", "Scan"))
    # A Scan is left to its layer, whatever it reads.
    assert (holder in analysis.folded) == (captured == "ones" and build is _loop)
    if holder in analysis.folded:
        made = analysis.infos.const(holder.outputs[0])
        x = np.zeros(3, np.float32)
        assert made is not None
        assert np.array_equal(made + x, run_onnx(model, {"x": x})["y"])
