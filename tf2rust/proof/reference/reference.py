"""Reference outputs: from the source framework, ONNX Runtime, or ONNX's reference implementation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import onnx

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.load import NotRunError, OnnxRuntime, run_reference
from tf2rust.onnx_import.weights import whole_model
from tf2rust.ops.core.inference import texts
from tf2rust.ops.core.layer import LayerGraph, State
from tf2rust.proof.reference.departures import as_specified
from tf2rust.proof.reference.positions import with_exact_positions
from tf2rust.proof.reference.steps import in_sequence
from tf2rust.source import Source

Arrays = Mapping[str, np.ndarray]


class Reference:
    """Computes the reference outputs.

    For an ONNX file, the reference is ONNX Runtime, or ONNX's reference implementation if ONNX Runtime cannot open the
    model; otherwise it is the source framework. ``notes`` report nodes that were replaced because ONNX Runtime departs
    from the specification. A model with ``states`` takes and returns steps in sequence.
    """

    def __init__(self, source: Source, states: Sequence[State] = ()) -> None:
        self.source, self.states = source, states
        self.proto, self.notes = as_specified(source.proto)
        self.runtime = OnnxRuntime(self.proto, source.weights)

    @cached_property
    def why(self) -> str | None:
        """Why ONNX Runtime is not the reference of an ONNX file; None if it is, and for other sources.

        Opening the model can take twice the size of its weights, so it is opened at the first access, after the budget
        of the samples was checked.
        """
        return self.refused if self.source.run_is_onnx_runtime else None

    @cached_property
    def refused(self) -> str | None:
        """Why ONNX Runtime cannot open the model; None if it can."""
        try:
            self.runtime.open()
        except NotRunError as error:
            return f"ONNX Runtime cannot open the model ({error.said})."
        return None

    @property
    def framework(self) -> str:
        return self.source.framework if self.why is None else f"ONNX's reference implementation {onnx.__version__}"

    @property
    def is_onnx_runtime(self) -> bool:
        return self.source.run_is_onnx_runtime and self.why is None

    def run(self, inputs: Arrays, seconds: float | None = None) -> dict[str, np.ndarray]:
        """The outputs by name. Raises ConversionError if the model cannot run.

        ONNX Runtime is stopped after ``seconds``.
        """
        if self.source.stream is not None:
            return self._run(inputs)
        return in_sequence(self._run, self.states)(inputs, seconds)

    def run_onnx_runtime(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs of ONNX Runtime by name. Raises ConversionError if it cannot run the model."""
        return in_sequence(self.runtime, self.states)(inputs)

    def _run(self, inputs: Arrays, seconds: float | None = None) -> dict[str, np.ndarray]:
        if self.is_onnx_runtime:
            return self.runtime(inputs, seconds)
        if self.why is not None:
            return run_reference(whole_model(self.proto, self.source.weights), inputs)
        found = {name: np.asarray(array) for name, array in self.source.run(inputs).items()}
        return {name: texts(array) if array.dtype.kind in "OSU" else array for name, array in found.items()}

    def takes_exact_positions(self, graph: LayerGraph, inputs: Arrays) -> bool:
        """Replaces Resize nodes that select other elements than ONNX defines for ``inputs``. Returns whether the
        outputs change.
        """
        if self.states:
            return False
        self.proto, names = with_exact_positions(self.proto, graph, inputs)
        if not names:
            return False
        self.runtime = OnnxRuntime(self.proto, self.source.weights)
        self.notes += [
            f"node `{name}`: ONNX Runtime rounds positions to float32 and therefore selects other elements than "
            "ONNX defines; the crate follows ONNX."
            for name in names
        ]
        return self.source.run_is_onnx_runtime

    def give_up_onnx_runtime(self, error: ConversionError) -> None:
        """Switches to ONNX's reference implementation, because ONNX Runtime raises ``error`` for all inputs."""
        self.why = error.reasons[0]
