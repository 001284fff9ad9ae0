"""The classes of custom layers, imported as the command line names them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from tf2rust.errors import ConversionError, UsageError


def load_custom_objects(given: Sequence[str]) -> dict[str, object]:
    """Objects by the names that the model knows them by, of ``module:NAME`` or ``NAME=module:attribute``.

    Modules are found as Python finds them, and in the current folder. Raises UsageError for another form and
    ConversionError when there is no such module or attribute.
    """
    folder = str(Path.cwd())
    if given and folder not in sys.path:
        sys.path.append(folder)
    found: dict[str, object] = {}
    for item in given:
        alias, equals, where = item.rpartition("=")
        module, _, attribute = where.partition(":")
        if not module or not attribute or (equals and not alias):
            raise UsageError(f"--custom_objects {item}: write module:NAME or NAME=module:attribute")
        found[alias or attribute.rpartition(".")[2]] = _load(item, module, attribute)
    return found


def _load(item: str, module: str, attribute: str) -> object:
    try:
        target: object = importlib.import_module(module)
    except Exception as error:  # the module is the user's: anything may happen in it
        raise ConversionError(
            f"--custom_objects {item}: the module {module!r} cannot be imported ({type(error).__name__}: {error}); "
            "run from the folder that it is in, or install it."
        ) from error
    for part in attribute.split("."):
        if not hasattr(target, part):
            raise ConversionError(f"--custom_objects {item}: {module!r} has no {attribute!r}.")
        target = getattr(target, part)
    return target
