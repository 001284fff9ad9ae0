"""The options of a quantization. The command line imports this module before it knows whether they are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tf2rust.errors import UsageError

if TYPE_CHECKING:
    from tf2rust.proof.agreement import Agreement

INT8, DYNAMIC = "int8", "dynamic"
MODES = (INT8, DYNAMIC)
WEIGHTS = {"f16": "float16", "bf16": "bfloat16", "int8": "int8"}
"""The values of ``--weights``, and the dtypes that the weights get."""
BF16 = "bf16"
PRECISIONS = (BF16,)
"""The values of ``--precision``."""
MIN_MAX, PERCENTILE, MEAN_SQUARED_ERROR = METHODS = ("minmax", "percentile", "mse")
DEFAULT_METHOD = MEAN_SQUARED_ERROR
TOP_1, RELATIVE_RMS, AUC = LOSSES = ("top1", "rms", "auc")
_OF_INT8 = ("calibrate", "calibration_method", "keep_float", "max_loss")
"""The options that have a meaning only with ``--quantize int8``."""


@dataclass(frozen=True)
class MaxLoss:
    """The largest loss of a quantized model, and its kind; without a kind, each output decides."""

    value: float
    kind: str | None = None

    @staticmethod
    def parse(text: str) -> MaxLoss:
        """Parses ``--max_loss X`` and ``--max_loss KIND=X``."""
        kind, equals, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value < 1 or (equals and kind not in LOSSES):
            raise UsageError(
                f"--max_loss {text}: expected a number from 0 to below 1, such as 0.01, or the same with a "
                f"kind, such as top1=0.01; the kinds are {', '.join(LOSSES)}"
            )
        return MaxLoss(value, kind or None)

    def of(self, found: Agreement) -> float:
        """The loss of an output: the share of rows with another class, the relative error, or the drop of the AUC.

        Without a kind, a classification has a loss of classes, and other outputs have a relative error. So do outputs
        without classes or labels.
        """
        if self.kind == AUC and found.auc is not None:
            return found.auc[0] - found.auc[1]
        if self.kind in (None, TOP_1) and found.rows:
            return 1 - found.same_class / found.rows
        return found.relative_rms

    def missing(self, found: Sequence[Agreement]) -> str:
        """Why no output has a loss of this kind; empty if one has."""
        if not found:
            return "no output of the model is float32"
        if self.kind == TOP_1 and not any(one.rows for one in found):
            return "no output of the model is a softmax or a probability"
        if self.kind == AUC and all(one.auc is None for one in found):
            return "it needs a model with one output and `labels` of 0 and 1 among the samples"
        return ""

    def __str__(self) -> str:
        return f"{self.value:g}" if self.kind is None else f"{self.kind}={self.value:g}"


@dataclass(frozen=True)
class Settings:
    """How a model is quantized: ``--quantize`` and the options that belong to it.

    With ``--weights``, only weights are rounded: ``mode`` is then empty and ``weights`` a key of ``WEIGHTS``. With
    ``--precision``, so are the inputs of products, and ``weights`` is the same word.
    """

    mode: str
    calibrate: Path | None = None
    method: str = DEFAULT_METHOD
    keep_float: Sequence[str] = ()
    max_loss: MaxLoss | None = None
    weights: str = ""
    precision: str = ""

    def __post_init__(self) -> None:
        """Raises UsageError for values that do not exist."""
        if self.precision and self.precision not in PRECISIONS:
            raise UsageError(f"--precision {self.precision}: must be {', '.join(PRECISIONS)}")
        if self.weights and self.weights not in WEIGHTS:
            raise UsageError(f"--weights {self.weights}: must be one of {', '.join(WEIGHTS)}")
        if self.mode not in (("",) if self.weights else MODES):
            raise UsageError(f"--quantize {self.mode}: must be one of {', '.join(MODES)}")
        if self.method not in METHODS:
            raise UsageError(f"--calibration_method {self.method}: must be one of {', '.join(METHODS)}")
        if wrong := [layer for layer in self.keep_float if not isinstance(layer, str)]:
            raise UsageError(f"--keep_float {wrong[0]!r}: must be the name of a layer")

    @property
    def option(self) -> str:
        """The option that a message is about."""
        return "--precision" if self.precision else "--weights" if self.weights else "--quantize"

    @staticmethod
    def of(given: Mapping[str, Any]) -> Settings | None:
        """The settings of the options ``given`` by name; None if they ask for none of the three."""
        mode, precision = given["quantize"], given["precision"]
        unused = [name for name in _OF_INT8 if given[name] not in (None, (), [])]
        if precision is not None:
            if mode is not None:
                raise UsageError("give --quantize or --precision, not both: --quantize multiplies integers")
            if given["weights"] is not None:
                raise UsageError("give --weights or --precision, not both: --precision stores the weights as bf16")
            if wrong := [name for name in unused if name != "keep_float"]:
                raise UsageError(f"--{wrong[0]} has no meaning with --precision; remove it")
            precision = str(precision) or "''"
            return Settings("", keep_float=tuple(given["keep_float"] or ()), weights=BF16, precision=precision)
        if given["weights"] is not None:
            if mode is not None:
                raise UsageError("give --quantize or --weights, not both: --quantize stores weights as 8-bit integers")
            if wrong := [name for name in unused if name != "keep_float"]:
                raise UsageError(f"--{wrong[0]} has no meaning with --weights; remove it")
            return Settings("", keep_float=tuple(given["keep_float"] or ()), weights=str(given["weights"]) or "''")
        if unused and mode is None:
            raise UsageError(f"--{unused[0]} has no meaning without --quantize int8; add it, or remove --{unused[0]}")
        if mode is None:
            return None
        found = Settings(
            mode,
            given["calibrate"],
            given["calibration_method"] or DEFAULT_METHOD,
            tuple(given["keep_float"] or ()),
            None if given["max_loss"] is None else MaxLoss.parse(str(given["max_loss"])),
        )
        if mode == DYNAMIC and (wrong := [name for name in unused if name != "keep_float"]):
            raise UsageError(f"--{wrong[0]} has no meaning with --quantize dynamic; remove it, or give --quantize int8")
        return found

    def named(self) -> dict[str, object]:
        """The options that differ from their defaults, by their names on the command line, except for the file."""
        return {
            "quantize": self.mode or None,
            "weights": None if self.precision else self.weights or None,
            "precision": self.precision or None,
            "calibration_method": None if self.method == DEFAULT_METHOD else self.method,
            "keep_float": list(self.keep_float) or None,
            "max_loss": None if self.max_loss is None else str(self.max_loss),
        }
