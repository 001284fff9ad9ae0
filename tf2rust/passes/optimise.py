"""Runs all passes in order."""

from __future__ import annotations

from tf2rust.ops.control.layers import Loop
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.passes.attention import merge_attentions
from tf2rust.passes.branches import merge_branches
from tf2rust.passes.duplicates import merge_duplicates
from tf2rust.passes.fuse import fuse
from tf2rust.passes.integers import to_integers
from tf2rust.passes.layout import cancel_transposes
from tf2rust.passes.rounding import round_products, store_rounded
from tf2rust.passes.simplify import own_outputs, simplify
from tf2rust.passes.small_weights import keep_integers
from tf2rust.passes.text import add_text_borders


def optimise(graph: LayerGraph) -> LayerGraph:
    """Returns an equivalent channels-last graph, simplified and fused."""
    graph = _optimise(graph)
    add_text_borders(graph)
    return graph


def _optimise(graph: LayerGraph, owned: int | None = None) -> LayerGraph:
    """Optimises a graph without the borders of its strings.

    The first ``owned`` outputs, or all, must be values that a layer writes. Each body is optimised separately, and
    values cross its border with their axes in order.
    """
    for layer in graph.layers:
        for body in layer.bodies():
            made = _optimise(body, layer.states if isinstance(layer, Loop) else None)
            body.outputs, body.layers, body.departures = made.outputs, made.layers, made.departures
    merge_duplicates(graph)
    merge_attentions(graph)
    graph = cancel_transposes(graph)
    if merge_branches(graph):
        graph = cancel_transposes(graph)
    own_outputs(graph, owned)
    simplify(graph)
    round_products(graph)
    graph = fuse(graph)
    store_rounded(graph)
    to_integers(graph)
    keep_integers(graph)
    return graph
