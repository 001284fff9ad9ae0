"""Dimensions as checked Rust: no shape that a caller passes can overflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tf2rust.ops.core.dims import Expr, FloorDiv

FUNCTIONS = ("len", "quotient", "sub", "sum")
"""The functions of tf-layers that the expressions call."""


@dataclass(frozen=True)
class DimWriter:
    """Writes dimensions as ``usize`` expressions with ``?`` inside; ``names`` gives the free ones' variables."""

    names: Mapping[str, str] = field(default_factory=dict)

    def dim(self, dim: int | Expr) -> str:
        """``sub(len(&[n, 4])?, 2)?`` for 4n − 2."""
        if isinstance(dim, int):
            return str(dim)
        plus: list[str] = []
        minus: list[str] = []
        for monomial, coefficient in dim.terms:
            factors = [self._quotient(a) if isinstance(a, FloorDiv) else self.names.get(a, a) for a in monomial]
            if abs(coefficient) != 1 or not factors:
                factors.append(str(abs(coefficient)))
            text = factors[0] if len(factors) == 1 else f"len(&[{', '.join(factors)}])?"
            (plus if coefficient > 0 else minus).append(text)
        total = _sum(plus)
        return f"sub({total}, {_sum(minus)})?" if minus else total

    def dims(self, dims: Sequence[int | Expr]) -> str:
        """A ``[usize; N]`` expression."""
        return f"[{', '.join(map(self.dim, dims))}]"

    def _quotient(self, atom: FloorDiv) -> str:
        above, below = self.dim(atom.numerator), self.dim(atom.denominator)
        return f"{above} / {below}" if below.isdecimal() else f"quotient({above}, {below})?"


def _sum(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"sum(&[{', '.join(parts)}])?"
