"""Frozen graphs: a GraphDef whose weights are constants, as a function of chosen tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.gate.graphs import graph_refusals
from tf2rust.onnx_import.tensorflow.gate.refusal import refuse_or_note
from tf2rust.onnx_import.tensorflow.messages import message_of
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.tensorflow.traced import TracedModel, distinct


def open_frozen_graph(
    path: Path, inputs: Sequence[str], outputs: Sequence[str], *, trust_code: bool = False
) -> tuple[TracedModel, tuple[str, ...]]:
    """Open a frozen ``.pb`` file; inputs and outputs are tensor names, ``x`` or ``x:0``.

    Gives notes on what is trusted, too. Raises ``ConversionError`` when the file is no frozen graph or lacks one of the
    tensors, and when the graph may do more than compute and ``trust_code`` is false.
    """
    v1 = library("tensorflow").compat.v1
    graph_def = v1.GraphDef()
    try:
        graph_def.ParseFromString(path.read_bytes())
    except library("google.protobuf.message").DecodeError as error:
        raise ConversionError(f"{path} is not a frozen TensorFlow graph, or is damaged.") from error
    nodes = {node.name for node in graph_def.node}
    missing = [name for name in (*inputs, *outputs) if name.partition(":")[0] not in nodes]
    if missing:
        raise ConversionError([f"{path} has no tensor {name!r}." for name in missing])
    if not inputs or not outputs:
        raise ConversionError(f"{path} does not say what its inputs and outputs are; name their tensors.")
    notes = refuse_or_note(list(graph_refusals(graph_def)), path.name, trust_code=trust_code)
    try:
        with quiet():
            return in_session(graph_def, _by_node(inputs), _by_node(outputs)), notes
    except Exception as error:  # TensorFlow's exceptions have no common base but this one
        raise ConversionError(f"{path} is a graph that TensorFlow cannot open: {message_of(error)}.") from error


def in_session(graph_def: Any, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> TracedModel:
    """The function from some tensors of a frozen graph to others, both given as ONNX name -> tensor name."""
    v1 = library("tensorflow").compat.v1
    with v1.Graph().as_default() as graph:
        v1.import_graph_def(graph_def, name="")
    session = v1.Session(graph=graph)
    names = dict(zip(distinct(list(outputs), list(inputs)), outputs.values(), strict=True))

    def call(arrays: Mapping[str, Any]) -> Sequence[Any]:
        results: list[Any] = session.run(
            list(names.values()), {tensor: arrays[name] for name, tensor in inputs.items()}
        )
        return results

    return TracedModel(graph_def, inputs, names, call)


def _by_node(tensors: Sequence[str]) -> dict[str, str]:
    """Tensor names by the names they bear in ONNX: ``x:0`` is called ``x``."""
    full = [tensor if ":" in tensor else f"{tensor}:0" for tensor in tensors]
    return {tensor.removesuffix(":0"): tensor for tensor in full}
