"""Converts TensorFlow and ONNX models to pure-Rust crates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tf2rust.errors import ConversionError, InternalError, UsageError

# The command imports this module first, so slow imports wait until they are needed.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from numpy import ndarray
    from numpy.typing import ArrayLike

    from tf2rust.conversion import Converted
    from tf2rust.converted.verification import Measured
    from tf2rust.ops.core.dims import Size

    _Path: TypeAlias = str | Path
    _Arrays: TypeAlias = Mapping[str, ArrayLike] | ArrayLike
    # A path or a live model, whose libraries may be absent.
    _Model: TypeAlias = _Path | Any

__all__ = ["ConversionError", "InternalError", "UsageError", "__version__", "convert", "predict", "verify"]

__version__ = "0.1.0"


def convert(
    model: _Model,
    path_to_save: _Path,
    model_name: str,
    *,
    binary_classification: bool | None = None,
    enable_inplace: bool = True,
    enable_memdrop: bool = True,
    path_to_fv: _Path | _Arrays | None = None,
    thresholds: _Path | Mapping[str, float] | None = None,
    rates: Mapping[str, float] | None = None,
    labels: _Path | Sequence[str] | None = None,
    dims: Mapping[str, Size] | None = None,
    states: Mapping[str, str] | None = None,
    stream: str | None = None,
    quantize: str | None = None,
    weights: str | None = None,
    precision: str | None = None,
    calibrate: _Path | _Arrays | None = None,
    calibration_method: str | None = None,
    keep_float: Sequence[str] = (),
    max_loss: str | float | None = None,
    constants: _Path | Mapping[str, ArrayLike] | None = None,
    tf_layers: _Path | None = None,
    targets: Sequence[str] = (),
    license: str | None = None,
    signature: str | None = None,
    trust_code: bool | None = None,
    custom_objects: Mapping[str, object] | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    max_memory: str | int | None = None,
    time_limit: str | float | None = None,
) -> Converted:
    """Converts a model as ``tf2rust from-onnx`` (for ONNX) or ``tf2rust from-tf`` does.

    ``model`` is a path, a Keras 2 or 3 model, a ``tf.Module``, a ``tf.function`` with an input signature, a concrete
    function, or an ``onnx.ModelProto``. The options are those of the command line, with ``dims`` for ``--dim`` (a size,
    or the smallest and the largest, by dimension), ``states`` for ``--state`` (outputs by the inputs that they become),
    ``targets`` for ``--with``, and ``rates`` for ``--fpr``. Levels without a rate keep the default rate. Options that
    are files can be given as values: ``path_to_fv``, ``calibrate`` and ``constants`` as arrays by input name (or
    one array, if the model has one input), ``labels`` as a list of names, and ``thresholds`` as numbers by level.
    Returns the path of the crate, the listing of matched nodes, the proof and the notes.

    The conversion runs in a child process with the limits ``max_memory`` and ``time_limit``. With ``custom_objects``,
    which are classes of this process, it runs in this process and without limits; so does that of a live Keras model
    with custom classes. ``trust_code`` is true by default for live models, whose code this process runs anyway. Raises
    ConversionError with every reason, and UsageError for options that conflict; both leave no output behind.
    """
    import os
    import tempfile
    from dataclasses import replace
    from numbers import Integral
    from pathlib import Path

    from tf2rust import conversion
    from tf2rust.classifier.thresholds import DEFAULT_RATES
    from tf2rust.live import GivenFiles
    from tf2rust.process import limits, supervisor
    from tf2rust.quantization.settings import Settings

    def number(given: Any) -> Any:
        if isinstance(given, tuple):
            return tuple(map(number, given))
        return int(given) if isinstance(given, Integral) and not isinstance(given, bool) else given

    def text(given: object) -> str | None:
        return None if given is None else str(given)

    if thresholds is not None and rates is not None:
        raise UsageError("give thresholds or rates, not both: thresholds are read from a file or found from rates")
    within = limits.Limits.of(text(max_memory), text(time_limit))
    with tempfile.TemporaryDirectory(prefix="tf2rust-") as folder:
        files = GivenFiles(Path(folder))
        try:
            arguments: dict[str, Any] = {
                "options": conversion.Options(
                    Path(path_to_save).absolute(),
                    model_name,
                    binary_classification=binary_classification,
                    enable_inplace=enable_inplace,
                    enable_memdrop=enable_memdrop,
                    path_to_fv=files.arrays(path_to_fv, "path_to_fv"),
                    thresholds=files.thresholds(thresholds),
                    rates={**DEFAULT_RATES, **(rates or {})},
                    labels=files.labels(labels),
                    dims={name: number(size) for name, size in (dims or {}).items()},
                    states=dict(states or {}),
                    stream=stream,
                    tf_layers=None if tf_layers is None else Path(tf_layers).absolute(),
                    license=license,
                    quantization=Settings.of(
                        {
                            "quantize": quantize,
                            "weights": weights,
                            "precision": precision,
                            "calibrate": files.arrays(calibrate, "calibrate"),
                            "calibration_method": calibration_method,
                            "keep_float": (keep_float,) if isinstance(keep_float, str) else tuple(keep_float),
                            "max_loss": max_loss,
                        }
                    ),
                    targets=(targets,) if isinstance(targets, str) else tuple(targets),
                ),
                "constants": files.arrays(constants, "constants"),
                "signature": signature,
                "trust_code": not isinstance(model, (str, os.PathLike)) if trust_code is None else trust_code,
                # A string is one name, not a sequence of characters.
                "inputs": (inputs,) if isinstance(inputs, str) else tuple(inputs),
                "outputs": (outputs,) if isinstance(outputs, str) else tuple(outputs),
                "model": files.model(model, signature),
            }
            classes = {**files.custom_objects, **(custom_objects or {})}
            converted: Converted = (
                conversion.convert_file(**arguments, custom_objects=classes)
                if classes
                else supervisor.convert_supervised(arguments, within)
            )
        except ConversionError as error:
            raise type(error)([files.named(reason) for reason in error.reasons]) from error
        return replace(converted, notes=[files.named(note) for note in converted.notes])


def verify(path: _Path) -> list[Measured]:
    """Builds the crate of a conversion with cargo and runs its tests, as ``tf2rust verify`` does.

    ``path`` is the output folder. Returns the largest difference of every output. Raises ConversionError if cargo is
    missing, if the crate does not compile, or if a difference exceeds its tolerance.
    """
    from pathlib import Path

    from tf2rust.converted import verification

    return verification.verify(Path(path))


def predict(path: _Path, arrays: _Arrays) -> dict[str, ndarray]:
    """Runs the crate of a conversion on arrays by input name, as ``tf2rust run`` does, and returns its outputs.

    ``path`` is the output folder; a model with one input also takes one array. Raises ConversionError if cargo is
    missing, if the crate does not compile, or if the model cannot take the arrays.
    """
    from pathlib import Path

    from tf2rust.converted import execution

    return execution.predict(Path(path), arrays)
