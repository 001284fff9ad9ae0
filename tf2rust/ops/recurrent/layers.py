"""Recurrent layers: LSTM, GRU and SimpleRNN over [n, t, in]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tf2rust.ops.core.activation import Activation
from tf2rust.ops.core.dims import Expr
from tf2rust.ops.core.layer import Layer, Weight
from tf2rust.ops.indexing.slice import Slice


@dataclass(eq=False, kw_only=True)
class Recurrent(Layer):
    """[n, t, in] → [n, t, units], or the last step's [n, units].

    Inputs are x, then the mask [n, t] where ``masked``, then the initial states [n, units] that ``initial`` says are
    given (else zeros); outputs are y, then the last states that ``last`` says are wanted. ``direction`` is ``forward``,
    ``reverse`` (from the last step on, every state standing where its input does) or ``go_backwards`` (from the last
    step on, the states in the order in which they come). Steps whose mask is false are passed over, and the result of
    the step before stands in their place or, with ``zero_masked``, zeros.
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

    def absorb(self, consumer: Layer) -> Layer | None:
        """Only the result of the step that comes last is wanted; or the results in the other order."""
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

    def absorb_input(self, producer: Layer) -> Layer | None:
        """The input in the other order."""
        if not isinstance(producer, Slice) or not producer.reverses(1) or self.masked or producer.y is not self.x:
            return None
        if self.direction != "forward":
            return None
        direction = "go_backwards" if self.return_sequences else "reverse"
        return replace(self, direction=direction, inputs=[producer.x, *self.inputs[1:]])

    def is_rowwise(self, by_row: Sequence[bool]) -> bool:
        return self.keeps_rows(by_row)

    def kernel_rows(self) -> int | Expr:
        """Those of one step: each waits for the one before."""
        return self.x.shape[0]

    def scratch_size(self) -> int | Expr:
        """The sums of all gates at all steps, and two states."""
        batch, steps = self.x.shape[:2]
        return batch * (steps * 4 + 2) * self.units

    def weights(self) -> list[Weight]:
        kernels = [Weight("kernel", self.kernel, "matrix"), Weight("recurrent_kernel", self.recurrent_kernel, "matrix")]
        return kernels if self.bias is None else [*kernels, Weight("bias", self.bias)]


@dataclass(eq=False, kw_only=True)
class SimpleRnn(Recurrent):
    """h' = activation(x·W + h·U + b)."""

    kind = "SimpleRNN"


@dataclass(eq=False, kw_only=True)
class Lstm(Recurrent):
    """i, f, o = recurrent_activation(x·W + h·U + b), c' = f·c + i·activation(…), h' = o·activation(c').

    The gates stand in Keras' order i, f, c, o along the last axis of kernel, recurrent kernel and bias.
    """

    kind = "LSTM"
    STATES = 2
    recurrent_activation: Activation

    def params(self) -> dict[str, object]:
        return {**super().params(), "recurrent_activation": self.recurrent_activation.plain()}


@dataclass(eq=False, kw_only=True)
class Gru(Recurrent):
    """z, r = recurrent_activation(x·W + h·U + b + b'), h' = z·h + (1 − z)·activation(…).

    The argument of the last is x·W + b + r·(h·U + b'), with ``reset_after``, or else x·W + b + (r·h)·U + b'. The gates
    stand in Keras' order z, r, h along the last axis of the kernels and of b and b', the ``recurrent_bias``.
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
        found = [Weight("kernel", self.kernel, "matrix")]
        found.append(Weight("recurrent_kernel", np.ascontiguousarray(gates), "matrix"))
        if not self.reset_after:
            candidate = np.ascontiguousarray(self.recurrent_kernel[:, 2 * self.units :])
            found.append(Weight("candidate_kernel", candidate, "matrix"))
        if self.bias is not None:
            found.append(Weight("bias", self.bias))
        return found if self.recurrent_bias is None else [*found, Weight("recurrent_bias", self.recurrent_bias)]
