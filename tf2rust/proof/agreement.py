"""How a quantized model agrees with the float model that it was made from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf2rust.errors import ConversionError, one_line


@dataclass(frozen=True)
class Agreement:
    """The difference between an output of a quantized model and the same output of the float model.

    ``largest`` and ``rms`` are the largest difference and the root of the mean squared difference; ``relative_rms`` is
    the latter divided by the root mean square of the float model's numbers. ``cosine`` is the cosine of the angle
    between the outputs. ``class_axis`` is the axis of the classes, and None if the output is no classification;
    ``same_class`` of ``rows`` rows have the same class in both models. ``auc`` are the areas under the ROC curve of the
    float model and of the quantized one, if labels are known.
    """

    output: str
    largest: float
    rms: float
    relative_rms: float
    cosine: float
    class_axis: int | None = None
    rows: int = 0
    same_class: int = 0
    auc: tuple[float, float] | None = None

    @property
    def signal_to_noise(self) -> float:
        """The signal-to-quantization-noise ratio in decibels; infinite without noise."""
        return math.inf if not self.relative_rms else -20 * math.log10(self.relative_rms)

    def __str__(self) -> str:
        parts = [
            f"`{one_line(self.output)}`: the quantized model differs from the float model by at most "
            f"{self.largest:.1e}, by {self.rms:.1e} in the root mean square",
            f"{self.signal_to_noise:.1f} dB signal to noise",
        ]
        if self.rows:
            parts.append(f"the same class in {self.same_class} of {self.rows} rows")
        if self.auc is not None:
            parts.append(f"AUC {self.auc[1]:.4f} instead of {self.auc[0]:.4f}")
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """The figures for reports, with four digits. Infinite ones, such as a ratio without noise, are null in JSON."""
        ratio = self.signal_to_noise
        return {
            "output": self.output,
            "largest_difference": _figure(self.largest),
            "rms_difference": _figure(self.rms),
            "relative_rms_difference": _figure(self.relative_rms),
            "cosine": round(self.cosine, 6),
            "signal_to_noise_db": None if math.isinf(ratio) else round(ratio, 2),
            **({"rows": self.rows, "same_class": self.same_class} if self.rows else {}),
            **(
                {} if self.auc is None else {"auc_float": round(self.auc[0], 4), "auc_quantized": round(self.auc[1], 4)}
            ),
        }


def agreement(
    output: str,
    original: np.ndarray,
    quantized: np.ndarray,
    classes: int | None = None,
    labels: np.ndarray | None = None,
) -> Agreement:
    """Compares an output of the float model with that of the quantized model.

    ``classes`` is the axis of the classes, if there are any. An axis of size 1 holds a probability, and the class is
    whether it exceeds 0.5. ``labels`` are 0 or 1 for each sample, whose score is the last number in its row.

    Numbers that are infinite or NaN in both models alike do not differ; the difference is infinite if only one is.
    Raises ConversionError if the shapes differ.
    """
    if original.shape != quantized.shape:
        raise ConversionError(
            f"`{one_line(output)}` has the shape {list(quantized.shape)} in the quantized model and "
            f"{list(original.shape)} in the float model, because its size depends on computed numbers; keep the layers "
            "that decide about its size in float with --keep_float, or end the model before them."
        )
    first, second = original.astype(np.float64), quantized.astype(np.float64)
    alike = (first == second) | (np.isnan(first) & np.isnan(second))
    with np.errstate(invalid="ignore"):
        apart = np.where(alike, 0.0, np.abs(first - second))
    apart[np.isnan(apart)] = np.inf
    finite = [np.where(np.isfinite(array), array, 0.0) for array in (first, second)]
    rms, (size, other_size) = _rms(apart), map(_rms, finite)
    angle = float(np.sum(finite[0] * finite[1])) / max(first.size * size * other_size, np.finfo(np.float64).tiny)
    rows = same = 0
    if classes is not None:
        one, other = (class_of(array, classes) for array in (first, second))
        rows, same = one.size, int(np.count_nonzero(one == other))
    auc = None
    if labels is not None and 0 < labels.sum() < labels.size:
        scores = [array.reshape(labels.size, -1)[:, -1] for array in (first, second)]
        auc = (area_under_curve(scores[0], labels), area_under_curve(scores[1], labels))
    relative = rms / size if size else float(rms > 0)
    return Agreement(output, float(apart.max(initial=0.0)), rms, relative, min(angle, 1.0), classes, rows, same, auc)


def _figure(number: float) -> float | None:
    """The number with four digits, or None if it is infinite."""
    return float(f"{number:.3e}") if math.isfinite(number) else None


def class_of(array: np.ndarray, axis: int) -> np.ndarray:
    """The class of every row along ``axis``; the first of equal ones."""
    if array.shape[axis] == 1:
        return np.asarray(array > 0.5)
    return np.asarray(array.argmax(axis))


def area_under_curve(scores: np.ndarray, labels: np.ndarray) -> float:
    """The area under the ROC curve: the probability that a random positive sample has a higher score than a random
    negative one, where equal scores count half.
    """
    positive = labels.astype(bool)
    ordered = np.sort(scores[~positive])
    below = np.searchsorted(ordered, scores[positive], "left")
    not_above = np.searchsorted(ordered, scores[positive], "right")
    return float(np.mean((below + not_above) / 2) / len(ordered))


def _rms(array: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(array)))) if array.size else 0.0
