"""Dimensions: integers, or integer expressions over a model's free dimensions.

An expression is kept as a polynomial in normal form, so that two dimensions that are equal as polynomials compare
equal. A quotient that does not come out even stays as an atom of that polynomial.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FloorDiv:
    """``numerator // denominator``, rounded down; both are not negative wherever a shape is defined."""

    numerator: Expr
    denominator: int | Expr


Atom = str | FloorDiv
Monomial = tuple[Atom, ...]


_MOST_PARTS = 1000
_DEEPEST = 50
_LARGEST = 1 << 1024
"""What an expression may be made of: parts, quotients within quotients, and coefficients below this."""


def _sort_key(atom: Atom) -> str:
    return atom if isinstance(atom, str) else f"~{atom!r}"


class Expr:
    """A polynomial with integer coefficients over free dimensions; never a plain number (that is an ``int``)."""

    __slots__ = ("depth", "size", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        atoms = [a for m in terms for a in m]
        quotients = [d for a in atoms if not isinstance(a, str) for d in (a.numerator, a.denominator)]
        inner = [d for d in quotients if isinstance(d, Expr)]
        self.size: int = len(terms) + len(atoms) + sum(d.size for d in inner)
        """Terms and factors, those within quotients included."""
        self.depth: int = 1 + max((d.depth for d in inner), default=0)
        """Quotients within quotients."""
        if self.size > _MOST_PARTS or self.depth > _DEEPEST or any(abs(c) >= _LARGEST for c in terms.values()):
            raise OverflowError("a dimension becomes an expression that is too large to calculate with")
        self.terms: tuple[tuple[Monomial, int], ...] = tuple(
            sorted(((m, c) for m, c in terms.items() if c), key=lambda t: ([_sort_key(a) for a in t[0]], t[1]))
        )

    @staticmethod
    def symbol(name: str) -> Expr:
        """The free dimension called ``name``."""
        return Expr({(name,): 1})

    def symbols(self) -> set[str]:
        """The names of the free dimensions this expression depends on."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for atom in monomial:
                if isinstance(atom, str):
                    found.add(atom)
                else:
                    found |= atom.numerator.symbols() | symbols([atom.denominator])
        return found

    def bind(self, sizes: Mapping[str, int]) -> int | Expr:
        """The value where the free dimensions named in ``sizes`` have these sizes."""
        total: int | Expr = 0
        for monomial, coefficient in self.terms:
            product: int | Expr = coefficient
            for atom in monomial:
                if isinstance(atom, FloorDiv):
                    product = product * (bind(atom.numerator, sizes) // bind(atom.denominator, sizes))
                else:
                    product = product * sizes.get(atom, Expr.symbol(atom))
            total = total + product
        return total

    def __str__(self) -> str:
        parts: list[str] = []
        # Positive terms first: 4n − 2, not −2 + 4n.
        for monomial, coefficient in sorted(self.terms, key=lambda t: t[1] < 0):
            factors = [a if isinstance(a, str) else _quotient_text(a) for a in monomial]
            if abs(coefficient) != 1 or not factors:
                factors.insert(0, str(abs(coefficient)))
            text = " * ".join(factors)
            parts.append(f" {'-' if coefficient < 0 else '+'} {text}" if parts else ("-" * (coefficient < 0) + text))
        return "".join(parts)

    def __add__(self, other: int | Expr) -> int | Expr:
        terms = dict(self.terms)
        for monomial, coefficient in _terms(other):
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _normal(terms)

    __radd__ = __add__

    def __neg__(self) -> int | Expr:
        return self * -1

    def __sub__(self, other: int | Expr) -> int | Expr:
        return self + other * -1

    def __rsub__(self, other: int) -> int | Expr:
        return (self * -1) + other

    def __mul__(self, other: int | Expr) -> int | Expr:
        if isinstance(other, Expr) and self.size * other.size > _MOST_PARTS**2 // 4:
            raise OverflowError("a dimension becomes an expression that is too large to calculate with")
        terms: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in _terms(other):
                monomial = tuple(sorted(left + right, key=_sort_key))
                terms[monomial] = terms.get(monomial, 0) + a * b
        return _normal(terms)

    __rmul__ = __mul__

    def __floordiv__(self, other: int | Expr) -> int | Expr:
        if exact := _divide(self, other):
            return exact
        return Expr({(FloorDiv(self, other),): 1})

    def __rfloordiv__(self, other: int) -> int | Expr:
        return 0 if other == 0 else Expr({(FloorDiv(Expr({(): other}), self),): 1})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expr) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.terms)

    __repr__ = __str__


def _quotient_text(atom: FloorDiv) -> str:
    below = atom.denominator
    return f"(({atom.numerator}) // {below if isinstance(below, int) else f'({below})'})"


def _terms(dim: int | Expr) -> tuple[tuple[Monomial, int], ...]:
    return dim.terms if isinstance(dim, Expr) else (((), int(dim)),)


def _normal(terms: dict[Monomial, int]) -> int | Expr:
    terms = {m: c for m, c in terms.items() if c}
    if not terms:
        return 0
    return terms[()] if set(terms) == {()} else Expr(terms)


def _divide(dividend: Expr, divisor: int | Expr) -> int | Expr | None:
    """The quotient where the division comes out even term by term or the two are proportional, else None."""
    if isinstance(divisor, Expr) and len(divisor.terms) != 1:
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


def bind(dim: int | Expr, sizes: Mapping[str, int]) -> int | Expr:
    """``dim`` with the free dimensions in ``sizes`` given."""
    return dim.bind(sizes) if isinstance(dim, Expr) else dim


def product(dims: Iterable[int | Expr]) -> int | Expr:
    """The product of ``dims``; 1 for none."""
    total: int | Expr = 1
    for dim in dims:
        total = total * dim
    return total


def symbols(dims: Iterable[int | Expr]) -> set[str]:
    """The names of all free dimensions in ``dims``."""
    return {name for dim in dims if isinstance(dim, Expr) for name in dim.symbols()}


def least(dim: int | Expr) -> int | None:
    """A number that ``dim`` is never below, since no free dimension is negative; None where none is known."""
    if isinstance(dim, int):
        return dim
    terms = dict(dim.terms)
    constant = terms.pop((), 0)
    return constant if all(c > 0 for c in terms.values()) else None


def equals(a: int | Expr, b: int | Expr) -> bool | None:
    """Whether the two are the same whatever the free dimensions are; None where that depends on them."""
    apart = a - b
    if isinstance(apart, int):
        return apart == 0
    return False if any((n := least(d)) is not None and n > 0 for d in (apart, -apart)) else None


def format_shape(shape: Iterable[int | Expr]) -> str:
    """``[n, 64]``, for people."""
    return f"[{', '.join(str(d) for d in shape)}]"


def plain_shape(shape: Iterable[int | Expr]) -> list[int | str]:
    """The shape for JSON: numbers, and expressions as text."""
    return [d if isinstance(d, int) else str(d) for d in shape]
