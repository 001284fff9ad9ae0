"""``Memory`` of the generated crate: arrays for a prediction of known sizes, which need no allocator."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tf2rust.codegen.states import StateField, new_state
from tf2rust.codegen.variables import Port
from tf2rust.ops.core.dtypes import TEXT
from tf2rust.planning.buffers import Plan
from tf2rust.rust.literals import rust_type
from tf2rust.rust.tree import Expr, Stmt, Struct, Token


@dataclass(frozen=True)
class ReservedArray:
    """A field of ``Memory``: an array of ``size`` elements."""

    field: str
    rust_type: str
    size: int

    @property
    def zeros(self) -> Expr:
        """The array of zeros, as a constant expression."""
        zero = {"bool": "false", "f32": "0.0", "f64": "0.0"}.get(self.rust_type, "0")
        if self.rust_type[0].isupper():
            new = "new" if self.rust_type[0] in "IU" else "from_bits"
            zero = f"{self.rust_type}::{new}(0)"
        return Token(f"[{zero}; {self.size}]")

    @property
    def place(self) -> Token:
        """A borrow of the array."""
        return Token(f"&mut self.{self.field}")


@dataclass(frozen=True)
class Memory:
    """The arrays of ``Memory``, and the Rust that makes tensors and buffers of them."""

    buffers: tuple[ReservedArray, ...]
    outputs_of: tuple[tuple[Port, ReservedArray], ...]
    states: tuple[StateField, ...]
    states_of: tuple[tuple[Port, ReservedArray], ...]

    @staticmethod
    def of(plan: Plan, inputs: Iterable[Port], outputs: Iterable[Port], states: Sequence[StateField]) -> Memory | None:
        """None if a size or the type of an element is not fixed."""
        sizes = _buffer_sizes(plan)
        given = [port for port in outputs if not port.is_state]
        kept = [port for state in states for port in (state.input, state.output)]
        ports = [*inputs, *given, *kept]
        if sizes is None or any(port.dtype == TEXT or _size(port.shape) is None for port in ports):
            return None
        arrays = {port: ReservedArray(_field(port), port.rust_type, _size(port.shape) or 0) for port in (*given, *kept)}
        return Memory(
            tuple(
                ReservedArray(f"b{i}", rust_type(dtype), size)
                for i, (dtype, size) in enumerate(zip(plan.buffers, sizes, strict=True))
            ),
            tuple((port, arrays[port]) for port in given),
            tuple(states),
            tuple((port, arrays[port]) for port in kept),
        )

    @property
    def arrays(self) -> list[ReservedArray]:
        """All arrays except the scratch memory."""
        return [*self.buffers, *(array for _, array in (*self.outputs_of, *self.states_of))]

    @property
    def bytes(self) -> dict[str, int]:
        """The bytes of each array."""
        return {array.field: array.size * _ELEMENT_BYTES[array.rust_type] for array in self.arrays}

    @property
    def zeros(self) -> Expr:
        """``Self { … }`` with zeros."""
        fields = [(array.field, array.zeros) for array in self.arrays]
        return Struct(Token("Self"), (*fields, ("scratch", Token("[0.0; SCRATCH]"))))

    @property
    def workspace(self) -> list[tuple[str, Expr]]:
        """The fields of ``Workspace``."""
        new = Token("Buffer::from_static")
        fields: list[tuple[str, Expr]] = [(array.field, new(array.place)) for array in self.buffers]
        return [*fields, ("scratch", new(Token("&mut self.scratch")))]

    @property
    def workspace_value(self) -> Expr:
        """``Workspace { … }``"""
        return Struct(Token("Workspace"), tuple(self.workspace))

    @property
    def outputs(self) -> Expr:
        """``Outputs { … }``"""
        new = Token("Tensor::from_static")
        return Struct(Token("Outputs"), tuple((port.field, new(array.place)) for port, array in self.outputs_of))

    @property
    def state(self) -> list[Stmt]:
        """The statements that make ``state``."""
        arrays = dict(self.states_of)
        return new_state(self.states, {}, lambda port: Token("Tensor::from_static")(arrays[port].place))


_ELEMENT_BYTES = {
    **dict.fromkeys(("F16", "BF16", "i16", "u16"), 2),
    **dict.fromkeys(("f32", "i32", "u32"), 4),
    **dict.fromkeys(("f64", "i64", "u64"), 8),
    **dict.fromkeys(("F8E4M3FN", "F8E4M3FNUZ", "F8E5M2", "F8E5M2FNUZ", "F8E8M0", "F4E2M1"), 1),
    **dict.fromkeys(("I4", "U4", "I2", "U2", "i8", "u8", "bool"), 1),
}


def _field(port: Port) -> str:
    if not port.is_state:
        return f"output_{port.field}"
    return f"state_{port.field}" if port.is_input else f"next_{port.field}"


def _size(shape: Sequence[object]) -> int | None:
    """The number of elements; None if a dimension is symbolic."""
    sizes = [dim for dim in shape if isinstance(dim, int)]
    return math.prod(sizes) if len(sizes) == len(shape) else None


def _buffer_sizes(plan: Plan) -> list[int] | None:
    """The number of elements of every buffer; None if one holds strings or has a size that is not fixed."""
    sizes = [0] * len(plan.buffers)
    for value, allocation in plan.allocations.items():
        if allocation.buffer is None:
            continue
        size = _size(value.shape)
        if size is None or allocation.dtype == TEXT:
            return None
        sizes[allocation.buffer] = max(sizes[allocation.buffer], size)
    return sizes
