"""The TensorFlow front end: exports Keras 2 and 3 files, SavedModels, frozen graphs and TFLite files to ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.memory import trim_heap
from tf2rust.onnx_import.tensorflow.apart import as_initializers, kept_apart
from tf2rust.onnx_import.tensorflow.attribution import attribute_nodes
from tf2rust.onnx_import.tensorflow.canonical import canonicalise
from tf2rust.onnx_import.tensorflow.export import export
from tf2rust.onnx_import.tensorflow.frozen import open_frozen_graph
from tf2rust.onnx_import.tensorflow.keras_model import open_keras, trace_keras
from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.onnx_import.tensorflow.saved_model import open_saved_model
from tf2rust.onnx_import.tensorflow.stored import read_stored
from tf2rust.onnx_import.tensorflow.tflite import TFLiteModel
from tf2rust.onnx_import.tensorflow.traced import TracedModel
from tf2rust.ops.core.layer import State

__all__ = ["TensorFlowModel", "load_frozen_graph", "load_tensorflow"]

_KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")

Arrays = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class TensorFlowModel:
    """A TensorFlow model as ONNX, and TensorFlow's own way of running it.

    ``proto`` has opset 18, symbolic batch and time dimensions, and a canonical order and canonical names. ``layers``
    maps Keras layers to their classes, and is empty if the file does not record them. ``node_layers`` maps ONNX nodes
    to Keras layers where possible. ``run`` takes and returns arrays by ONNX input and output names. ``notes`` are for
    the user: trusted parts that can do more than compute, and layers that were left out. ``weights`` are initializers
    that ``proto`` holds without contents. ``states`` are the inputs and outputs that were variables.
    """

    proto: onnx.ModelProto
    opened_with: str
    framework: str
    layers: Mapping[str, str]
    node_layers: Mapping[str, str]
    run: Callable[[Arrays], dict[str, np.ndarray[Any, Any]]]
    notes: tuple[str, ...] = ()
    weights: Arrays = field(default_factory=dict)
    states: tuple[State, ...] = ()


def load_tensorflow(
    path: Path,
    *,
    trust_code: bool = False,
    signature: str | None = None,
    custom_objects: Mapping[str, object] | None = None,
) -> TensorFlowModel:
    """Opens the model at ``path`` with the matching library, and exports it to ONNX.

    ``path`` is a ``.keras`` or ``.h5`` file of Keras 2 or 3, a ``.tflite`` file, or a SavedModel folder. ``trust_code``
    allows models that can do more than compute, such as run Python code in Lambda layers. ``signature`` selects a
    SavedModel's signature. ``custom_objects`` contains the classes of custom layers by name. Raises
    ``ConversionError``.
    """
    if not path.exists():
        raise ConversionError(f"{path} does not exist.")
    if path.is_dir():
        signed = open_saved_model(path, signature, trust_code=trust_code)
        version = library("tensorflow").__version__
        opened_with = f"SavedModel, signature {signed.name}, opened with TensorFlow {version}"
        return _exported(signed.traced, opened_with, {}, signed.notes)
    if not path.is_file():  # opening a pipe would wait for a writer
        raise ConversionError(f"{path} is neither a file nor a folder; give the path of a model.")
    if signature is not None:
        raise ConversionError(f"{path} is a file, but only SavedModel folders have signatures; remove --signature.")
    if path.suffix == ".pb":
        raise ConversionError(
            f"{path} is a single file; give the SavedModel's folder, or --inputs and --outputs for a frozen graph."
        )
    if path.suffix == ".tflite":
        return _tflite(path)
    if path.suffix not in _KERAS_SUFFIXES:
        raise ConversionError(
            f"{path} has the unknown extension {path.suffix!r}; give a .keras, .h5 or .tflite file or a SavedModel "
            "folder."
        )
    stored = read_stored(path)
    opened = open_keras(stored, trust_code=trust_code, custom_objects=custom_objects)
    traced, layers = trace_keras(opened.model)
    version = stored.keras_version or "(version unknown)"
    return _exported(traced, f"Keras {version} {stored.kind}, opened with {opened.library}", layers, opened.notes)


def load_frozen_graph(
    path: Path, inputs: Sequence[str], outputs: Sequence[str], *, trust_code: bool = False
) -> TensorFlowModel:
    """Opens a frozen ``.pb`` graph as a function of tensors, named ``x`` or ``x:0``.

    ``trust_code`` allows ops that can do more than compute. Raises ``ConversionError``.
    """
    if not path.is_file():
        raise ConversionError(f"{path} does not exist.")
    traced, notes = open_frozen_graph(path, inputs, outputs, trust_code=trust_code)
    return _exported(traced, f"frozen graph, opened with TensorFlow {library('tensorflow').__version__}", {}, notes)


def _tflite(path: Path) -> TensorFlowModel:
    model = TFLiteModel(path)
    proto, _ = canonicalise(model.export(), {})
    version = library("tensorflow").__version__
    opened = f"TFLite model, opened with TensorFlow {version}"
    framework = f"TensorFlow {version}'s TFLite interpreter"
    return TensorFlowModel(proto, opened, framework, {}, {}, model.run, model.notes, states=model.states)


def _exported(
    traced: TracedModel, opened_with: str, layers: Mapping[str, str], notes: tuple[str, ...]
) -> TensorFlowModel:
    exported = export(traced)
    trim_heap()
    as_initializers(exported, traced.weights)
    proto, node_layers = canonicalise(exported, attribute_nodes(exported.graph, traced.scopes))
    weights = {name: traced.weights[tensor] for name, tensor in kept_apart(proto).items()}
    framework = f"TensorFlow {library('tensorflow').__version__}"
    notes, states = (*notes, *_left_out(traced)), traced.states
    return TensorFlowModel(proto, opened_with, framework, layers, node_layers, traced.run, notes, weights, states)


def _left_out(traced: TracedModel) -> list[str]:
    """A note on layers that were removed from the graph, if there are any."""
    if not traced.left_out:
        return []
    names = ", ".join(f"`{name}`" for name in traced.left_out)
    return [
        f"random image augmentation ({names}) is removed, as Keras skips it at inference; the SavedModel contains "
        "it because model.export() of Keras 3 traces these layers in training mode."
    ]
