"""A TensorFlow function with names: what every kind of TensorFlow model is turned into before the export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tf2rust.onnx_import.tensorflow.scopes import LayerScopes


@dataclass(frozen=True)
class TracedModel:
    """A concrete function and the names its inputs and outputs bear in ONNX, both in order.

    ``function`` is the graph to export; ``call`` runs it on a list of tensors, one per input, giving one per output.
    """

    function: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    call: Callable[[Sequence[Any]], Sequence[Any]]
    scopes: LayerScopes = field(default_factory=LayerScopes)

    @property
    def input_tensors(self) -> list[Any]:
        """The function's own arguments, without the captured variables."""
        captured = {id(tensor) for tensor in self.function.graph.internal_captures}
        return [tensor for tensor in self.function.inputs if id(tensor) not in captured]

    def run(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        """Run the model by TensorFlow on arrays by input name; gives arrays by output name."""
        missing = [name for name in self.inputs if name not in arrays]
        if missing:
            raise ValueError(f"no array for the input(s) {', '.join(missing)}")
        tensors = [
            np.asarray(arrays[name], dtype=tensor.dtype.as_numpy_dtype)
            for name, tensor in zip(self.inputs, self.input_tensors, strict=True)
        ]
        results = self.call(tensors)
        return {name: np.asarray(result) for name, result in zip(self.outputs, results, strict=True)}


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
