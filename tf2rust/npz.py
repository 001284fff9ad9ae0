"""Reading the NPZ files that users give."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from tf2rust.errors import ConversionError


def read_npz(path: Path, wanted: str) -> dict[str, np.ndarray]:
    """The arrays by name; raises ConversionError for what is no NPZ file of plain arrays, saying what is ``wanted``."""
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("a single array")
        with archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise ConversionError(f"There is no file {path}; {wanted}.") from None
    except (OSError, ValueError, zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError) as error:
        raise ConversionError(f"{path} is not a readable NPZ file; write it with numpy.savez.") from error
