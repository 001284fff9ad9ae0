"""Passes objects between a process and its conversion child, as pickles of arrays and of tf2rust's own types.

The child has read an untrusted file, so its pickles are not trusted: only data classes are loaded from them.
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
        # A dotted name could reach through our modules into the modules that they import.
        if module.partition(".")[0] == "tf2rust" and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is not a data class")


def dump(path: Path, value: object) -> None:
    """Writes ``value`` for :func:`load`."""
    path.write_bytes(pickle.dumps(value, protocol=5))


def load(path: Path) -> Any:
    """Reads a file of :func:`dump`. Raises UnpicklingError for anything but data."""
    return _Unpickler(io.BytesIO(path.read_bytes())).load()
