"""The ``State`` of the generated crate: the tensors that the model keeps between two calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.codegen.variables import Port
from tf2rust.ops.core.dims import symbols
from tf2rust.ops.core.layer import Dims
from tf2rust.rust.literals import own_type, rust_number
from tf2rust.rust.tree import Expr, ExprStmt, Prefix, Stmt, Struct, Token, array, let, ref


@dataclass(frozen=True)
class StateField:
    """A field of ``State``: the input that it is, the output that replaces it, and its initial value."""

    input: Port
    output: Port
    initial: np.ndarray | None
    """None stands for zeros."""
    is_constant: bool
    """Whether the crate needs a constant for the initial value, because the elements differ."""

    @property
    def constant(self) -> str:
        """The name of this constant."""
        return f"INITIAL_{self.input.field.upper()}"

    @property
    def elements(self) -> list[Expr]:
        """The elements of the initial value."""
        assert self.initial is not None
        literals = [rust_number(x, self.input.dtype) for x in self.initial.reshape(-1).tolist()]
        return [Token(literal.removesuffix(f"_{self.input.rust_type}")) for literal in literals]

    @property
    def fill(self) -> Expr:
        """The initial value of every element."""
        if own := own_type(self.input.dtype):
            return Token(f"{own}::default")()
        first = np.zeros(1, self.input.dtype) if self.initial is None else self.initial.reshape(-1)[:1]
        literal = rust_number(first[0].item() if first.size else 0, self.input.dtype)
        return Token(literal.removesuffix(f"_{self.input.rust_type}"))


def state_sizes(states: Sequence[StateField]) -> list[str]:
    """The symbolic dimensions of the states: the parameters of ``State::new``."""
    return sorted(symbols(dim for state in states for dim in state.input.shape))


def new_state(
    states: Sequence[StateField], variables: Mapping[str, str], tensor: Callable[[Port], Expr] | None = None
) -> list[Stmt]:
    """The statements that make ``state``; ``variables`` hold its symbolic dimensions.

    ``tensor`` gives the tensor of an input or output that is not resized yet; without it, tensors allocate memory.
    """

    def shape(dims: Dims) -> Expr:
        return ref(array([d if isinstance(d, int) else Token(variables[str(d)]) for d in dims]))

    mine: list[tuple[str, Expr]]
    if tensor is None:
        mine = [(state.input.field, Token("Tensor::default")()) for state in states]
        value = Struct(Token("Self"), (*mine, ("next", Token("NextState::default")())))
    else:
        mine = [(state.input.field, tensor(state.input)) for state in states]
        following = Struct(Token("NextState"), tuple((state.input.field, tensor(state.output)) for state in states))
        value = Struct(Token("State"), (*mine, ("next", following)))
    found: list[Stmt] = [let("state", value, mutable=True)]
    for state in states:
        for port in (state.input, state.output):
            found.append(ExprStmt(port.place.method("resize", shape(port.shape)).tried()))
    return found


def swap(state: StateField) -> list[Stmt]:
    """The statement that makes the result of a step the state."""
    name = state.input.field
    mine, new = Token("self").field(name), Token("self").field("next").field(name)
    return [ExprStmt(Token("core::mem::swap")(Prefix("&mut ", mine), Prefix("&mut ", new)))]
