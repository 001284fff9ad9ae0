"""How layers are called in Rust: the model's field that holds a layer, and the expression that runs it.

Each layer family registers its own forms in its ``rust.py``. A layer without one runs as ``self.layer.run(cx, inputs…,
outputs…)``. The code generator provides the expressions that a call refers to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Protocol

from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.rust.tree import Array, Expr, Item, Prefix, Stmt, Token, ref, string, tuple_

CX = Token("cx")
"""The ``&mut tf_layers::Context`` of the run."""

DimValues = Mapping[str | tuple[str | None, ...], Expr]
"""For each symbol, the ``usize`` that computes it.

A tuple of symbols stands for a ``[usize; N]``, whose elements at None are already known.
"""


class Weights(Protocol):
    """A layer's weights as expressions that borrow from the packed blob."""

    def get(self, role: str) -> Expr:
        """The weight with this role."""

    def optional(self, role: str) -> Expr:
        """``Some(…)`` or ``None``."""


class Site(Protocol):
    """The expressions that a call can refer to."""

    @property
    def field(self) -> Expr:
        """The layer's field in the model: ``self.dense_1``."""

    @property
    def inputs(self) -> Sequence[Expr]:
        """A ``View`` for each input."""

    @property
    def outputs(self) -> Sequence[Expr]:
        """A ``ViewMut`` for each output.

        If the layer works in place, the first one holds the input that it overwrites. If the layer adds to a residual
        input, the first one holds that input.
        """

    @property
    def in_place(self) -> int | None:
        """The index of the input that the first output overwrites, which the call must not read."""

    def dim(self, dim: Dim) -> Expr:
        """A ``usize``."""

    def dims(self, dims: Sequence[Dim]) -> Array:
        """A ``[usize; N]``."""


@dataclass(frozen=True)
class LayerField:
    """A field of the model's struct: its type and its initial value."""

    type: Expr
    value: Expr


@singledispatch
def layer_field(layer: Layer, weights: Weights) -> LayerField | None:
    """The field that holds the layer; None if it needs none."""
    del layer, weights
    return None


@singledispatch
def layer_call(layer: Layer, site: Site) -> Expr:
    """The expression that runs the layer, of type ``Result<View>``, or a tuple of views for several outputs."""
    del layer
    method = "run" if site.in_place is None else "run_in_place"
    read = [view for i, view in enumerate(site.inputs) if i != site.in_place]
    return site.field.method(method, CX, *read, *site.outputs)


@singledispatch
def result_pattern(layer: Layer, names: Sequence[Expr]) -> Expr:
    """The pattern that destructures the result of ``layer_call``, with a name for each output."""
    del layer
    return tuple_(names)


@singledispatch
def before_call(layer: Layer, site: Site) -> list[Stmt]:
    """Statements that must run before the call."""
    del layer, site
    return []


@singledispatch
def data_dependent_dims(layer: Layer, site: Site) -> DimValues:
    """The data-dependent dimensions of the outputs.

    The expressions can refer only to the inputs of ``site``, and can use ``?``.
    """
    del layer, site
    return {}


def size_at(value: Value, view: Expr, index: int = 0) -> Expr:
    """Element ``index`` of a parameter, as a size: ``ops::size_at("k", k, 0)?``."""
    return Item("tf_layers::ops::size_at")(string(value.name), view, index).tried()


def integers(value: Value, view: Expr) -> Prefix:
    """The integers in a parameter, by reference: ``&ops::Integers::read("starts", starts)?``."""
    return ref(_read(value, view))


def sizes(value: Value, view: Expr) -> Expr:
    """The sizes in a parameter: ``ops::Integers::read("shape", shape)?.sizes()?``."""
    return _read(value, view).method("sizes").tried()


def _read(value: Value, view: Expr) -> Expr:
    return Item("tf_layers::ops::Integers").of("read")(string(value.name), view).tried()
