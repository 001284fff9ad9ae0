"""A model that was opened: its graph, and the framework that says what it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

Run = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Source:
    """A model as ONNX, and the framework that says what it computes.

    ``weights`` are those that ``proto`` holds no contents of; ``notes`` are for the user of the conversion.
    """

    path: Path
    proto: onnx.ModelProto
    framework: str
    run: Run
    node_layers: Mapping[str, str] = field(default_factory=dict)
    opened_with: str = ""
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def run_is_onnx_runtime(self) -> bool:
        """Whether the reference is ONNX Runtime, for want of a source framework."""
        return self.framework.startswith("ONNX Runtime")
