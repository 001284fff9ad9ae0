"""Opens Keras 2 and 3 models, and traces them with marked layers."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.gate.keras_calls import check_calls
from tf2rust.onnx_import.tensorflow.gate.keras_config import config_refusals
from tf2rust.onnx_import.tensorflow.gate.refusal import refuse_or_note
from tf2rust.onnx_import.tensorflow.messages import not_opened, not_traced
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.tensorflow.scopes import LayerScopes, layer_classes, marked
from tf2rust.onnx_import.tensorflow.stored import StoredModel
from tf2rust.onnx_import.tensorflow.traced import TracedModel, argument_tensors, distinct, freeze_function

_UNKNOWN_LAYER = re.compile(
    r"Unknown layer: '?(?P<a>[\w>.]+)|Could not locate class '(?P<b>[^']+)'|Unknown object: '?(?P<c>[\w>.]+)"
)


@dataclass(frozen=True)
class OpenedModel:
    """A Keras model, the library that opened it, and notes on its trusted parts."""

    model: Any
    library: str
    notes: tuple[str, ...]


def open_keras(stored: StoredModel, *, trust_code: bool, custom_objects: Mapping[str, object] | None) -> OpenedModel:
    """Opens a ``.keras`` or ``.h5`` file with the Keras version that wrote it, without compiling the model.

    Keras reads a copy with the architecture that was checked, so that it cannot read another one. Raises
    ``ConversionError`` if the model can do more than compute and ``trust_code`` is false, if it needs a class that is
    not in ``custom_objects``, or if Keras cannot read it.
    """
    package = "tf_keras" if stored.is_keras_2 else "keras"
    # Classes that users registered are known too, but only if they imported Keras themselves.
    loaded = sys.modules.get(package)
    registered = loaded.saving.get_custom_objects() if loaded else {}
    refusals = config_refusals(stored.config, {*registered, *(custom_objects or {})})
    notes = refuse_or_note(list(refusals), stored.path.name, trust_code=trust_code)
    check_calls(stored.config, stored.path.name)
    keras = library(package)
    with tempfile.TemporaryDirectory(prefix="tf2rust-") as folder:
        copy = stored.copy_to(Path(folder))
        try:
            with quiet():
                known = {**_operations(keras, stored), **(custom_objects or {})}
                model = keras.models.load_model(copy, custom_objects=known, compile=False, safe_mode=not trust_code)
        except Exception as error:
            raise _not_opened(stored, f"{package} {keras.__version__}", error) from error
    if not isinstance(model, keras.Model):
        raise ConversionError(
            f"{stored.path.name} contains a {type(model).__name__} instead of a model: the file is damaged; save "
            "it again."
        )
    return OpenedModel(model, f"{package} {keras.__version__}", notes)


def _operations(keras: Any, stored: StoredModel) -> dict[str, type]:
    """Operations on tensors (``x != 0``, ``keras.ops``) that Keras 3 writes into ``.h5`` files, but cannot read back.

    They are stored only by class name, so those with the name of a layer, such as ``Add``, stay unknown.
    """
    if stored.is_keras_2 or stored.kind != ".h5":
        return {}
    found: dict[str, type] = {}
    waiting = [keras.Operation]
    while waiting:
        waiting += (new := waiting.pop().__subclasses__())
        found |= {c.__name__: c for c in new if c.__module__.startswith("keras.src.ops.")}
    return {name: operation for name, operation in found.items() if not hasattr(keras.layers, name)}


def _not_opened(stored: StoredModel, opener: str, error: Exception) -> ConversionError:
    unknown = _UNKNOWN_LAYER.search(str(error))
    if unknown:
        name = next(group for group in unknown.groups() if group)
        return ConversionError(
            f"{stored.path.name} uses the layer class {name!r}, which {opener} does not know; pass the class with "
            "--custom_objects, or save the model as a SavedModel with model.export()."
        )
    writer = f"Keras {stored.keras_version}" if stored.keras_version else "an unknown Keras"
    remedy = (
        "save the model as .keras, because Keras 3 cannot read all of its own .h5 files"
        if stored.kind == ".h5" and not stored.is_keras_2
        else "open it with the Keras version that wrote it, and save it as a SavedModel with model.export()"
    )
    return not_opened(error, stored.path.name, writer, opener, remedy)


def trace_keras(model: Any) -> tuple[TracedModel, dict[str, str]]:
    """Traces ``model`` for inference. Returns the function, and the classes of the model's layers by name.

    The function takes the model's inputs, flat and in order. Dimensions without a size stay symbolic; for a subclassed
    model, which records only the shapes that it was built with, the batch is symbolic too. Raises ``ConversionError``
    if the model was never built, or fails in graph mode.
    """
    tf = library("tensorflow")
    signature = _functional(model) if _is_functional(model) else _subclassed(model)
    names = distinct(signature.inputs)
    _drop_nothing(signature.model)
    classes, scopes = layer_classes(signature.model), LayerScopes()
    try:
        with quiet(), marked(signature.model) as scopes:
            function = tf.function(signature.call, input_signature=signature.specs).get_concrete_function()
            outputs = signature.outputs or tuple(f"output_{index}" for index in range(len(function.outputs)))
            traced = freeze_function(
                function,
                dict(zip(names, argument_tensors(function), strict=True)),
                outputs,
                lambda arguments: list(function(*(arguments[name] for name in names))),
                scopes,
            )
    except ConversionError:
        raise
    except Exception as error:
        raise not_traced(error, model.name, scopes, classes) from error
    return traced, classes


def _drop_nothing(model: Any) -> None:
    """Disables the dropout of recurrent cells: Keras draws its masks even at inference, where they are unused."""
    for layer in model._flatten_layers():
        if hasattr(layer, "reset_dropout_mask") and "dropout" in vars(layer):
            layer.dropout = layer.recurrent_dropout = 0.0


@dataclass(frozen=True)
class _Signature:
    """How to call ``model`` on a flat list of tensors; ``outputs`` is empty if their names are unknown."""

    model: Any
    specs: list[Any]
    call: Callable[..., list[Any]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def _is_functional(model: Any) -> bool:
    """Whether the graph of Keras tensors is complete: a functional or Sequential model without a custom call."""
    return bool(getattr(model, "inputs", None)) and type(model).call.__module__.startswith(("keras.", "tf_keras."))


def _functional(model: Any) -> _Signature:
    tf, keras = library("tensorflow"), _generation(model)
    # The same layers with flat lists of inputs and outputs, instead of dicts, nested lists or a single tensor.
    flat = keras.Model(tf.nest.flatten(model.inputs), tf.nest.flatten(model.outputs))
    structure = getattr(model, "_outputs_struct", getattr(model, "_nested_outputs", None))
    return _Signature(
        flat,
        [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in flat.inputs],
        lambda *tensors: tf.nest.flatten(flat(list(tensors), training=False)),
        tuple(tensor._keras_history[0].name for tensor in flat.inputs),
        # Keras flattens a dict by its sorted keys.
        tuple(sorted(structure))
        if isinstance(structure, dict) and len(structure) == len(flat.outputs)
        else tuple(tensor._keras_history[0].name for tensor in flat.outputs),
    )


def _subclassed(model: Any) -> _Signature:
    """A model with its own call; the shapes it was built with are the only information about its inputs."""
    tf = library("tensorflow")
    shapes = (model.get_build_config() or {}).get("input_shape")
    if shapes is None:
        raise ConversionError(
            f"Model {model.name!r} was saved before it was called, so the shapes of its inputs are unknown; call "
            "it on a sample and save it again, or save it with model.export()."
        )
    named = _named_shapes(shapes)

    def call(*tensors: Any) -> list[Any]:
        if isinstance(shapes, dict):
            arguments: Any = dict(zip(shapes, tensors, strict=True))
        else:
            arguments = tensors[0] if len(tensors) == 1 else list(tensors)
        return list(tf.nest.flatten(model(arguments, training=False)))

    specs = [tf.TensorSpec((None, *shape[1:]), model.compute_dtype) for _, shape in named]
    return _Signature(model, specs, call, tuple(name for name, _ in named), ())


def _named_shapes(shapes: Any) -> list[tuple[str, tuple[int | None, ...]]]:
    if isinstance(shapes, dict):
        return [(name, tuple(shape)) for name, shape in shapes.items()]
    if all(size is None or isinstance(size, int) for size in shapes):
        return [("input", tuple(shapes))]
    return [(f"input_{index}", tuple(shape)) for index, shape in enumerate(shapes)]


def _generation(model: Any) -> Any:
    """The package (Keras 3 or tf_keras) whose Model class ``model`` derives from."""
    packages = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    return library("tf_keras" if "tf_keras" in packages else "keras")
