"""TensorFlow and ONNX models as pure-Rust crates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tf2rust.errors import ConversionError, InternalError, UsageError

# The command imports this first of all: what is slow to import waits until it is needed.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tf2rust.conversion import Converted

    _Path = str | Path

__all__ = ["ConversionError", "InternalError", "UsageError", "__version__", "convert"]

__version__ = "0.1.0"


def convert(
    model: _Path,
    path_to_save: _Path,
    model_name: str,
    *,
    binary_classification: bool | None = None,
    enable_inplace: bool = True,
    enable_memdrop: bool = True,
    path_to_fv: _Path | None = None,
    thresholds: _Path | None = None,
    rates: Mapping[str, float] | None = None,
    labels: _Path | None = None,
    dims: Mapping[str, int] | None = None,
    constants: _Path | None = None,
    tf_layers: _Path | None = None,
    signature: str | None = None,
    trust_code: bool = False,
    custom_objects: Mapping[str, object] | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    max_memory: str | None = None,
    time_limit: str | None = None,
) -> Converted:
    """Converts a model file as ``tf2rust from-onnx`` (for ``.onnx``) or ``tf2rust from-tf`` does.

    The options are those of the command line, with ``dims`` for ``--dim`` and ``rates`` for ``--fpr``. Gives the
    crate's path, the listing of what matched, the proof and the notes. The conversion runs in a child process within
    the limits ``max_memory`` and ``time_limit``; with ``custom_objects``, which are classes of this process, it runs in
    this one and without limits. Raises ConversionError with every reason, having written nothing, and UsageError for
    options that do not fit together.
    """
    from pathlib import Path

    from tf2rust import conversion, limits, supervisor
    from tf2rust.thresholds import DEFAULT_RATES

    def path(given: _Path | None) -> Path | None:
        return None if given is None else Path(given).absolute()

    arguments = {
        "model": Path(model).absolute(),
        "options": conversion.Options(
            Path(path_to_save).absolute(),
            model_name,
            binary_classification=binary_classification,
            enable_inplace=enable_inplace,
            enable_memdrop=enable_memdrop,
            path_to_fv=path(path_to_fv),
            thresholds=path(thresholds),
            rates=dict(DEFAULT_RATES if rates is None else rates),
            labels=path(labels),
            dims=dict(dims or {}),
            tf_layers=path(tf_layers),
        ),
        "constants": path(constants),
        "signature": signature,
        "trust_code": trust_code,
        "inputs": tuple(inputs),
        "outputs": tuple(outputs),
    }
    if custom_objects:
        return conversion.convert_file(**arguments, custom_objects=custom_objects)  # type: ignore[arg-type]
    within = limits.Limits.of(max_memory, time_limit)
    converted: Converted = supervisor.convert_supervised(arguments, within)
    return converted
