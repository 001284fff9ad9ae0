"""Runs all passes in order."""

from __future__ import annotations

from tf2rust.ops.control.layers import Loop
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.passes.fuse import fuse
from tf2rust.passes.layout import cancel_transposes
from tf2rust.passes.simplify import own_outputs, simplify


def optimise(graph: LayerGraph, owned: int | None = None) -> LayerGraph:
    """Returns an equivalent channels-last graph, simplified and fused.

    The first ``owned`` outputs, or all, must be values that a layer writes. Each body is optimised separately, and
    values cross its border with their axes in order.
    """
    for layer in graph.layers:
        for body in layer.bodies():
            made = optimise(body, layer.states if isinstance(layer, Loop) else None)
            body.outputs, body.layers = made.outputs, made.layers
    graph = cancel_transposes(graph)
    own_outputs(graph, owned)
    simplify(graph)
    return fuse(graph)
