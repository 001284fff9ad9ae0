"""Dimensions: integers, or integer expressions over a model's symbolic dimensions.

An expression is a polynomial in normal form, so that dimensions that are equal as polynomials compare equal. A
quotient with a remainder is an atom of that polynomial.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FloorDiv:
    """``numerator // denominator``, rounded down; neither is negative in a valid shape."""

    numerator: DimExpr
    denominator: Dim


Atom = str | FloorDiv
Monomial = tuple[Atom, ...]


_MAX_TERMS = 1000
_MAX_DEPTH = 50
_MAX_COEFFICIENT = 1 << 1024
"""Limits of an expression: its terms and factors, the depth of nested quotients, and its coefficients."""


def _sort_key(atom: Atom) -> str:
    return atom if isinstance(atom, str) else f"~{atom!r}"


class DimExpr:
    """A polynomial with integer coefficients over symbolic dimensions; a constant is an ``int`` instead."""

    __slots__ = ("depth", "size", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        atoms = [a for m in terms for a in m]
        quotients = [d for a in atoms if not isinstance(a, str) for d in (a.numerator, a.denominator)]
        inner = [d for d in quotients if isinstance(d, DimExpr)]
        self.size: int = len(terms) + len(atoms) + sum(d.size for d in inner)
        """The number of terms and factors, including those in quotients."""
        self.depth: int = 1 + max((d.depth for d in inner), default=0)
        """The depth of nested quotients."""
        if self.size > _MAX_TERMS or self.depth > _MAX_DEPTH or any(abs(c) >= _MAX_COEFFICIENT for c in terms.values()):
            raise OverflowError("an expression for a dimension has too many terms")
        self.terms: tuple[tuple[Monomial, int], ...] = tuple(
            sorted(((m, c) for m, c in terms.items() if c), key=lambda t: ([_sort_key(a) for a in t[0]], t[1]))
        )

    @staticmethod
    def symbol(name: str) -> DimExpr:
        """The symbolic dimension ``name``."""
        return DimExpr({(name,): 1})

    def symbols(self) -> set[str]:
        """The names of the symbolic dimensions in this expression."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for atom in monomial:
                if isinstance(atom, str):
                    found.add(atom)
                else:
                    found |= atom.numerator.symbols() | symbols([atom.denominator])
        return found

    def bind(self, sizes: Mapping[str, int]) -> Dim:
        """Substitutes ``sizes`` for the symbolic dimensions that they name."""
        total: Dim = 0
        for monomial, coefficient in self.terms:
            product: Dim = coefficient
            for atom in monomial:
                if isinstance(atom, FloorDiv):
                    product = product * (bind(atom.numerator, sizes) // bind(atom.denominator, sizes))
                else:
                    product = product * sizes.get(atom, DimExpr.symbol(atom))
            total = total + product
        return total

    def __str__(self) -> str:
        parts: list[str] = []
        # Positive terms come first: 4n − 2, not −2 + 4n.
        for monomial, coefficient in sorted(self.terms, key=lambda t: t[1] < 0):
            factors = [a if isinstance(a, str) else _quotient_text(a) for a in monomial]
            if abs(coefficient) != 1 or not factors:
                factors.insert(0, str(abs(coefficient)))
            text = " * ".join(factors)
            parts.append(f" {'-' if coefficient < 0 else '+'} {text}" if parts else ("-" * (coefficient < 0) + text))
        return "".join(parts)

    def __add__(self, other: Dim) -> Dim:
        terms = dict(self.terms)
        for monomial, coefficient in _terms(other):
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _normal(terms)

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + other * -1

    def __rsub__(self, other: int) -> Dim:
        return (self * -1) + other

    def __mul__(self, other: Dim) -> Dim:
        if isinstance(other, DimExpr) and self.size * other.size > _MAX_TERMS**2 // 4:
            raise OverflowError("an expression for a dimension has too many terms")
        terms: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in _terms(other):
                monomial = tuple(sorted(left + right, key=_sort_key))
                terms[monomial] = terms.get(monomial, 0) + a * b
        return _normal(terms)

    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        if exact := _divide(self, other):
            return exact
        return DimExpr({(FloorDiv(self, other),): 1})

    def __rfloordiv__(self, other: int) -> Dim:
        return 0 if other == 0 else DimExpr({(FloorDiv(DimExpr({(): other}), self),): 1})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DimExpr) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.terms)

    __repr__ = __str__


Dim = int | DimExpr


def _quotient_text(atom: FloorDiv) -> str:
    below = atom.denominator
    return f"(({atom.numerator}) // {below if isinstance(below, int) else f'({below})'})"


def _terms(dim: Dim) -> tuple[tuple[Monomial, int], ...]:
    return dim.terms if isinstance(dim, DimExpr) else (((), int(dim)),)


def _normal(terms: dict[Monomial, int]) -> Dim:
    terms = {m: c for m, c in terms.items() if c}
    if not terms:
        return 0
    return terms[()] if set(terms) == {()} else DimExpr(terms)


def _divide(dividend: DimExpr, divisor: Dim) -> Dim | None:
    """The exact quotient if every term is divisible or the two are proportional, otherwise None."""
    if isinstance(divisor, DimExpr) and len(divisor.terms) != 1:
        lead_monomial, lead = divisor.terms[0]
        factor = dict(dividend.terms).get(lead_monomial, 0) // lead
        return factor if factor and divisor * factor == dividend else None
    ((monomial, coefficient),) = _terms(divisor)
    if coefficient == 0:
        return None
    quotient: dict[Monomial, int] = {}
    for own, number in dividend.terms:
        rest = list(own)
        for atom in monomial:
            if atom not in rest:
                return None
            rest.remove(atom)
        if number % coefficient:
            return None
        quotient[tuple(rest)] = number // coefficient
    return _normal(quotient)


def bind(dim: Dim, sizes: Mapping[str, int]) -> Dim:
    """Substitutes ``sizes`` for the symbolic dimensions in ``dim``."""
    return dim.bind(sizes) if isinstance(dim, DimExpr) else dim


def product(dims: Iterable[Dim]) -> Dim:
    """The product of ``dims``; 1 if there are none."""
    total: Dim = 1
    for dim in dims:
        total = total * dim
    return total


def symbols(dims: Iterable[Dim]) -> set[str]:
    """The names of all symbolic dimensions in ``dims``."""
    return {name for dim in dims if isinstance(dim, DimExpr) for name in dim.symbols()}


def least(dim: Dim) -> int | None:
    """A lower bound of ``dim``, as no symbolic dimension is negative; None if no bound is known."""
    if isinstance(dim, int):
        return dim
    terms = dict(dim.terms)
    constant = terms.pop((), 0)
    return constant if all(c > 0 for c in terms.values()) else None


def equals(a: Dim, b: Dim) -> bool | None:
    """Whether the two are equal for all sizes of the symbolic dimensions; None if that depends on the sizes."""
    apart = a - b
    if isinstance(apart, int):
        return apart == 0
    return False if any((n := least(d)) is not None and n > 0 for d in (apart, -apart)) else None


def format_shape(shape: Iterable[Dim]) -> str:
    """The shape as text: ``[n, 64]``."""
    return f"[{', '.join(str(d) for d in shape)}]"


def plain_shape(shape: Iterable[Dim]) -> list[int | str]:
    """The shape for JSON: integers, and expressions as strings."""
    return [d if isinstance(d, int) else str(d) for d in shape]
