"""The TensorFlow front end: Keras files of both generations, SavedModels, frozen graphs and TFLite, as ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tf2rust.errors import ConversionError
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

__all__ = ["TensorFlowModel", "load_frozen_graph", "load_tensorflow"]

_KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")

Arrays = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class TensorFlowModel:
    """A TensorFlow model as ONNX, together with TensorFlow's own way of running it.

    ``proto`` has opset 18, free batch and time dimensions, and an order and names that depend on nothing but the
    model. ``layers`` gives the Keras class of each Keras layer and is empty where the file does not tell;
    ``node_layers`` the Keras layer of each ONNX node that can be attributed. ``run`` takes and gives arrays by ONNX
    input and output names. ``notes`` are for the user: what of the model is trusted though it may do more than compute,
    and which layers are left out.
    """

    proto: onnx.ModelProto
    opened_with: str
    framework: str
    layers: Mapping[str, str]
    node_layers: Mapping[str, str]
    run: Callable[[Arrays], dict[str, np.ndarray[Any, Any]]]
    notes: tuple[str, ...] = ()


def load_tensorflow(
    path: Path,
    *,
    trust_code: bool = False,
    signature: str | None = None,
    custom_objects: Mapping[str, object] | None = None,
) -> TensorFlowModel:
    """Open the model at ``path`` with the library that fits it, and export it to ONNX.

    ``path`` is a ``.keras`` or ``.h5`` file of Keras 2 or 3, a ``.tflite`` file, or a SavedModel folder.
    ``trust_code`` allows what may do more than compute, such as Python code (Lambda layers); ``signature`` chooses one
    of a SavedModel; ``custom_objects`` holds the classes of custom layers by name. Raises ``ConversionError``.
    """
    if not path.exists():
        raise ConversionError(f"{path} does not exist.")
    if path.is_dir():
        signed = open_saved_model(path, signature, trust_code=trust_code)
        version = library("tensorflow").__version__
        opened_with = f"SavedModel, signature {signed.name}, opened with TensorFlow {version}"
        return _exported(signed.traced, opened_with, {}, signed.notes)
    if not path.is_file():  # opening a pipe would wait for whoever writes to it
        raise ConversionError(f"{path} is neither a file nor a folder; give the model itself.")
    if signature is not None:
        raise ConversionError(f"{path} is a file; only SavedModel folders have signatures.")
    if path.suffix == ".pb":
        raise ConversionError(
            f"{path} is a file of its own: give the SavedModel's folder, or --inputs and --outputs of a frozen graph."
        )
    if path.suffix == ".tflite":
        return _tflite(path)
    if path.suffix not in _KERAS_SUFFIXES:
        raise ConversionError(
            f"{path} has the extension {path.suffix!r}; "
            "a model is a .keras, .h5 or .tflite file or a SavedModel folder."
        )
    stored = read_stored(path)
    opened = open_keras(stored, trust_code=trust_code, custom_objects=custom_objects)
    traced, layers = trace_keras(opened.model)
    version = stored.keras_version or "(version unknown)"
    return _exported(traced, f"Keras {version} {stored.kind}, opened with {opened.library}", layers, opened.notes)


def load_frozen_graph(
    path: Path, inputs: Sequence[str], outputs: Sequence[str], *, trust_code: bool = False
) -> TensorFlowModel:
    """Open a frozen ``.pb`` graph as a function from tensors, named ``x`` or ``x:0``, to others.

    ``trust_code`` allows ops that do more than compute. Raises ``ConversionError``.
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
    return TensorFlowModel(proto, opened, f"TensorFlow {version}'s TFLite interpreter", {}, {}, model.run)


def _exported(
    traced: TracedModel, opened_with: str, layers: Mapping[str, str], notes: tuple[str, ...]
) -> TensorFlowModel:
    exported = export(traced)
    proto, node_layers = canonicalise(exported, attribute_nodes(exported.graph, traced.scopes))
    framework = f"TensorFlow {library('tensorflow').__version__}"
    return TensorFlowModel(proto, opened_with, framework, layers, node_layers, traced.run, (*notes, *_left_out(traced)))


def _left_out(traced: TracedModel) -> list[str]:
    """A note on layers that the graph has no part of, if there are any."""
    if not traced.left_out:
        return []
    names = ", ".join(f"`{name}`" for name in traced.left_out)
    return [
        f"what augments images at random ({names}) is left out, as Keras leaves it out at inference; in the SavedModel "
        "it is at work, since model.export() of Keras 3 traces it as in training."
    ]
