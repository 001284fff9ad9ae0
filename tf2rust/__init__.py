"""TensorFlow and ONNX models as pure-Rust crates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tf2rust.errors import ConversionError, UsageError

if TYPE_CHECKING:
    from tf2rust.conversion import Converted

__all__ = ["ConversionError", "UsageError", "__version__", "convert"]

__version__ = "0.1.0"


def convert(
    model: str | Path,
    path_to_save: str | Path,
    model_name: str,
    *,
    source: Mapping[str, Any] | None = None,
    **options: Any,
) -> Converted:
    """Converts a model file as ``tf2rust from-onnx`` (for ``.onnx``) or ``tf2rust from-tf`` does.

    ``options`` are the fields of :class:`tf2rust.conversion.Options`; ``source`` holds the arguments of
    :func:`tf2rust.conversion.open_tensorflow`, such as ``trust_code`` or ``signature``. Gives the crate's path, the
    listing of what matched, the proof and the notes. Raises ConversionError with every reason, having written nothing.
    """
    from tf2rust import conversion

    path = Path(model)
    opened = (
        conversion.open_onnx(path)
        if path.suffix.lower() == ".onnx"
        else conversion.open_tensorflow(path, **(source or {}))
    )
    return conversion.convert(opened, conversion.Options(Path(path_to_save).absolute(), model_name, **options))
