"""How the files of the zoo are saved; for the ``write_*`` scripts, which run where tf2rust is not installed."""

from __future__ import annotations

from pathlib import Path

import onnx

MODELS = Path(__file__).resolve().parent / "models"
LARGEST = 64_000
"""Bytes of a file."""


def save(model: onnx.ModelProto, name: str) -> None:
    """Writes the model without traces of the machine that exported it: stack traces, notes and paths."""
    onnx.checker.check_model(model)
    for part in (model, model.graph, *model.functions):
        _forget(part)
    for graph in (model.graph, *model.functions):
        for node in graph.node:
            _forget_in(node)
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer):
        _forget(value)
    data = model.SerializeToString(deterministic=True)
    if len(data) > LARGEST:
        raise ValueError(f"{name} takes {len(data)} bytes, more than {LARGEST}")
    (MODELS / f"{name}.onnx").write_bytes(data)
    print(f"{name}: {len(data)} bytes, opset {model.opset_import[0].version}")


def _forget(part: object) -> None:
    for field in ("doc_string", "metadata_props"):
        part.ClearField(field)  # type: ignore[attr-defined]


def _forget_in(node: onnx.NodeProto) -> None:
    _forget(node)
    for attribute in node.attribute:
        attribute.ClearField("doc_string")
        for graph in (attribute.g, *attribute.graphs) if attribute.type in (5, 10) else ():
            for inner in graph.node:
                _forget_in(inner)
