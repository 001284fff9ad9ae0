"""Imports the classes of custom layers that the command line names."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from tf2rust.errors import ConversionError, UsageError


def load_custom_objects(given: Sequence[str]) -> dict[str, object]:
    """Returns objects by their name in the model, from ``module:NAME`` or ``NAME=module:attribute``.

    Modules are searched in Python's path and in the current folder. Raises UsageError for any other form, and
    ConversionError if the module or attribute does not exist.
    """
    folder = str(Path.cwd())
    if given and folder not in sys.path:
        sys.path.append(folder)
    found: dict[str, object] = {}
    for item in given:
        alias, equals, where = item.rpartition("=")
        module, _, attribute = where.partition(":")
        if not module or not attribute or (equals and not alias):
            raise UsageError(f"--custom_objects {item}: expected module:NAME or NAME=module:attribute")
        found[alias or attribute.rpartition(".")[2]] = _load(item, module, attribute)
    return found


def _load(item: str, module: str, attribute: str) -> object:
    try:
        target: object = importlib.import_module(module)
    except Exception as error:  # The module is user code and can raise anything.
        raise ConversionError(
            f"--custom_objects {item}: cannot import the module {module!r} ({type(error).__name__}: {error}); run "
            "from the module's folder, or install the module."
        ) from error
    for part in attribute.split("."):
        if not hasattr(target, part):
            raise ConversionError(f"--custom_objects {item}: the module {module!r} has no attribute {attribute!r}.")
        target = getattr(target, part)
    return target
