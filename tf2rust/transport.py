"""Objects on their way between a process and the child that converts for it: pickles of our own types and of arrays.

The child has read a stranger's file, so its pickle is not believed: only classes that carry data are loaded from it.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

_TYPES = {
    ("builtins", "complex"),
    ("builtins", "frozenset"),
    ("builtins", "range"),
    ("builtins", "set"),
    ("builtins", "slice"),
    ("collections", "OrderedDict"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"),
    ("pathlib", "Path"),
    ("pathlib", "PosixPath"),
    ("pathlib", "WindowsPath"),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _TYPES:
            return super().find_class(module, name)
        # What a module of ours imports is not ours, and a name with dots leads on into such imports.
        if module.partition(".")[0] == "tf2rust" and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} carries no data")


def dump(path: Path, value: object) -> None:
    """Writes ``value``, which :func:`load` reads."""
    path.write_bytes(pickle.dumps(value, protocol=5))


def load(path: Path) -> Any:
    """Reads what :func:`dump` wrote; raises UnpicklingError for anything but data."""
    return _Unpickler(io.BytesIO(path.read_bytes())).load()
