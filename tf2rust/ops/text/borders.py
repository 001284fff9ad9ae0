"""The borders between the strings of the caller and those of a run; ``passes/text.py`` adds these layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.layer import Layer, Weight
from tf2rust.ops.text.table import string_table


@dataclass(eq=False, kw_only=True)
class ReadStrings(Layer):
    """Copies an input of the model into the memory that holds the strings of a run."""

    kind = "ReadStrings"
    takes_text = True

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)


@dataclass(eq=False, kw_only=True)
class WriteStrings(Layer):
    """Copies strings of a run to an output of the model."""

    kind = "WriteStrings"
    takes_text = True

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)


@dataclass(eq=False, kw_only=True)
class StringConstant(Layer):
    """Strings of the model, copied from the weights."""

    kind = "StringConstant"
    takes_text = True
    array: np.ndarray

    def weights(self) -> list[Weight]:
        return string_table("strings", self.array.reshape(-1).tolist())

    def sample_elements(self) -> np.ndarray | None:
        return self.array.reshape(-1)
