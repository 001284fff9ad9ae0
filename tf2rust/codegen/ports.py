"""The Rust that describes inputs, outputs and states as data: ``src/ports.rs`` of the generated crate."""

from __future__ import annotations

from collections.abc import Sequence

from tf2rust.codegen.variables import Port
from tf2rust.ops.core.dims import Dim
from tf2rust.rust.literals import data_type
from tf2rust.rust.tree import Expr, Item, Stmt, Token, array, let, ref, string, struct

_INTERFACE = "tf_layers::interface"
_AXIS, _DATA_TYPE, _PORT = (Item(f"{_INTERFACE}::{name}") for name in ("Axis", "DataType", "Port"))


def ports(found: Sequence[Port]) -> Expr:
    """A slice of ``Port``."""
    items = [
        struct(
            _PORT,
            name=Token(port.literal),
            data_type=_DATA_TYPE.of(data_type(port.dtype)),
            shape=ref(array([_axis(dim) for dim in port.shape])),
        )
        for port in found
    ]
    return ref(array(items))


def _axis(dim: Dim) -> Expr:
    return _AXIS.of("Fixed")(dim) if isinstance(dim, int) else _AXIS.of("Symbolic")(string(str(dim)))


def typed_inputs(inputs: Sequence[Port]) -> list[Stmt]:
    """The statements that turn ``inputs``, a slice of ``AnyView``, into the ``Inputs`` of the model."""
    views = [Token(f"view_{i}") for i in range(1, len(inputs) + 1)]
    fields = {
        port.field: view.method("get", Token(port.literal)).tried() for view, port in zip(views, inputs, strict=True)
    }
    value = struct(Token("Inputs"), **fields) if inputs else Token("Inputs")
    return [let(array(views), Item(f"{_INTERFACE}::inputs")("inputs").tried()), let("inputs", value)]
