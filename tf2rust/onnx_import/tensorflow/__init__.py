"""The TensorFlow front end: Keras files of both generations, SavedModels, frozen graphs and TFLite, as ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.attribution import attribute_nodes
from tf2rust.onnx_import.tensorflow.canonical import canonicalise
from tf2rust.onnx_import.tensorflow.export import export
from tf2rust.onnx_import.tensorflow.keras_model import open_keras, trace_keras
from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.onnx_import.tensorflow.stored import read_stored
from tf2rust.onnx_import.tensorflow.traced import TracedModel

__all__ = ["TensorFlowModel", "load_tensorflow"]

Arrays = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class TensorFlowModel:
    """A TensorFlow model as ONNX, together with TensorFlow's own way of running it.

    ``proto`` has opset 18, free batch and time dimensions, and an order and names that depend on nothing but the
    model. ``layers`` gives the Keras class of each Keras layer and is empty where the file does not tell;
    ``node_layers`` the Keras layer of each ONNX node that can be attributed. ``run`` takes and gives arrays by ONNX
    input and output names.
    """

    proto: onnx.ModelProto
    opened_with: str
    framework: str
    layers: Mapping[str, str]
    node_layers: Mapping[str, str]
    run: Callable[[Arrays], dict[str, np.ndarray[Any, Any]]]


def load_tensorflow(
    path: Path,
    *,
    trust_code: bool = False,
    signature: str | None = None,
    custom_objects: Mapping[str, object] | None = None,
) -> TensorFlowModel:
    """Open the model at ``path`` with the library that fits it and export it to ONNX."""
    stored = read_stored(path)
    opened = open_keras(stored, trust_code=trust_code, custom_objects=custom_objects)
    traced, layers = trace_keras(opened.model)
    return _exported(traced, f"Keras {stored.keras_version} {stored.kind}, opened with {opened.library}", layers)


def _exported(traced: TracedModel, opened_with: str, layers: Mapping[str, str]) -> TensorFlowModel:
    exported = export(traced)
    proto, node_layers = canonicalise(exported, attribute_nodes(exported.graph, traced.scopes))
    framework = f"TensorFlow {library('tensorflow').__version__}"
    return TensorFlowModel(proto, opened_with, framework, layers, node_layers, traced.run)
