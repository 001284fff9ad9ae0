"""The weights of a model: their NPZ keys, their packing, and their expressions in generated code."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tf2rust.ops.core.dtypes import as_stored
from tf2rust.ops.core.layer import Layer, LayerGraph, Weight
from tf2rust.ops.core.packing import VECTOR, Packing, step_of
from tf2rust.rust.literals import rust_type
from tf2rust.rust.tree import Expr, Item, Operand, Token, array, some, string


@dataclass(frozen=True)
class Entry:
    """One array of ``model_weights.npz``, and its position in the packed blob."""

    key: str
    array: np.ndarray
    packing: Packing
    dtype: str
    """The dtype in the model; ``array`` holds the bits of dtypes that NumPy lacks."""

    @property
    def packed_bytes(self) -> int:
        """The size of the packed array in the blob."""
        return self.packing.packed(self.array.shape, step_of(self.array.dtype.name)) * self.array.itemsize

    def accessor(self, index: int) -> Expr:
        """The call of the method of ``tf_layers::io::Blob`` that borrows the entry at ``index``."""
        return Token("blob").method(self._name, index, *self._sizes).tried()

    def rust(self) -> Expr:
        """The constructor call of ``tf_layers::io::Entry``."""
        constructor = Item("tf_layers::io::Entry").of(self._name)
        if not self._is_typed:
            return constructor(string(self.key), *self._sizes)
        dtype = Item("tf_layers::io::Dtype").of(rust_type(self.array.dtype.name).capitalize())
        return constructor(string(self.key), dtype, *self._sizes)

    @property
    def _name(self) -> str:
        """The name that the constructor of ``Entry`` and the method of ``Blob`` share."""
        if not self._is_typed:
            return self.packing.name
        return "typed" if self.packing == VECTOR else f"typed_{self.packing.name}"

    @property
    def _is_typed(self) -> bool:
        """Whether the dtype is an argument of the constructor, because it is not float32."""
        return self.array.dtype != np.float32

    @property
    def _sizes(self) -> list[Operand]:
        sizes = self.packing.sizes(self.array.shape)
        return [array(list(size)) if isinstance(size, tuple) else size for size in sizes]


@dataclass
class WeightTable:
    """All weights of a model; those of a layer that runs several times are stored once.

    Arrays that are equal, but come from different weights of the model, stay apart: others may take their place.
    """

    entries: list[Entry] = field(default_factory=list)
    _index: dict[tuple[Packing, str], list[tuple[frozenset[str], int]]] = field(default_factory=dict)
    _of_layer: dict[Layer, dict[str, int]] = field(default_factory=dict)

    @staticmethod
    def of(graph: LayerGraph, names: Mapping[Layer, str]) -> WeightTable:
        """Collects the weights; ``names`` gives the prefix of each layer's keys."""
        table = WeightTable()
        for layer in graph.walk():
            roles: dict[str, int] = {}
            for weight in layer.weights():
                key = f"{names[layer]}_weight_{len(roles)}"
                roles[weight.role] = table._add(weight, key, layer.sources, set(roles.values()))
            table._of_layer[layer] = roles
        return table

    def _add(self, weight: Weight, key: str, sources: frozenset[str], own: set[int]) -> int:
        """The index of the weight's entry, which may be that of another layer, but none of the layer's ``own``."""
        values = as_stored(np.asarray(weight.array))
        # The array can be a view of another array that is needed too, so it is made contiguous only when it is read.
        digest = hashlib.sha256(f"{values.shape}{values.dtype}".encode())
        digest.update(np.asarray(values, order="C").data)
        identity = (weight.packing, digest.hexdigest())
        equal = self._index.setdefault(identity, [])
        for others, index in equal:
            if index not in own and (sources & others or not (sources or others)):
                return index
        equal.append((sources, len(self.entries)))
        self.entries.append(Entry(key, values, weight.packing, np.asarray(weight.array).dtype.name))
        return len(self.entries) - 1

    def of_layer(self, layer: Layer) -> dict[str, Entry]:
        """The entry of each of the layer's weights, by role."""
        return {role: self.entries[i] for role, i in self._of_layer[layer].items()}

    def keys(self, layer: Layer) -> dict[str, str]:
        """The NPZ key of each of the layer's weights, by role."""
        return {role: entry.key for role, entry in self.of_layer(layer).items()}

    def parts(self, most: int) -> list[range]:
        """Ranges of entries with at most ``most`` bytes each, or with one larger entry; at least one range."""
        starts, size = [0], 0
        for i, entry in enumerate(self.entries):
            size += entry.packed_bytes
            if size > most and i > starts[-1]:
                starts.append(i)
                size = entry.packed_bytes
        return [range(a, b) for a, b in itertools.pairwise([*starts, len(self.entries)])]

    def refs(self, layer: Layer) -> LayerWeights:
        return LayerWeights(self, self._of_layer[layer])

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of ``model_weights.npz``."""
        return {entry.key: entry.array for entry in self.entries}


@dataclass(frozen=True)
class LayerWeights:
    """One layer's weights as Rust expressions over ``blob``."""

    table: WeightTable
    roles: Mapping[str, int]

    def get(self, role: str) -> Expr:
        index = self.roles[role]
        return self.table.entries[index].accessor(index)

    def optional(self, role: str) -> Expr:
        return some(self.get(role) if role in self.roles else None)
