"""Conversions as tables of options: those of ``tf2rust.toml``, and the record that every conversion writes.

Both have the names of the command line, and are read into the values that the command line would give.
"""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf2rust import __version__
from tf2rust.errors import ConversionError, UsageError
from tf2rust.stages import brief
from tf2rust.text_file import parse_json, read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CONFIG = "tf2rust.toml"
RECORD = "conversion.json"
"""The file in the folder about the model with the options of the conversion."""
RECORD_VERSION = 1
SAMPLES_AND_LABELS = ("path_to_fv", "calibrate", "thresholds", "labels", "constants")
"""The options with a file whose contents become a part of the crate. The record has only their names."""
RUNS_CODE = ("trust_code", "custom_objects")
"""The options by which a conversion runs code that is not of tf2rust."""

_Given = dict[str, Any]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _WrongTypeError("a string")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _WrongTypeError("true or false")
    return value


def _path(value: object) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise _WrongTypeError("a path")
    return Path(value)


def _list(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _WrongTypeError("a string or a list of strings")
    return list(value)


def _names(value: object) -> str | None:
    return ",".join(_list(value)) or None


def _dims(value: object) -> list[str]:
    """``{batch = 1, time = [1, 64]}``, or the texts ``batch=1``."""
    if not isinstance(value, dict):
        return _list(value)
    sizes = {name: size if isinstance(size, list) else [size] for name, size in value.items()}
    return [f"{name}={'..'.join(map(str, ends))}" for name, ends in sizes.items()]


def _states(value: object) -> list[str] | dict[str, str]:
    if not isinstance(value, dict):
        return _list(value)
    if not all(isinstance(output, str) for output in value.values()):
        raise _WrongTypeError("a table of strings")
    return dict(value)


def _loss(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, float | int | str):
        raise _WrongTypeError("a number or a string")
    return str(value)


def _rates(value: object) -> str:
    if not isinstance(value, dict):
        return _text(value)
    return ",".join(f"{level}={rate}" for level, rate in value.items())


class _WrongTypeError(Exception):
    """The value of a key has another type than the one in the message."""


_KEYS: dict[str, tuple[Callable[[object], Any], Any]] = {
    "model": (_path, None),
    "path_to_save": (_path, None),
    "model_name": (_text, None),
    "binary_classification": (_flag, None),
    "enable_inplace": (_flag, True),
    "enable_memdrop": (_flag, True),
    "path_to_fv": (_path, None),
    "thresholds": (_path, None),
    "fpr": (_rates, None),
    "labels": (_path, None),
    "dim": (_dims, None),
    "state": (_states, None),
    "stream": (_text, None),
    "quantize": (_text, None),
    "weights": (_text, None),
    "precision": (_text, None),
    "calibrate": (_path, None),
    "calibration_method": (_text, None),
    "keep_float": (_list, None),
    "max_loss": (_loss, None),
    "constants": (_path, None),
    "tf_layers": (_path, None),
    "license": (_text, None),
    "with": (_names, None),
    "verify": (_flag, False),
    "budget": (_text, None),
    "signature": (_text, None),
    "trust_code": (_flag, False),
    "custom_objects": (_list, None),
    "inputs": (_names, None),
    "outputs": (_names, None),
}
"""How the value of each option is read, and its default."""
OPTIONS = tuple(_KEYS)
_REQUIRED = ("model", "path_to_save", "model_name")
_ONLY_TENSORFLOW = ("signature", "trust_code", "custom_objects", "inputs", "outputs")


def read_config(path: Path) -> list[_Given]:
    """Reads the tables ``[[model]]`` of a ``tf2rust.toml`` as values of the command line.

    Paths are relative to the file. Raises UsageError with the file and the key for everything that is wrong with it.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist; write a {CONFIG} with a table [[model]] for each model")
    if not path.is_file():
        raise UsageError(f"{path} is not a file; give the path of a {CONFIG} with a table [[model]] for each model")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except RecursionError:
        raise UsageError(f"{path} is not a readable TOML file: it is nested too deeply") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a readable TOML file: {brief(str(error))}") from error
    tables = content.get("model")
    if other := [key for key in content if key != "model"]:
        raise UsageError(f"{path}: unknown key {brief(other[0])!r}; put every option into a table [[model]]")
    if isinstance(tables, dict):
        raise UsageError(f"{path} has no table [[model]]; write [[model]] instead of [model]")
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{path} has no table [[model]]; write one for each model")
    found = [_model(table, table_name(path, i), path.absolute().parent) for i, table in enumerate(tables)]
    _check_folders(path, found)
    return found


def table_name(path: Path, index: int) -> str:
    """How messages name a table of a ``tf2rust.toml``."""
    return f"{path}, [[model]] {index + 1}"


def _check_folders(path: Path, tables: Sequence[_Given]) -> None:
    """Raises UsageError if two tables have the same output folder, or if one folder contains another."""
    folders = [Path(os.path.realpath(table["path_to_save"])) for table in tables]
    for i, folder in enumerate(folders):
        for other in folders[:i]:
            if folder == other or folder in other.parents or other in folder.parents:
                relation = "is also that" if folder == other else "contains or is inside that"
                raise UsageError(
                    f"{table_name(path, i)}: the folder of 'path_to_save', {folder}, {relation} of [[model]] "
                    f"{folders.index(other) + 1}; give every model a folder of its own"
                )


def _model(table: Mapping[str, object], where: str, folder: Path) -> _Given:
    found = given(table, where, folder)
    if missing := [name for name in _REQUIRED if found[name] is None]:
        raise UsageError(f"{where}: the key {missing[0]!r} is missing")
    if is_onnx(found["model"]):
        wrong = next((name for name in _ONLY_TENSORFLOW if found[name]), None)
    else:
        wrong = "constants" if found["constants"] else None
    if wrong:
        raise UsageError(f"{where}: the key {wrong!r} has no meaning for {found['model'].name}; remove it")
    return found


def given(table: Mapping[str, object], where: str, folder: Path) -> _Given:
    """The values that the command line would give for the options in ``table``, and the defaults of the others."""
    found = {name: default for name, (_, default) in _KEYS.items()}
    spelled = dict[str, str]()
    for key, value in table.items():
        name = key.replace("-", "_")
        if name not in _KEYS:
            raise UsageError(f"{where}: unknown key {brief(key)!r}{_nearest(name)}")
        if name in spelled:
            raise UsageError(
                f"{where}: the keys {spelled[name]!r} and {brief(key)!r} are the same option; remove one of them"
            )
        spelled[name] = key
        try:
            read = _KEYS[name][0](value)
        except _WrongTypeError as error:
            raise UsageError(f"{where}: {key!r} must be {error}, not {brief(repr(value))}") from error
        found[name] = folder / read if isinstance(read, Path) else read
    # A keyword of Python cannot be a parameter of a command.
    found["targets"] = found.pop("with")
    return found


def _nearest(name: str) -> str:
    if name in ("max_memory", "time_limit"):
        return f"; give --{name} to tf2rust build"
    near = difflib.get_close_matches(name, _KEYS, 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; the keys are: {', '.join(_KEYS)}"


def is_onnx(model: Path) -> bool:
    """Whether ``model`` is converted by ``from-onnx``."""
    return model.suffix.lower() == ".onnx"


@dataclass(frozen=True)
class Record:
    """The model of a conversion, the version of tf2rust that converted it, and the options."""

    tf2rust: str
    model: str
    sha256: str
    options: Mapping[str, object]


def recorded(model: str, sha256: str, options: Mapping[str, object]) -> str:
    """The text of ``conversion.json``. Escapes make every name valid UTF-8."""
    content = {
        "version": RECORD_VERSION,
        "tf2rust": __version__,
        "model": {"file": model, "sha256": sha256},
        "options": options,
    }
    return json.dumps(content, indent=2) + "\n"


def read_record(path: Path) -> Record:
    """Reads a ``conversion.json``. Raises ConversionError if it is missing or damaged."""
    if not path.is_file():
        raise ConversionError(
            f"{path} is missing, so the options of the conversion are unknown; convert the model again."
        )
    text = read_text(path, "it holds the options of the conversion; convert the model again")
    content = parse_json(text, path, "convert the model again")
    try:
        record = Record(
            str(content["tf2rust"]), str(content["model"]["file"]), str(content["model"]["sha256"]), content["options"]
        )
    except (KeyError, TypeError) as error:
        raise ConversionError(f"{path} is damaged ({brief(str(error))}); convert the model again.") from error
    if content.get("version") != RECORD_VERSION or not isinstance(record.options, dict):
        raise ConversionError(f"{path} is of another version of tf2rust; convert the model again.")
    return record
