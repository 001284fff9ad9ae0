"""What the output folder of a conversion contains."""

from __future__ import annotations

from pathlib import Path

from tf2rust.codegen.crate import CRATE, MODEL_INFO, TENSORFLOW_MODEL_INFO
from tf2rust.codegen.interface import refuse_bundle
from tf2rust.errors import UsageError
from tf2rust.publish.marker import MARKER


def output_folder(folder: Path) -> Path:
    """The output folder of a conversion, given this folder or its crate; any other folder is returned as it is."""
    place = folder if folder.name else folder.absolute()
    return place.parent if place.name == CRATE and not (place / CRATE).exists() else folder


def find_output(folder: Path) -> Path:
    """The output folder of a conversion, given this folder or its crate. Raises UsageError if there is no crate."""
    found = output_folder(folder)
    if not (found / CRATE).is_dir():
        raise _not_converted(folder)
    return found


def is_converted(folder: Path) -> bool:
    """Whether ``folder`` is the output folder of a conversion."""
    return (folder / MARKER).is_file()


def find_document(folder: Path, name: str) -> Path:
    """The file ``name`` in the folder about the model.

    Raises UsageError if there is none, and ConversionError if the folder is a bundle.

    That folder has another name for TensorFlow models. Both can exist if the user left files in one of them.
    """
    for model_info in (MODEL_INFO, TENSORFLOW_MODEL_INFO):
        path = folder / model_info / name
        if path.is_file():
            return path
    refuse_bundle(folder / CRATE)
    if is_converted(folder):
        raise UsageError(
            f"{folder} has no {name}: it was deleted, or an earlier version of tf2rust wrote the folder; convert the "
            "model again"
        )
    raise _not_converted(folder)


def _not_converted(folder: Path) -> UsageError:
    return UsageError(f"{folder} is not the output folder of a conversion: give the folder of --path_to_save")
