"""Adds the borders between the strings of the caller and those of a run."""

from __future__ import annotations

from tf2rust.ops.core.dtypes import TEXT
from tf2rust.ops.core.layer import LayerGraph, Value
from tf2rust.ops.generator.constant import Constant
from tf2rust.ops.text.borders import ReadStrings, StringConstant, WriteStrings


def add_text_borders(graph: LayerGraph) -> None:
    """Copies inputs and constants that are strings before other layers read them, and outputs after they are computed.

    The caller's strings are ``&str`` and ``String``; all others are elements of the arena of a run.
    """
    _replace_constants(graph)
    first = []
    for value in graph.inputs:
        if value.dtype == TEXT:
            inside = Value(f"{value.name}#strings", TEXT, value.shape)
            _rename(graph, value, inside)
            first.append(ReadStrings(inputs=[value], outputs=[inside], name=f"read_{value.name}"))
    last = []
    for i, (name, value) in enumerate(graph.outputs):
        if value.dtype == TEXT:
            outside = Value(name, TEXT, value.shape)
            graph.outputs[i] = (name, outside)
            last.append(WriteStrings(inputs=[value], outputs=[outside], name=f"write_{name}"))
    graph.layers = [*first, *graph.layers, *last]


def _replace_constants(graph: LayerGraph) -> None:
    for i, layer in enumerate(graph.layers):
        if isinstance(layer, Constant) and layer.y.dtype == TEXT:
            graph.layers[i] = StringConstant(array=layer.array, inputs=[], outputs=layer.outputs, anchor=layer.anchor)
        for body in layer.bodies():
            _replace_constants(body)


def _rename(graph: LayerGraph, old: Value, new: Value) -> None:
    """Lets the layers and outputs of the model read ``new`` instead of ``old``; bodies read what layers pass on."""
    for layer in graph.layers:
        layer.inputs = [new if value is old else value for value in layer.inputs]
    graph.outputs = [(name, new if value is old else value) for name, value in graph.outputs]
