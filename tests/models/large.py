"""Graphs with any number of nodes, in forms that can make a pass over a graph slow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.models.graphs import graph, node

_WIDTH = 4
_KERNEL = np.eye(_WIDTH, dtype=np.float32) / 2


def _model(nodes: list[onnx.NodeProto], columns: int = _WIDTH) -> onnx.ModelProto:
    """A model that computes ``y`` from ``x``; the weights ``w`` and ``b``, and some shapes, are available."""
    weights = {
        "w": _KERNEL,
        "wide": np.concatenate([_KERNEL, _KERNEL]),
        "b": np.ones(_WIDTH, np.float32) / 8,
        "zero": np.int64(0),
        "same": np.array([0, 0], np.int64),
        "half": np.float32(0.5),
        "axis": np.array([0], np.int64),
        "columns": np.array([_WIDTH], np.int64),
        "integers": np.eye(_WIDTH, dtype=np.int8),
        "scale": np.float32(0.5),
        "center": np.int8(0),
        "square": np.array([-1, 2, 2], np.int64),
        "row": np.array([-1, _WIDTH], np.int64),
    }
    used = {name for item in nodes for name in item.input}
    return graph(
        nodes,
        {"x": (TensorProto.FLOAT, ["n", _WIDTH])},
        {"y": (TensorProto.FLOAT, ["n", columns])},
        {name: array for name, array in weights.items() if name in used},
    )


def _closed(nodes: list[onnx.NodeProto], last: str) -> onnx.ModelProto:
    return _model([*nodes, node("Identity", [last], ["y"])])


def chain(count: int) -> onnx.ModelProto:
    """A chain of Dense layers and activations."""
    nodes, value = [], "x"
    for i in range(count // 4):
        nodes += [
            node("MatMul", [value, "w"], [f"m{i}"]),
            node("Add", [f"m{i}", "b"], [f"a{i}"]),
            node("Tanh", [f"a{i}"], [f"t{i}"]),
            node("Sin", [f"t{i}"], [f"s{i}"]),
        ]
        value = f"s{i}"
    return _closed(nodes, value)


def fan(count: int) -> onnx.ModelProto:
    """Many branches of one value, joined by one Concatenate."""
    nodes, ends = [], []
    for i in range(count // 2):
        nodes += [node("MatMul", ["x", "w"], [f"m{i}"]), node("Tanh", [f"m{i}"], [f"t{i}"])]
        ends.append(f"t{i}")
    return _model([*nodes, node("Concat", ends, ["y"], axis=-1)], len(ends) * _WIDTH)


def ladder(count: int) -> onnx.ModelProto:
    """Residual blocks."""
    nodes, value = [], "x"
    for i in range(count // 4):
        nodes += [
            node("MatMul", [value, "w"], [f"m{i}"]),
            node("Relu", [f"m{i}"], [f"r{i}"]),
            node("MatMul", [f"r{i}", "w"], [f"n{i}"]),
            node("Add", [value, f"n{i}"], [f"a{i}"]),
        ]
        value = f"a{i}"
    return _closed(nodes, value)


def concatenations(count: int) -> onnx.ModelProto:
    """Each layer reads the concatenated outputs of the last two."""
    nodes, value, before = [], "x", "x"
    for i in range(count // 3):
        nodes += [
            node("Concat", [value, before], [f"c{i}"], axis=-1),
            node("MatMul", [f"c{i}", "wide"], [f"m{i}"]),
            node("Relu", [f"m{i}"], [f"r{i}"]),
        ]
        before, value = value, f"r{i}"
    return _closed(nodes, value)


def leaves(count: int) -> onnx.ModelProto:
    """One layer's output with many readers, some of them through a Reshape without effect."""
    nodes, ends = [node("Tanh", ["x"], ["t"])], []
    for i in range(count // 3):
        nodes += [
            node("Reshape", ["t", "same"], [f"r{i}"]),
            node("Sin", [f"r{i}"], [f"s{i}"]),
            node("Sin", ["t"], [f"t{i}"]),
        ]
        ends += [f"s{i}", f"t{i}"]
    return _model([*nodes, node("Concat", ends, ["y"], axis=-1)], len(ends) * _WIDTH)


def outputs(count: int) -> onnx.ModelProto:
    """A chain in which every value is an output."""
    nodes = [node("Sin", [f"y{i - 1}" if i else "x"], [f"y{i}"]) for i in range(count)]
    ends = {f"y{i}": (TensorProto.FLOAT, ["n", _WIDTH]) for i in range(count)}
    return graph(nodes, {"x": (TensorProto.FLOAT, ["n", _WIDTH])}, ends)


def definitions(count: int) -> onnx.ModelProto:
    """Nodes that are converted only through their ONNX definition."""
    nodes = [
        node("MeanVarianceNormalization", [f"v{i - 1}" if i else "x"], [f"v{i}"], axes=[1]) for i in range(count // 8)
    ]
    return _closed(nodes, nodes[-1].output[0])


def branches(count: int) -> onnx.ModelProto:
    """A chain of Ifs."""
    nodes = [node("ReduceMax", ["x"], ["most"], keepdims=0), node("Greater", ["most", "half"], ["holds"])]
    value = "x"
    for i in range(count // 4):
        bodies = []
        for side, op in (("t", "Sin"), ("e", "Tanh")):
            made = f"{side}{i}"
            result = helper.make_tensor_value_info(made, TensorProto.FLOAT, ["n", _WIDTH])
            bodies.append(helper.make_graph([node(op, [value], [made])], made, [], [result]))
        nodes += [
            node("If", ["holds"], [f"i{i}"], then_branch=bodies[0], else_branch=bodies[1]),
            node("Add", [f"i{i}", "b"], [f"a{i}"]),
        ]
        value = f"a{i}"
    return _closed(nodes, value)


def shapes(count: int) -> onnx.ModelProto:
    """Reshapes to what Shape, Gather and Concat compute from the previous value."""
    nodes, value = [], "x"
    for i in range(count // 6):
        nodes += [
            node("Shape", [value], [f"s{i}"]),
            node("Gather", [f"s{i}", "zero"], [f"g{i}"]),
            node("Unsqueeze", [f"g{i}", "axis"], [f"u{i}"]),
            node("Concat", [f"u{i}", "columns"], [f"c{i}"], axis=0),
            node("Reshape", [value, f"c{i}"], [f"r{i}"]),
            node("Sin", [f"r{i}"], [f"t{i}"]),
        ]
        value = f"t{i}"
    return _closed(nodes, value)


def transposes(count: int) -> onnx.ModelProto:
    """Activations between cancelling transposes; each block is read by the next two."""
    nodes, value = [], "x"
    for i in range(count // 4):
        nodes += [
            node("Transpose", [value], [f"p{i}"], perm=[1, 0]),
            node("Tanh", [f"p{i}"], [f"t{i}"]),
            node("Transpose", [f"t{i}"], [f"q{i}"], perm=[1, 0]),
            node("Add", [f"q{i}", value], [f"a{i}"]),
        ]
        value = f"a{i}"
    return _closed(nodes, value)


def unknown(count: int) -> onnx.ModelProto:
    """A chain of nodes that no rule matches."""
    nodes, value = [], "x"
    for i in range(count // 2):
        nodes += [
            node("RandomNormalLike", [value], [f"r{i}"], mean=1.0),
            node("Add", [f"r{i}", value], [f"a{i}"]),
        ]
        value = f"a{i}"
    return _closed(nodes, value)


def stack(count: int) -> onnx.ModelProto:
    """A sum of many values that are all alive at once."""
    half = count // 2
    nodes = [node("MatMul", ["x", "w"], [f"m{i}"]) for i in range(half)]
    value = "x"
    for i in reversed(range(half)):
        nodes.append(node("Add", [value, f"m{i}"], [f"a{i}"]))
        value = f"a{i}"
    return _closed(nodes, value)


def quantized(count: int) -> onnx.ModelProto:
    """A chain of Dense layers on integers, with data movement in front of QuantizeLinear."""
    nodes, value = [node("DequantizeLinear", ["integers", "scale", "center"], ["k"])], "x"
    for i in range(count // 6):
        nodes += [
            node("QuantizeLinear", [value, "scale", "center"], [f"q{i}"]),
            node("DequantizeLinear", [f"q{i}", "scale", "center"], [f"d{i}"]),
            node("MatMul", [f"d{i}", "k"], [f"m{i}"]),
            node("Reshape", [f"m{i}", "square"], [f"s{i}"]),
            node("Transpose", [f"s{i}"], [f"t{i}"], perm=[0, 2, 1]),
            node("Reshape", [f"t{i}", "row"], [f"r{i}"]),
        ]
        value = f"r{i}"
    return _closed(nodes, value)


CONVERTED: dict[str, Callable[[int], onnx.ModelProto]] = {
    item.__name__: item
    for item in (
        chain,
        fan,
        leaves,
        ladder,
        stack,
        concatenations,
        shapes,
        transposes,
        outputs,
        definitions,
        branches,
    )
}
