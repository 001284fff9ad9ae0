"""The result of a quantization."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from tf2rust.proof.agreement import Agreement


@dataclass(frozen=True)
class LayerNoise:
    """A layer with weights: its signal-to-noise ratio in the quantized model in decibels, and why it stayed in float.

    The noise includes that of the layers before. The ratio is infinite if there is none, and None if it was not
    measured.
    """

    layer: str
    node: str
    signal_to_noise: float | None = None
    why_float: str = ""

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"layer": self.layer, "node": self.node}
        if self.signal_to_noise is not None:
            found["signal_to_noise_db"] = None if math.isinf(self.signal_to_noise) else round(self.signal_to_noise, 2)
        return found | ({"why_float": self.why_float} if self.why_float else {})


@dataclass(frozen=True)
class Quantized:
    """A quantized model with its large weights, and its errors on ``samples`` samples.

    ``axes`` are the axes of the classes by output.
    """

    proto: onnx.ModelProto
    weights: dict[str, np.ndarray]
    mode: str
    method: str
    samples: int
    layers: list[LayerNoise]
    agreements: list[Agreement]
    axes: Mapping[str, int]
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The section of the reports."""
        return {
            "mode": self.mode,
            **({"calibration_method": self.method} if self.method else {}),
            "samples": self.samples,
            "outputs": [one.as_json() for one in self.agreements],
            "layers": [layer.as_json() for layer in self.layers],
        }
