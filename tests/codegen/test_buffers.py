from __future__ import annotations

import pytest
from onnx import TensorProto

from tests.models.graphs import graph, node
from tf2rust.codegen.buffers import Plan, plan
from tf2rust.codegen.fuse import optimise
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.match import match
from tf2rust.ops.core.layer import LayerGraph

F = TensorProto.FLOAT


def _graph() -> LayerGraph:
    """A chain that a residual connection leaps over."""
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
            same = made.places[v].buffer is not None and made.places[v].buffer == made.places[w].buffer
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
    assert made.places[layers.outputs[0][1]].output == "y"
    assert made.places[layers.inputs[0]].input is layers.inputs[0]
