"""Writes what Python callers pass instead of paths to files: live models, arrays, class names and thresholds."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tf2rust.classifier.thresholds import FORMAT_VERSION
from tf2rust.codegen.crate import write_npz
from tf2rust.errors import ConversionError, UsageError
from tf2rust.ops.core.dtypes import as_stored
from tf2rust.proof.samples.features import ONLY_INPUT
from tf2rust.stages import brief

_KERAS = ("keras", "tf_keras")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every file in an archive that does not depend on the time."""
_KINDS = "give a path, a Keras model, a tf.Module, a tf.function with an input signature, or an onnx.ModelProto"


class GivenFiles:
    """Files in a temporary folder, one for each model or value that is not a path already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, str] = {}
        self.custom_objects: dict[str, object] = {}
        """The classes that only this process knows and that a saved Keras model needs."""

    def model(self, given: Any, signature: str | None) -> Path:
        """The path of a model; a live one is saved first. Raises UsageError and ConversionError."""
        if isinstance(given, (str, os.PathLike)):
            return Path(given).absolute()
        kind = type(given).__module__.partition(".")[0]
        bases = {base.__module__.partition(".")[0] for base in type(given).__mro__}
        if kind == "onnx":
            return self._onnx(given)
        if package := next((name for name in _KERAS if name in bases and hasattr(given, "save")), None):
            return self._keras(given, package)
        if "tensorflow" in bases:
            return self._saved_model(given, signature)
        raise UsageError(f"a {type(given).__name__} is not a model; {_KINDS}")

    def arrays(self, given: Any, option: str) -> Path | None:
        """The path of an NPZ file. A single array stands for the only input of the model."""
        if given is None or isinstance(given, (str, os.PathLike)):
            return _path(given)
        named = given if isinstance(given, Mapping) else {ONLY_INPUT: given}
        try:
            arrays = {name: np.asarray(array) for name, array in named.items()}
        except ValueError as error:  # rows of different lengths
            raise UsageError(f"{option}: the values are not an array ({brief(str(error))})") from error
        if any(array.dtype.hasobject and not _is_text(array) for array in arrays.values()):
            raise UsageError(f"{option}: give a path, an array, or arrays by input name")
        path = self._named(f"{option}.npz", f"the arrays of {option}")
        with path.open("wb") as file:
            write_npz(file, {name: as_stored(array) for name, array in arrays.items()})
        return path

    def labels(self, given: Any) -> Path | None:
        """The path of a file of class names."""
        if given is None or isinstance(given, (str, os.PathLike)):
            return _path(given)
        if not isinstance(given, Iterable):
            raise UsageError("labels: give a path or the class names by index")
        return self._json("labels", list(given))

    def thresholds(self, given: Any) -> Path | None:
        """The path of a file of thresholds, which can be given by level."""
        if given is None or isinstance(given, (str, os.PathLike)):
            return _path(given)
        try:
            levels = {level: float(value) for level, value in dict(given).items()}
        except (TypeError, ValueError) as error:
            raise UsageError("thresholds: give a path, or a number for each level") from error
        return self._json("thresholds", {"version": FORMAT_VERSION, "dirty": levels})

    def named(self, text: str) -> str:
        """A message with what a caller gave in the place of the temporary files."""
        for path, name in self._names.items():
            text = text.replace(path, name)
        return text

    def _named(self, file: str, name: str) -> Path:
        path = self._folder / file
        self._names[str(path)] = name
        return path

    def _json(self, option: str, content: object) -> Path:
        path = self._named(f"{option}.json", f"the given {option}")
        path.write_text(json.dumps(content), encoding="utf-8")
        return path

    def _onnx(self, model: Any) -> Path:
        import onnx

        if not isinstance(model, onnx.ModelProto):
            raise UsageError(f"a {type(model).__name__} is not a whole model; {_KINDS}")
        path = self._named("model.onnx", "the given model")
        try:
            path.write_bytes(model.SerializeToString(deterministic=True))
        except (ValueError, RuntimeError) as error:
            raise ConversionError(
                f"The ModelProto cannot be serialized ({brief(str(error))}); save a model of more than 2 GB with "
                "onnx.save_model(..., save_as_external_data=True), and give its path."
            ) from error
        return path

    def _keras(self, model: Any, package: str) -> Path:
        """Saves a Keras model. Keras cannot load custom classes in another process, which does not know them."""
        path = self._named("model.keras", "the given model")
        keras = sys.modules[package]
        known = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
        known |= keras.saving.get_custom_objects()
        self.custom_objects = {name: value for name, value in known.items() if not _is_of_keras(value)}
        try:
            model.save(path)
        except Exception as error:  # Custom classes raise anything.
            raise ConversionError(
                f"Keras cannot save the model ({type(error).__name__}: {brief(str(error))}); give its custom layers a "
                "get_config method, or save it with model.export() and give the path of the folder."
            ) from error
        _without_dates(path)
        return path

    def _saved_model(self, model: Any, signature: str | None) -> Path:
        tf = sys.modules["tensorflow"]
        path = self._named("model", "the given model")
        try:
            module, functions = _functions(tf, model)
            if len(functions) == 1 and signature is None:
                functions = {"serving_default": next(iter(functions.values()))}
            if functions:
                tf.saved_model.save(module, str(path), signatures=functions)
        except Exception as error:  # TensorFlow raises many kinds of errors.
            raise ConversionError(
                f"TensorFlow cannot save the function ({type(error).__name__}: {brief(str(error))}); make its "
                "variables attributes of a tf.Module, and return tensors or a dict of tensors."
            ) from error
        if not functions:
            raise ConversionError(
                f"The {type(model).__name__} has no function with an input signature, so the shapes of its inputs are "
                "unknown; decorate the function with @tf.function(input_signature=[tf.TensorSpec(…)])."
            )
        return path


def _path(given: str | os.PathLike[str] | None) -> Path | None:
    return None if given is None else Path(given).absolute()


def _is_text(array: np.ndarray) -> bool:
    return all(isinstance(item, str) for item in array.flat)


def _is_of_keras(value: Any) -> bool:
    return str(value.__module__).partition(".")[0] in _KERAS


def _functions(tf: Any, model: Any) -> tuple[Any, dict[str, Any]]:
    """The object to save, and its functions with an input signature by name."""
    if _is_function(model):
        module = tf.Module()
        module.function = model
        functions = {"function": model} if _has_signature(model) else {}
        if functions:
            concrete = model if _is_concrete(model) else model.get_concrete_function()
            # TensorFlow saves only variables that belong to the object.
            module.captured = list(concrete.variables)
        return module, functions
    if loaded := getattr(model, "signatures", None):
        return model, dict(loaded)
    return model, dict(_members(model))


def _members(model: Any) -> Iterator[tuple[str, Any]]:
    for name in dir(type(model)):
        if name.startswith("_") and name != "__call__":
            continue
        member = getattr(model, name, None)
        if _is_function(member) and _has_signature(member):
            yield ("call" if name == "__call__" else name), member


def _is_concrete(value: Any) -> bool:
    return hasattr(value, "structured_input_signature") and hasattr(value, "inputs")


def _is_function(value: Any) -> bool:
    return _is_concrete(value) or hasattr(value, "get_concrete_function")


def _has_signature(function: Any) -> bool:
    return _is_concrete(function) or getattr(function, "input_signature", None) is not None


def _without_dates(path: Path) -> None:
    """Rewrites a ``.keras`` archive without times, so that the crate of a model does not depend on them."""
    dated = path.with_name("dated.keras")
    path.rename(dated)
    with zipfile.ZipFile(dated) as source, zipfile.ZipFile(path, "w") as target:
        for member in source.infolist():
            content = source.read(member)
            if member.filename == "metadata.json":
                content = json.dumps({**json.loads(content), "date_saved": ""}).encode()
            target.writestr(zipfile.ZipInfo(member.filename, _EPOCH), content)
    dated.unlink()
