"""Frozen graphs: a GraphDef with constant weights, as a function of selected tensors."""

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
    """Opens a frozen ``.pb`` file; inputs and outputs are tensor names, ``x`` or ``x:0``.

    Also returns notes on trusted parts. Raises ``ConversionError`` if the file is not a frozen graph or lacks one of
    the tensors, or if the graph can do more than compute and ``trust_code`` is false.
    """
    v1 = library("tensorflow").compat.v1
    graph_def = v1.GraphDef()
    try:
        graph_def.ParseFromString(path.read_bytes())
    except library("google.protobuf.message").DecodeError as error:
        raise ConversionError(f"{path} is not a frozen TensorFlow graph, or it is damaged; export it again.") from error
    nodes = {node.name for node in graph_def.node}
    missing = [name for name in (*inputs, *outputs) if name.partition(":")[0] not in nodes]
    if missing:
        raise ConversionError([f"{path} has no tensor {name!r}; check --inputs and --outputs." for name in missing])
    if not inputs or not outputs:
        raise ConversionError(
            f"{path} does not record its inputs and outputs; give the names of their tensors with --inputs and "
            "--outputs."
        )
    notes = refuse_or_note(list(graph_refusals(graph_def)), path.name, trust_code=trust_code)
    try:
        with quiet():
            return in_session(graph_def, _by_node(inputs), _by_node(outputs)), notes
    except Exception as error:  # TensorFlow's exceptions have no other common base class.
        raise ConversionError(f"TensorFlow cannot open the graph in {path}: {message_of(error)}.") from error


def in_session(graph_def: Any, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> TracedModel:
    """A function from some tensors of a frozen graph to others; both are given as ONNX name -> tensor name."""
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
    """Tensor names by their ONNX names: ``x:0`` becomes ``x``."""
    full = [tensor if ":" in tensor else f"{tensor}:0" for tensor in tensors]
    return {tensor.removesuffix(":0"): tensor for tensor in full}
