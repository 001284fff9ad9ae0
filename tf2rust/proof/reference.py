"""What others compute of the samples: the source framework, ONNX Runtime, ONNX' reference implementation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import onnx

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.load import NotRunError, OnnxRuntime, run_reference
from tf2rust.onnx_import.weights import whole_model
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.proof.departures import as_specified
from tf2rust.proof.positions import with_exact_positions
from tf2rust.source import Source

Arrays = Mapping[str, np.ndarray]


class Reference:
    """Who says what the model computes.

    That is the source framework; for an ONNX file it is ONNX Runtime, or ONNX' reference implementation where ONNX
    Runtime does not open the model. ``notes`` tell of nodes that stand for others, as ONNX Runtime departs from the
    specification.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.proto, self.notes = as_specified(source.proto)
        self.runtime = OnnxRuntime(self.proto, source.weights)

    @cached_property
    def why(self) -> str | None:
        """Why ONNX Runtime is not the reference of an ONNX file; None if it is, and for other sources.

        The model is opened when this is first asked for, not before the budget of the samples has been checked: opening
        alone may take twice the size of the weights.
        """
        return self.refused if self.source.run_is_onnx_runtime else None

    @cached_property
    def refused(self) -> str | None:
        """Why ONNX Runtime does not open the model; None if it does."""
        try:
            self.runtime.open()
        except NotRunError as error:
            return f"ONNX Runtime does not open the model ({error.said})."
        return None

    @property
    def framework(self) -> str:
        return self.source.framework if self.why is None else f"ONNX' reference implementation {onnx.__version__}"

    @property
    def is_onnx_runtime(self) -> bool:
        return self.source.run_is_onnx_runtime and self.why is None

    def run(self, inputs: Arrays, seconds: float | None = None) -> dict[str, np.ndarray]:
        """The outputs by name; raises ConversionError where the model does not run.

        ONNX Runtime is stopped after ``seconds``.
        """
        if self.is_onnx_runtime:
            return self.runtime(inputs, seconds)
        if self.why is not None:
            return run_reference(whole_model(self.proto, self.source.weights), inputs)
        return {name: np.asarray(array) for name, array in self.source.run(inputs).items()}

    def takes_exact_positions(self, graph: LayerGraph, inputs: Arrays) -> bool:
        """Whether some Resize takes the elements that ONNX defines for ``inputs`` from now on: the outputs change."""
        self.proto, names = with_exact_positions(self.proto, graph, inputs)
        if not names:
            return False
        self.runtime = OnnxRuntime(self.proto, self.source.weights)
        self.notes += [
            f"node `{name}`: ONNX Runtime rounds positions to float32 and so takes other elements than ONNX defines; "
            "the crate is proven against those that ONNX defines."
            for name in names
        ]
        return self.source.run_is_onnx_runtime

    def give_up_onnx_runtime(self, error: ConversionError) -> None:
        """Lets ONNX' reference implementation compute, as ONNX Runtime raises ``error`` on all inputs there are."""
        self.why = error.reasons[0]
