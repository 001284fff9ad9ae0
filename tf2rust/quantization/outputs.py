"""What the outputs of a model mean: classes or numbers."""

from __future__ import annotations

from onnx import helper

from tf2rust.quantization.graph import FloatGraph, is_standard

_PASSING = ("Cast", "Flatten", "Identity", "Reshape", "Squeeze")


def class_axis(graph: FloatGraph, output: str) -> int | None:
    """The axis of the classes in an output that comes from a softmax or, with a size of 1, from a sigmoid."""
    shape, name = graph.shape(output), output
    node = graph.makers.get(name)
    while node is not None and node.op_type in _PASSING and graph.shape(node.input[0]) == shape:
        node = graph.makers.get(node.input[0])
    if node is None or not shape or not is_standard(node):
        return None
    if node.op_type == "Sigmoid" and shape[-1] == 1:
        return len(shape) - 1
    if node.op_type not in ("Softmax", "LogSoftmax"):
        return None
    axis = next((helper.get_attribute_value(a) for a in node.attribute if a.name == "axis"), -1)
    return int(axis) % len(shape)
