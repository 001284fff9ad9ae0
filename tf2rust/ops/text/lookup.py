"""Lookup tables from strings or numbers to strings or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dtypes import TEXT, shown
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers, texts
from tf2rust.ops.core.layer import Layer, Weight
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.text.table import string_table

LOOKUP = "Lookup"
"""Our own operator: the value of the key that equals x, or the default.

Its attributes are the tensors ``keys`` and ``values`` of equal length, and ``default`` with one element. Of equal keys
the first counts, and NaN equals NaN.
"""


@dataclass(eq=False, kw_only=True)
class Lookup(Layer):
    """The value of each element in a table of keys; ``default`` if it is not among them."""

    keys: np.ndarray
    values: np.ndarray
    default: float

    def params(self) -> dict[str, object]:
        return {"size": len(self.keys), "default": self.default}

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)

    def sample_elements(self) -> np.ndarray | None:
        return self.keys


@dataclass(eq=False, kw_only=True)
class StringLookup(Lookup):
    """The number that belongs to each string in a table; ``default`` if it is not among the keys."""

    kind = "StringLookup"
    takes_text = True

    def weights(self) -> list[Weight]:
        return [*string_table("keys", self.keys.tolist()), Weight("values", self.values)]


@dataclass(eq=False, kw_only=True)
class NumberLookup(Lookup):
    """The number that belongs to each number in a table; ``default`` if it is not among the keys."""

    kind = "NumberLookup"

    def weights(self) -> list[Weight]:
        return [Weight("keys", self.keys), Weight("values", self.values)]


@dataclass(eq=False, kw_only=True)
class StringsAt(Layer):
    """The strings of a table at indices."""

    kind = "StringsAt"
    takes_text = True
    strings: tuple[str, ...]

    def params(self) -> dict[str, object]:
        return {"size": len(self.strings)}

    def weights(self) -> list[Weight]:
        return string_table("strings", self.strings)

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)


@infers(LOOKUP)
def _lookup(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    keys, values, default = (np.asarray(node.attr(name)) for name in ("keys", "values", "default"))
    x = infos[node.x]
    if keys.ndim != 1 or keys.shape != values.shape or default.size != 1:
        raise InferenceError("its keys and values are not two lists of equal length with one default")
    if _dtype(keys) != x.dtype or _dtype(values) != _dtype(default):
        raise InferenceError(f"it looks up {shown(x.dtype)} among keys that are {shown(_dtype(keys))}")
    return [ValueInfo(_dtype(values), x.shape)]


def _dtype(array: np.ndarray) -> str:
    return TEXT if array.dtype.kind in "OSU" else array.dtype.name


@rule(Op(LOOKUP, Var("x")))
def lookup(m: Match, b: Builder) -> RuleResult:
    """What remains of a LabelEncoder, or of a hash table of TensorFlow."""
    x, y = b.value(m["x"]), b.value(m.y)
    keys, values, default = (np.asarray(m.root.attr(name)) for name in ("keys", "values", "default"))
    keys = texts(keys) if x.dtype == TEXT else keys
    order = sorted_keys(keys)
    distinct = keys[order]
    kind = StringLookup if x.dtype == TEXT else NumberLookup
    if y.dtype != TEXT:
        number = default.reshape(())[()]
        return kind(keys=distinct, values=values[order], default=number.item(), inputs=[x], outputs=[y])
    strings = (*texts(values)[order].tolist(), texts(default).reshape(-1)[0])
    index = b.temporary(x, dtype="int64")
    found = kind(keys=distinct, values=np.arange(len(order)), default=len(order), inputs=[x], outputs=[index])
    return [found, StringsAt(strings=strings, inputs=[index], outputs=[y])]


def sorted_keys(keys: np.ndarray) -> np.ndarray:
    """The positions of the distinct keys in ascending order: strings by their bytes in UTF-8, NaN last."""
    if keys.dtype.kind != "O":
        return np.asarray(np.unique(keys, return_index=True)[1])
    first: dict[bytes, int] = {}
    for position, key in enumerate(keys.tolist()):
        first.setdefault(key.encode(), position)
    return np.asarray([first[key] for key in sorted(first)], np.int64)
