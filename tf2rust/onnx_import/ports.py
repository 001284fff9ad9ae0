"""Inputs and outputs that are sequences or optional values, as tensors.

f(x: seq(float[n]))       →   f(x_0: float[n_0], x_1: float[n_1]); x = SequenceConstruct(x_0, x_1)
y: seq(float[n])          →   y_0 = SequenceAt(y, 0), y_1 = SequenceAt(y, 1)
f(x: optional(float[n]))  →   f(x: float[n])
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.infer import Analysis
from tf2rust.onnx_import.sequences import elements
from tf2rust.ops.core.inference import InferenceError
from tf2rust.stages import brief


def has_other_ports(proto: onnx.ModelProto) -> bool:
    """Whether an input or output is not a tensor."""
    return any(v.type.WhichOneof("value") != "tensor_type" for v in (*proto.graph.input, *proto.graph.output))


def sequence_inputs(proto: onnx.ModelProto) -> list[str]:
    """The names of the inputs that are sequences, or optional ones."""
    return [v.name for v in proto.graph.input if _without_optional(v.type).HasField("sequence_type")]


def tensor_ports(
    proto: onnx.ModelProto, lengths: Mapping[str, int], analyse: Callable[[onnx.ModelProto], Analysis]
) -> tuple[onnx.ModelProto, list[str]]:
    """The model with tensors in the place of other inputs and outputs, and notes on them.

    ``lengths`` are the numbers of elements of the inputs that are sequences. Raises ConversionError if an output is a
    sequence whose number of elements is not known.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(proto)
    graph = changed.graph
    notes = []
    for info in (*graph.input, *graph.output):
        if info.type.HasField("optional_type"):
            info.type.CopyFrom(_without_optional(info.type))
            if info in graph.input:
                notes.append(f"input `{brief(info.name)}` is optional in the model; the crate requires it.")
    # A dimension that a tensor has too is the same for all elements.
    shared = {d.dim_param for info in graph.input for d in info.type.tensor_type.shape.dim}
    used = {value for node in graph.node for value in (*node.input, *node.output)}
    inputs, made = [], []
    for info in graph.input:
        count = lengths.get(info.name) if info.type.HasField("sequence_type") else None
        if count is None:
            inputs.append(info)
            continue
        kind = info.type.sequence_type.elem_type
        parts = [_element(info.name, i, kind, used, shared) for i in range(count)]
        inputs += parts
        empty = helper.make_node("SequenceEmpty", [], [info.name], dtype=kind.tensor_type.elem_type)
        names = [part.name for part in parts]
        made.append(helper.make_node("SequenceConstruct", names, [info.name]) if parts else empty)
    nodes = list(graph.node)
    del graph.input[:], graph.node[:]
    graph.input.extend(inputs)
    graph.node.extend([*made, *nodes])
    if any(info.type.HasField("sequence_type") for info in graph.output):
        notes += _sequence_outputs(graph, _lengths(analyse(changed)), used)
    return changed, notes


def _without_optional(kind: onnx.TypeProto) -> onnx.TypeProto:
    inner = onnx.TypeProto()
    inner.CopyFrom(kind.optional_type.elem_type if kind.HasField("optional_type") else kind)
    return inner


def _element(
    name: str, index: int, kind: onnx.TypeProto, used: Container[str], shared: Container[str] = ()
) -> onnx.ValueInfoProto:
    """An element of a sequence as a value of its own, whose symbolic dimensions are its own too, except ``shared``."""
    if (own := f"{name}_{index}") in used:
        raise ConversionError(f"The model has a value `{brief(own)}`, which element {index} of `{brief(name)}` needs.")
    info = onnx.ValueInfoProto(name=own, type=kind)
    for dim in info.type.tensor_type.shape.dim:
        if dim.dim_param and dim.dim_param not in shared:
            dim.dim_param = f"{dim.dim_param}_{index}"
    return info


def _lengths(analysis: Analysis) -> dict[str, int]:
    """The number of elements of every output that is a sequence."""
    found = {}
    for value in analysis.graph.outputs:
        if value not in analysis.infos:
            try:
                found[value.name or ""] = len(elements(value))
            except InferenceError as error:
                cause = next(iter(analysis.problems.values()), str(error))
                raise ConversionError(
                    f"The output `{brief(value.name or '')}` is a sequence whose number of elements is not known at "
                    f"conversion: {cause}."
                ) from None
    return found


def _sequence_outputs(graph: onnx.GraphProto, lengths: Mapping[str, int], used: set[str]) -> list[str]:
    """Replaces the outputs that are sequences by their elements. Returns notes."""
    outputs, notes = [], []
    for info in graph.output:
        if info.name not in lengths:
            outputs.append(info)
            continue
        parts = [_element(info.name, i, info.type.sequence_type.elem_type, used) for i in range(lengths[info.name])]
        for i, part in enumerate(parts):
            position = f"{part.name}_position"
            graph.initializer.append(numpy_helper.from_array(np.asarray(i, np.int64), position))
            graph.node.append(helper.make_node("SequenceAt", [info.name, position], [part.name]))
            part.type.tensor_type.ClearField("shape")
        outputs += parts
        listed = ", ".join(f"`{brief(part.name)}`" for part in parts)
        notes.append(f"output `{brief(info.name)}` is a sequence; the crate returns its elements {listed}.")
    del graph.output[:]
    graph.output.extend(outputs)
    return notes
