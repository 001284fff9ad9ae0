"""The Rust of ``src/profile.rs``: the layers that a profile measures, and what a call of each does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tf2rust.codegen.dims import DimWriter
from tf2rust.codegen.model import Model
from tf2rust.ops.core.dims import Dim, product, symbols
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.rust.tree import Expr, Item, Token, Tuple, array, items_in, string, struct


@dataclass(frozen=True)
class ProfileCode:
    """The Rust of the profile.

    ``layers`` are pairs of a name and a kind. ``names`` is the pattern of the sizes of the symbolic dimensions that
    ``work`` reads, or None if it reads none.
    """

    layers: list[Expr]
    names: Expr | None
    start: Expr
    """The name and the parameters of the function that starts a run."""
    work: Expr
    imports: set[str]
    """The paths of the items of tf-layers."""


def profile_code(model: Model) -> ProfileCode:
    """The profile of the layers in ``model.timed``."""
    variables = dict(zip(model.symbolic, model.variables, strict=True))
    writer = DimWriter(variables)

    def known(dim: Dim) -> Expr:
        """The size, or 0 if it depends on data."""
        return writer.dim(dim if symbols([dim]) <= variables.keys() else 0)

    layers: list[Expr] = [Tuple((string(model.names[layer]), string(layer.kind))) for layer in model.timed]
    work = array(
        [
            struct(
                Item("tf_layers::profile::Work"),
                multiply_adds=known(layer.multiply_adds()),
                bytes=known(_bytes(model, layer)),
            )
            for layer in model.timed
        ]
    )
    used = {node.text for node in work.walk() if isinstance(node, Token)}
    names = array([name if name in used else "_" for name in model.variables])
    reads = not used.isdisjoint(model.variables)
    imports = {item.imported for item in items_in(work)} | {
        *("tf_layers::Context", "tf_layers::Result"),
        *(f"tf_layers::profile::{name}" for name in ("Profile", "Work")),
    }
    sizes = f"sizes: [usize; {len(variables)}]"
    start = Token("start<'a>")("cx: &mut Context<'a>", "profile: &'a mut Profile", sizes)
    return ProfileCode(layers, names if reads else None, start, Token("Ok")(work), imports)


def _bytes(model: Model, layer: Layer) -> Dim:
    """The bytes of the weights, inputs and outputs of one call."""
    weights = sum(entry.packed_bytes for entry in model.weights.of_layer(layer).values())
    return _size([*layer.inputs, *layer.outputs]) + weights


def _size(values: Iterable[Value]) -> Dim:
    """The bytes of tensors; a string counts as the 8 bytes of a pointer."""
    total: Dim = 0
    for value in values:
        total = total + product(value.shape) * np.dtype(value.dtype).itemsize
    return total
