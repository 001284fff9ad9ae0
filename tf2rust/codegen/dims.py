"""Dimensions as checked Rust arithmetic: no shape that a caller passes can overflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tf2rust.codegen.names import Names
from tf2rust.ops.core.dims import Atom, Condition, Dim, DimExpr, FloorDiv, without_differences
from tf2rust.rust.tree import Array, Binary, Expr, Item, Let, Token, array, let, ref, string

_MODULE = "tf_layers::dims"


def product_of(factors: Sequence[Expr]) -> Expr:
    """The product, checked for overflow."""
    return factors[0] if len(factors) == 1 else Item(f"{_MODULE}::product")(ref(array(factors))).tried()


class DimWriter:
    """Writes dimensions as ``usize`` expressions that use ``?``; ``names`` maps symbolic dimensions to variables.

    Every other dimension is computed once: its variable is defined in ``pending``, before the first statement that uses
    it. Without ``locals`` for new variables, it is written inline.
    """

    def __init__(self, names: Mapping[str, str], locals: Names | None = None) -> None:
        self.names, self.locals = names, locals
        self.pending: list[Let] = []
        self._named: dict[DimExpr, Token] = {}

    def inline(self) -> DimWriter:
        """A writer without variables, for code in another function."""
        return DimWriter(self.names)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Limits variables that are defined inside the ``with`` block to that block."""
        before = dict(self._named)
        yield
        self._named = before

    def take_pending(self) -> list[Let]:
        """The definitions of the variables that were added since the last call."""
        pending, self.pending = self.pending, []
        return pending

    def dims(self, dims: Sequence[Dim]) -> Array:
        """A ``[usize; N]`` expression."""
        return array([self.dim(dim) for dim in dims])

    def dim(self, dim: Dim) -> Expr:
        """``dims::sub(dims::product(&[n, 4])?, 2)?`` for 4n − 2."""
        if isinstance(dim, int):
            return Token(str(dim))
        if dim in self._named:
            return self._named[dim]
        written = self._written(dim)
        if isinstance(written, Token) or self.locals is None:
            return written
        symbol = min(dim.symbols(), key=lambda s: (len(s), s))
        name = Token(self.locals.unique(self.names.get(symbol, "dim")))
        self.pending.append(let(name, written))
        self._named[dim] = name
        return name

    def _written(self, dim: DimExpr) -> Expr:
        plus: list[Expr] = []
        minus: list[Expr] = []
        for monomial, coefficient in sorted(dim.terms, key=lambda t: not t[0]):
            factors: list[Expr] = [self._atom(atom) for atom in monomial]
            if abs(coefficient) != 1 or not factors:
                factors.append(Token(str(abs(coefficient))))
            (plus if coefficient > 0 else minus).append(product_of(factors))
        total = _sum(plus)
        return Item(f"{_MODULE}::sub")(total, _sum(minus)).tried() if minus else total

    def _atom(self, atom: Atom) -> Expr:
        if isinstance(atom, str):
            return Token(self.names.get(atom, atom))
        operands = [self.dim(operand) for operand in atom.operands]
        if not isinstance(atom, FloorDiv):
            return Item(f"{_MODULE}::{atom.name}")(ref(array(operands)))
        above, below = operands
        if isinstance(below, Token) and below.text.isdecimal():
            return Binary(above, "/", below)
        return Item(f"{_MODULE}::quotient")(above, below).tried()

    def check(self, condition: Condition) -> Expr:
        """An expression that fails unless the condition holds.

        It compares sums without differences, because ``usize`` has no negative numbers: ``a >= b`` for a − b ≥ 0.
        """
        larger, smaller = without_differences(condition.left, condition.right)
        # A sum is never below 0, and the compiler says so.
        relation = "==" if larger == 0 else condition.relation
        holds = Binary(self.dim(larger), relation, self.dim(smaller))
        return Item(f"{_MODULE}::check")(holds, string(str(condition)), string(condition.node)).tried()


def _sum(parts: Sequence[Expr]) -> Expr:
    return parts[0] if len(parts) == 1 else Item(f"{_MODULE}::sum")(ref(array(parts))).tried()
