from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from tests.models.graphs import graph, node
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.match import match
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.ops.shape.concat import Concatenate
from tf2rust.passes.optimise import optimise
from tf2rust.planning.buffers import Plan, plan

F = TensorProto.FLOAT


def _graph() -> LayerGraph:
    """A chain with a residual connection around it."""
    nodes = [
        node("Softmax", ["x"], ["a"], axis=1),
        node("Tanh", ["a"], ["b"]),
        node("Exp", ["b"], ["c"]),
        node("Add", ["c", "a"], ["d"]),
        node("Sin", ["d"], ["e"]),
        node("Softmax", ["e"], ["y"], axis=1),
    ]
    model = graph(nodes, {"x": (F, ["n", 4])}, {"y": (F, ["n", 4])})
    return optimise(match(analyse(model)).graph)


def _alive_values_do_not_share(layers: LayerGraph, made: Plan) -> None:
    last_read = {v: step for step, layer in enumerate(layers.layers) for v in layer.inputs}
    written = {v: step for step, layer in enumerate(layers.layers) for v in layer.outputs}
    for v, start in written.items():
        for w, later in written.items():
            same = made.allocations[v].buffer is not None and made.allocations[v].buffer == made.allocations[w].buffer
            if same and start < later < last_read.get(v, -1):
                raise AssertionError(f"{w.name} overwrites {v.name}")


@pytest.mark.parametrize(
    ("inplace", "memdrop", "buffers", "in_place"),
    [(True, True, 1, 4), (True, False, 1, 4), (False, True, 3, 0), (False, False, 5, 0)],
)
def test_plan(inplace: bool, memdrop: bool, buffers: int, in_place: int) -> None:
    layers = _graph()
    made = plan(layers, inplace=inplace, memdrop=memdrop)
    _alive_values_do_not_share(layers, made)
    assert (len(made.buffers), len(made.inplace)) == (buffers, in_place)
    assert made.allocations[layers.outputs[0][1]].output == "y"
    assert made.allocations[layers.inputs[0]].input is layers.inputs[0]


@pytest.mark.parametrize(
    ("parts", "axis", "written"),
    [
        (["a", "x", "b"], 1, {"a", "b"}),
        (["a", "b"], 1, {"a", "b"}),
        (["b", "b", "a"], 1, {"a"}),
        (["shared", "a"], 1, {"a"}),
        (["kept", "a"], 1, {"a"}),
        (["sum", "a"], 1, {"a"}),
        (["a", "b"], 0, set()),
    ],
)
def test_parts_are_written_into_a_concatenation(parts: list[str], axis: int, written: set[str]) -> None:
    """Layers write their columns directly if they can, and if only the concatenation reads them."""
    products = ("a", "b", "shared", "kept", "product")
    nodes = [
        *(node("MatMul", ["x", f"kernel_{name}"], [name]) for name in products),
        node("Add", ["product", "x"], ["sum"]),
        node("Softmax", ["shared"], ["other"], axis=1),
        node("Concat", parts, ["all"], axis=axis),
        node("Softmax", ["all"], ["y"], axis=1),
    ]
    outputs = {name: (F, ["n", 4]) for name in ("other", "kept")} | {"y": (F, ["m", "k"])}
    kernels = {f"kernel_{name}": np.ones((4, 4), np.float32) for name in products}
    model = graph(nodes, {"x": (F, ["n", 4])}, outputs, kernels)
    layers = optimise(match(analyse(model)).graph)
    made = plan(layers, inplace=True, memdrop=True)
    assert {value.name for value in made.columns} == written
    (concat,) = (layer for layer in layers.layers if isinstance(layer, Concatenate))
    assert (concat in made.aliases) == (written == set(parts))
    assert all(made.allocations[value] is made.allocations[concat.y] for value in made.columns)
    assert not plan(layers, inplace=False, memdrop=True).columns
