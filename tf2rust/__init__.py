"""Converts TensorFlow and ONNX models to pure-Rust crates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tf2rust.errors import ConversionError, InternalError, UsageError

# The command imports this module first, so slow imports wait until they are needed.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tf2rust.conversion import Converted
    from tf2rust.ops.core.dims import Size
    from tf2rust.verification import Measured

    _Path = str | Path

__all__ = ["ConversionError", "InternalError", "UsageError", "__version__", "convert", "verify"]

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
    dims: Mapping[str, Size] | None = None,
    states: Mapping[str, str] | None = None,
    stream: str | None = None,
    constants: _Path | None = None,
    tf_layers: _Path | None = None,
    license: str | None = None,
    signature: str | None = None,
    trust_code: bool = False,
    custom_objects: Mapping[str, object] | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    max_memory: str | int | None = None,
    time_limit: str | float | None = None,
) -> Converted:
    """Converts a model file as ``tf2rust from-onnx`` (for ``.onnx``) or ``tf2rust from-tf`` does.

    The options are those of the command line, with ``dims`` for ``--dim`` (a size, or the smallest and the largest, by
    dimension), ``states`` for ``--state`` (outputs by the inputs that they become) and ``rates`` for ``--fpr``. Levels
    without a rate keep the default rate. Returns the path of the crate, the listing of matched nodes, the proof and the
    notes.

    The conversion runs in a child process with the limits ``max_memory`` and ``time_limit``. With ``custom_objects``,
    which are classes of this process, it runs in this process and without limits. Raises ConversionError with every
    reason, and UsageError for options that conflict; both leave no output behind.
    """
    from numbers import Integral
    from pathlib import Path

    from tf2rust import conversion, limits, supervisor
    from tf2rust.thresholds import DEFAULT_RATES

    def path(given: _Path | None) -> Path | None:
        return None if given is None else Path(given).absolute()

    def number(given: Any) -> Any:
        if isinstance(given, tuple):
            return tuple(map(number, given))
        return int(given) if isinstance(given, Integral) and not isinstance(given, bool) else given

    def text(given: object) -> str | None:
        return None if given is None else str(given)

    if thresholds is not None and rates is not None:
        raise UsageError("give thresholds or rates, not both: thresholds are read from a file or found from rates")
    arguments: dict[str, Any] = {
        "model": Path(model).absolute(),
        "options": conversion.Options(
            Path(path_to_save).absolute(),
            model_name,
            binary_classification=binary_classification,
            enable_inplace=enable_inplace,
            enable_memdrop=enable_memdrop,
            path_to_fv=path(path_to_fv),
            thresholds=path(thresholds),
            rates={**DEFAULT_RATES, **(rates or {})},
            labels=path(labels),
            dims={name: number(size) for name, size in (dims or {}).items()},
            states=dict(states or {}),
            stream=stream,
            tf_layers=path(tf_layers),
            license=license,
        ),
        "constants": path(constants),
        "signature": signature,
        "trust_code": trust_code,
        # A string is one name, not a sequence of characters.
        "inputs": (inputs,) if isinstance(inputs, str) else tuple(inputs),
        "outputs": (outputs,) if isinstance(outputs, str) else tuple(outputs),
    }
    if custom_objects:
        return conversion.convert_file(**arguments, custom_objects=custom_objects)
    within = limits.Limits.of(text(max_memory), text(time_limit))
    converted: Converted = supervisor.convert_supervised(arguments, within)
    return converted


def verify(path: _Path) -> list[Measured]:
    """Builds the crate of a conversion with cargo and runs its tests, as ``tf2rust verify`` does.

    ``path`` is the output folder. Returns the largest difference of every output. Raises ConversionError if cargo is
    missing, if the crate does not compile, or if a difference exceeds its tolerance.
    """
    from pathlib import Path

    from tf2rust import verification

    return verification.verify(Path(path))
