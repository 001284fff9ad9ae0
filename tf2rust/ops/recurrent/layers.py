"""Recurrent layers over [n, t, in]: LSTM, GRU and SimpleRNN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tf2rust.ops.core.activation import Activation
from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.layer import Layer, Weight
from tf2rust.ops.core.packing import MATRIX, Matrices
from tf2rust.ops.indexing.slice import Slice


@dataclass(eq=False, kw_only=True)
class Recurrent(Layer):
    """[n, t, in] → [n, t, units], or the last step's [n, units].

    The inputs are x, the mask [n, t] if ``masked``, and the initial states [n, units] that ``initial`` selects
    (otherwise zeros). The outputs are y and the last states that ``last`` selects. ``direction`` is ``forward``,
    ``reverse`` (from the last step, with every state at the position of its input) or ``go_backwards`` (from the last
    step, with the states in the order of computation). Steps with a false mask are skipped: their result is that of the
    previous step or, with ``zero_masked``, zeros.
    """

    STATES: ClassVar[int] = 1
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray | None
    activation: Activation
    return_sequences: bool = True
    direction: str = "forward"
    masked: bool = False
    zero_masked: bool = False
    initial: tuple[bool, ...] = (False, False)
    last: tuple[bool, ...] = (False, False)

    @property
    def units(self) -> int:
        return int(self.recurrent_kernel.shape[0])

    def params(self) -> dict[str, object]:
        return {
            "units": self.units,
            "activation": self.activation.plain(),
            "return_sequences": self.return_sequences,
            "direction": self.direction,
        }

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        """Only the result of the last step, or the results in reverse order."""
        if not isinstance(consumer, Slice) or not self.return_sequences or len(self.outputs) > 1:
            return None
        ends = consumer.takes_first(1) if self.direction == "reverse" else consumer.takes_last(1)
        if ends:
            return replace(self, return_sequences=False, direction=self._one_order())
        if consumer.reverses(1) and self.direction != "forward":
            return replace(self, direction="reverse" if self.direction == "go_backwards" else "go_backwards")
        return None

    def _one_order(self) -> str:
        return "forward" if self.direction == "forward" else "reverse"

    def fuse_producer(self, producer: Layer) -> Layer | None:
        """The input in reverse order."""
        if not isinstance(producer, Slice) or not producer.reverses(1) or self.masked or producer.y is not self.x:
            return None
        if self.direction != "forward":
            return None
        direction = "go_backwards" if self.return_sequences else "reverse"
        return replace(self, direction=direction, inputs=[producer.x, *self.inputs[1:]])

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)

    def gemm_rows(self) -> Dim:
        """Those of one step, as each step depends on the previous one."""
        return self.x.shape[0]

    def multiply_adds(self) -> Dim:
        return product(self.x.shape[:2]) * (self.kernel.size + self.recurrent_kernel.size)

    def scratch_size(self) -> Dim:
        """The gate sums of all steps, and three states."""
        batch, steps = self.x.shape[:2]
        return batch * (steps * 4 + 3) * self.units

    def weights(self) -> list[Weight]:
        kernels = [Weight("kernel", self.kernel, MATRIX), Weight("recurrent_kernel", self.recurrent_kernel, MATRIX)]
        return kernels if self.bias is None else [*kernels, Weight("bias", self.bias)]


@dataclass(eq=False, kw_only=True)
class SimpleRnn(Recurrent):
    """h' = activation(x·W + h·U + b)."""

    kind = "SimpleRNN"


@dataclass(eq=False, kw_only=True)
class Lstm(Recurrent):
    """i, f, o = recurrent_activation(x·W + h·U + b), c' = f·c + i·activation(…), h' = o·activation(c').

    The last axis of kernel, recurrent kernel and bias has the gates in Keras' order: i, f, c, o.
    """

    kind = "LSTM"
    STATES = 2
    recurrent_activation: Activation

    def params(self) -> dict[str, object]:
        return {**super().params(), "recurrent_activation": self.recurrent_activation.plain()}


@dataclass(eq=False, kw_only=True)
class DynamicQuantizedLstm(Recurrent):
    """An LSTM with the usual activations and int8 kernels.

    x is quantized as a whole, and so are the states h of a batch in every step. Column c of a kernel stands for
    ``scales[c] · kernel[:, c]``. The arguments of the activations are clipped to −``clip`` and ``clip``.
    """

    kind = "DynamicQuantizedLSTM"
    STATES = 2
    scales: np.ndarray
    recurrent_scales: np.ndarray
    clip: float = float("inf")

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        """The scales must not be computed from the batch."""
        return False

    def scratch_size(self) -> Dim:
        """The gate sums of all steps, two states, and the bytes of x or of a state."""
        return super().scratch_size() + product(self.x.shape)

    def weights(self) -> list[Weight]:
        kernels = {"": self.kernel, "recurrent_": self.recurrent_kernel}
        scales = {"": self.scales, "recurrent_": self.recurrent_scales}
        packings = {"": MATRIX, "recurrent_": Matrices(4)}
        found = [Weight(f"{name}kernel", kernel, packings[name]) for name, kernel in kernels.items()]
        for name, kernel in kernels.items():
            found.append(Weight(f"{name}sums", kernel.sum(axis=0, dtype=np.int32)))
            found.append(Weight(f"{name}scales", scales[name]))
        return found if self.bias is None else [*found, Weight("bias", self.bias)]


@dataclass(eq=False, kw_only=True)
class Gru(Recurrent):
    """z, r = recurrent_activation(x·W + h·U + b + b'), h' = z·h + (1 − z)·activation(…).

    The argument of the activation is x·W + b + r·(h·U + b') with ``reset_after``, otherwise x·W + b + (r·h)·U + b'. The
    last axis of the kernels, of b and of b' (``recurrent_bias``) has the gates in Keras' order: z, r, h.
    """

    kind = "GRU"
    recurrent_activation: Activation
    recurrent_bias: np.ndarray | None = None
    reset_after: bool = True

    def params(self) -> dict[str, object]:
        own = {"recurrent_activation": self.recurrent_activation.plain(), "reset_after": self.reset_after}
        return {**super().params(), **own}

    def weights(self) -> list[Weight]:
        gates = self.recurrent_kernel if self.reset_after else self.recurrent_kernel[:, : 2 * self.units]
        found = [Weight("kernel", self.kernel, MATRIX)]
        found.append(Weight("recurrent_kernel", np.ascontiguousarray(gates), MATRIX))
        if not self.reset_after:
            candidate = np.ascontiguousarray(self.recurrent_kernel[:, 2 * self.units :])
            found.append(Weight("candidate_kernel", candidate, MATRIX))
        if self.bias is not None:
            found.append(Weight("bias", self.bias))
        return found if self.recurrent_bias is None else [*found, Weight("recurrent_bias", self.recurrent_bias)]
