"""A TensorFlow function with names: what every kind of TensorFlow model is turned into before the export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.onnx_import.tensorflow.scopes import LayerScopes


@dataclass(frozen=True)
class TracedModel:
    """A concrete function and the names its inputs and outputs bear in ONNX.

    ``function`` is the graph to export. ``inputs`` gives its argument tensors by ONNX name, in the order that the
    model's users know; ``outputs`` names its outputs in its own order. ``call`` runs it on tensors by input name.
    """

    function: Any
    inputs: Mapping[str, Any]
    outputs: tuple[str, ...]
    call: Callable[[Mapping[str, Any]], Sequence[Any]]
    scopes: LayerScopes = field(default_factory=LayerScopes)

    def run(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        """Run the model by TensorFlow on arrays by input name; gives arrays by output name.

        Raises ``ValueError`` when an input has no array.
        """
        missing = [name for name in self.inputs if name not in arrays]
        if missing:
            raise ValueError(f"no array for the input(s) {', '.join(missing)}")
        constant = library("tensorflow").constant
        results = self.call({name: constant(arrays[name], dtype=spec.dtype) for name, spec in self.inputs.items()})
        return {name: np.asarray(result) for name, result in zip(self.outputs, results, strict=True)}


def argument_tensors(function: Any) -> list[Any]:
    """The arguments of a concrete function in its graph, without the captured variables."""
    captured = {id(tensor) for tensor in function.graph.internal_captures}
    return [tensor for tensor in function.inputs if id(tensor) not in captured]


def distinct(names: Sequence[str], taken: Sequence[str] = ()) -> tuple[str, ...]:
    """The names in order, with ``_1``, ``_2`` … appended where one occurs again or is ``taken``."""
    used = set(taken)
    result = []
    for name in names:
        candidate, count = name, 0
        while candidate in used:
            count += 1
            candidate = f"{name}_{count}"
        used.add(candidate)
        result.append(candidate)
    return tuple(result)
