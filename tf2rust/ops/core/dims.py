"""Dimensions: integers, or integer expressions over a model's symbolic dimensions.

An expression is a polynomial in normal form, so that dimensions that are equal as polynomials compare equal. The atoms
of a polynomial are symbolic dimensions, quotients with a remainder, minima and maxima.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from math import gcd
from operator import and_, eq, ge, ne
from typing import ClassVar


class Symbol(str):
    """The name of a symbolic dimension, with the range of its sizes; ``high`` is None if there is no limit."""

    __slots__ = ("high", "low")
    low: int
    high: int | None

    def __new__(cls, name: str, low: int = 0, high: int | None = None) -> Symbol:
        made = super().__new__(cls, name)
        made.low, made.high = low, high
        return made


Size = int | tuple[int, int]
"""The size of a symbolic dimension, or the smallest and the largest size that it may have."""


@dataclass(frozen=True)
class FloorDiv:
    """``numerator // denominator``, rounded down; neither is negative in a valid shape."""

    numerator: Dim
    denominator: Dim

    @property
    def operands(self) -> tuple[Dim, ...]:
        return self.numerator, self.denominator

    def of(self, operands: Iterable[Dim]) -> Dim:
        """The same function of other operands."""
        numerator, denominator = operands
        return numerator // denominator

    def __str__(self) -> str:
        return f"{_operand(self.numerator)} // {_operand(self.denominator)}"


@dataclass(frozen=True)
class Extremum:
    """The minimum or maximum of several dimensions, none of which is negative in a valid shape."""

    operands: tuple[Dim, ...]
    name: ClassVar[str]

    def of(self, operands: Iterable[Dim]) -> Dim:
        """The same function of other operands."""
        return _extremum(type(self), operands)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.operands))})"


class Minimum(Extremum):
    """The smallest of the operands."""

    name = "min"


class Maximum(Extremum):
    """The largest of the operands."""

    name = "max"


Atom = str | FloorDiv | Extremum
Monomial = tuple[Atom, ...]


_MAX_TERMS = 1000
_MAX_DEPTH = 50
_MAX_COEFFICIENT = 1 << 1024
"""Limits of an expression: its terms and factors, the depth of nested functions, and its coefficients."""


def _sort_key(atom: Atom) -> str:
    return atom if isinstance(atom, str) else f"~{atom!r}"


class DimExpr:
    """A polynomial with integer coefficients over symbolic dimensions; a constant is an ``int`` instead."""

    __slots__ = ("depth", "size", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        atoms = [a for m in terms for a in m]
        inner = [d for a in atoms if not isinstance(a, str) for d in a.operands if isinstance(d, DimExpr)]
        self.size: int = len(terms) + len(atoms) + sum(d.size for d in inner)
        """The number of terms and factors, including those of operands of functions."""
        self.depth: int = 1 + max((d.depth for d in inner), default=0)
        """The depth of nested functions."""
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
                    found |= symbols(atom.operands)
        return found

    def bind(self, sizes: Mapping[str, Dim] | Mapping[str, int]) -> Dim:
        """Substitutes ``sizes`` for the symbolic dimensions that they name."""
        total: Dim = 0
        for monomial, coefficient in self.terms:
            product: Dim = coefficient
            for atom in monomial:
                if isinstance(atom, str):
                    product = product * sizes.get(atom, DimExpr.symbol(atom))
                else:
                    product = product * atom.of([bind(operand, sizes) for operand in atom.operands])
            total = total + product
        return total

    def __str__(self) -> str:
        parts: list[str] = []
        # Positive terms come first, and the constant comes last: 4n − 2, not −2 + 4n.
        for monomial, coefficient in sorted(self.terms, key=lambda t: (t[1] < 0, not t[0])):
            alone = _only_atom(self) is not None
            factors = [f"({atom})" if isinstance(atom, FloorDiv) and not alone else str(atom) for atom in monomial]
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
        if not isinstance(other, int) or other == 0:
            return DimExpr({(FloorDiv(self, other),): 1})
        if other < 0:
            return (self * -1) // -other
        # (a + d·q) // d = a // d + q: the numerator has no negative coefficients.
        whole = _normal({monomial: c // other for monomial, c in self.terms})
        rest = _normal({monomial: c % other for monomial, c in self.terms})
        if isinstance(rest, int):
            return whole + rest // other
        # (a // b + c) // d = (a + b·c) // (b·d)
        for monomial, c in rest.terms:
            inner = monomial[0] if len(monomial) == 1 and c == 1 else None
            if isinstance(inner, FloorDiv) and isinstance(inner.denominator, int):
                others = rest - DimExpr({monomial: c})
                merged = inner.numerator + inner.denominator * others
                return whole + merged // (inner.denominator * other)
        return whole + DimExpr({(FloorDiv(rest, other),): 1})

    def __mod__(self, other: Dim) -> Dim:
        return self - other * (self // other)

    def __rmod__(self, other: int) -> Dim:
        return other - self * (other // self)

    def __rfloordiv__(self, other: int) -> Dim:
        return 0 if other == 0 else DimExpr({(FloorDiv(other, self),): 1})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DimExpr) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.terms)

    __repr__ = __str__


Dim = int | DimExpr


def _operand(dim: Dim) -> str:
    """An operand of a quotient; in parentheses if it is not a number, a name or a function call."""
    simple = isinstance(dim, int) or isinstance(_only_atom(dim), str | Extremum)
    return str(dim) if simple else f"({dim})"


def _only_atom(dim: Dim) -> Atom | None:
    """The atom that is the whole expression; None for other expressions."""
    terms = _terms(dim)
    monomial, coefficient = terms[0]
    return monomial[0] if len(terms) == len(monomial) == coefficient == 1 else None


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


def bind(dim: Dim, sizes: Mapping[str, Dim] | Mapping[str, int]) -> Dim:
    """Substitutes ``sizes`` for the symbolic dimensions in ``dim``."""
    return dim.bind(sizes) if isinstance(dim, DimExpr) else dim


def size_at(dim: Dim, sizes: Mapping[str, int]) -> int:
    """The value of ``dim`` for these sizes, at least 0.

    Dimensions without a size, such as those that depend on data, count as 1; so does a quotient by 0.
    """
    try:
        known = bind(dim, sizes)
        if isinstance(known, DimExpr):
            known = known.bind(dict.fromkeys(known.symbols(), 1))
    except ZeroDivisionError:
        return 1
    return max(known, 0) if isinstance(known, int) else 1


def product(dims: Iterable[Dim]) -> Dim:
    """The product of ``dims``; 1 if there are none."""
    total: Dim = 1
    for dim in dims:
        total = total * dim
    return total


def without_differences(a: Dim, b: Dim) -> tuple[Dim, Dim]:
    """Two sums of positive terms whose difference is a − b."""
    terms = _terms(a - b)
    return _normal({m: c for m, c in terms if c > 0}), _normal({m: -c for m, c in terms if c < 0})


def cancel(a: Dim, b: Dim) -> tuple[Dim, Dim]:
    """Both divided by the factors that all their terms have in common, which must not be 0."""
    terms = (*_terms(a), *_terms(b))
    number = gcd(*(coefficient for _, coefficient in terms))
    if not number:
        return a, b
    factors = reduce(and_, (Counter(monomial) for monomial, _ in terms))
    divisor = product([number, *(DimExpr({(atom,): 1}) for atom in factors.elements())])
    return a // divisor, b // divisor


def symbols(dims: Iterable[Dim]) -> set[str]:
    """The names of all symbolic dimensions in ``dims``."""
    return {name for dim in dims if isinstance(dim, DimExpr) for name in dim.symbols()}


def minimum(*dims: Dim) -> Dim:
    """The smallest of ``dims``."""
    return _extremum(Minimum, dims)


def maximum(*dims: Dim) -> Dim:
    """The largest of ``dims``."""
    return _extremum(Maximum, dims)


def _extremum(kind: type[Extremum], dims: Iterable[Dim]) -> Dim:
    """The extremum in normal form: the shared part of all operands is a summand, and no coefficient is negative."""
    kept: list[Dim] = []
    for dim in _flat(kind, dims):
        if any(_dominates(kind, other, dim) for other in kept):
            continue
        kept = [other for other in kept if not _dominates(kind, dim, other)] + [dim]
    if len(kept) == 1:
        return kept[0]
    coefficients = [dict(_terms(dim)) for dim in kept]
    monomials = {monomial for own in coefficients for monomial in own}
    shared = _normal({m: min(own.get(m, 0) for own in coefficients) for m in monomials})
    operands = sorted((dim - shared for dim in kept), key=lambda d: (isinstance(d, int), str(d)))
    return DimExpr({(kind(tuple(operands)),): 1}) + shared


def _flat(kind: type[Extremum], dims: Iterable[Dim]) -> Iterator[Dim]:
    """The dims, with nested extrema of the same kind replaced by their operands."""
    for dim in dims:
        atom = _only_atom(dim)
        if isinstance(atom, kind):
            yield from atom.operands
        else:
            yield dim


def _dominates(kind: type[Extremum], a: Dim, b: Dim) -> bool:
    """Whether ``b`` does not matter beside ``a``."""
    apart = least(b - a if kind is Minimum else a - b)
    return apart is not None and apart >= 0


_MAX_STEPS = 3
"""How many atoms ``least`` replaces by their bounds."""


def least(dim: Dim) -> int | None:
    """A lower bound of ``dim``; None if no bound is known."""
    return _least(dim, _MAX_STEPS)


def _least(dim: Dim, steps: int) -> int | None:
    if isinstance(dim, int):
        return dim
    bounds = [_lowest(monomial, c) for monomial, c in dim.terms]
    found = [sum(b for b in bounds if b is not None)] if None not in bounds else []
    # A minimum is at most any of its operands, a quotient is at most its numerator by its denominator, and so on.
    replaced = [
        dim - DimExpr({monomial: c}) + bound
        for monomial, c in (dim.terms if steps else ())
        if len(monomial) == 1
        for bound in _replacements(monomial[0], c)
    ]
    found += [bound for other in replaced if (bound := _least(other, steps - 1)) is not None]
    return max(found, default=None)


def _lowest(monomial: Monomial, coefficient: int) -> int | None:
    """A lower bound of one term, from the ranges of its atoms."""
    ranges = [_range(atom) for atom in monomial]
    bound = coefficient
    for low, high in ranges:
        if coefficient < 0 and high is None:
            return None
        bound *= low if coefficient > 0 or high is None else high
    return bound


def _range(atom: Atom) -> tuple[int, int | None]:
    """The range of an atom, none of which is negative."""
    if isinstance(atom, str):
        return (atom.low, atom.high) if isinstance(atom, Symbol) else (0, None)
    lows = [max(_least(d, 0) or 0, 0) for d in atom.operands]
    highs = [None if (high := _least(-d, 0)) is None else -high for d in atom.operands]
    known = [high for high in highs if high is not None]
    if isinstance(atom, Minimum):
        return min(lows), min(known, default=None)
    if isinstance(atom, Maximum):
        return max(lows), max(known) if len(known) == len(highs) else None
    above, below = highs
    return (lows[0] // below if below else 0), (above // max(lows[1], 1) if above is not None else None)


def _replacements(atom: Atom, coefficient: int) -> Iterator[Dim]:
    """Lower bounds of ``coefficient · atom``."""
    if isinstance(atom, Minimum if coefficient < 0 else Maximum):
        yield from (operand * coefficient for operand in atom.operands)
    if isinstance(atom, FloorDiv) and isinstance(atom.denominator, int) and coefficient % atom.denominator == 0:
        numerator = atom.numerator if coefficient < 0 else atom.numerator - (atom.denominator - 1)
        yield numerator * (coefficient // atom.denominator)


def equals(a: Dim, b: Dim) -> bool | None:
    """Whether the two are equal for all sizes of the symbolic dimensions; None if that depends on the sizes."""
    apart = a - b
    if isinstance(apart, int):
        return apart == 0
    return False if any((n := least(d)) is not None and n > 0 for d in (apart, -apart)) else None


@dataclass(frozen=True)
class Condition:
    """A relation between two dimensions that may or may not hold for given sizes."""

    left: Dim
    relation: str
    """``==``, ``!=`` or ``>=``"""
    right: Dim
    node: str = field(default="", compare=False)
    """The ONNX node that needs it, as a noun phrase."""

    def holds(self, sizes: Mapping[str, int]) -> bool | None:
        """Whether it holds for ``sizes``; None if they do not decide it."""
        try:
            left, right = bind(self.left, sizes), bind(self.right, sizes)
        except ZeroDivisionError:
            return False
        return RELATIONS[self.relation](left, right) if isinstance(left, int) and isinstance(right, int) else None

    def known(self) -> bool | None:
        """Whether it holds for all sizes; None if that depends on the sizes."""
        if self.relation == ">=":
            if (low := least(self.left - self.right)) is not None and low >= 0:
                return True
            return False if (low := least(self.right - self.left)) is not None and low > 0 else None
        equal = equals(self.left, self.right)
        return equal if equal is None or self.relation == "==" else not equal

    def negated(self) -> Condition:
        """The condition that holds exactly if this one does not."""
        if self.relation == ">=":
            return Condition(self.right, ">=", self.left + 1)
        return Condition(self.left, "!=" if self.relation == "==" else "==", self.right)

    def __str__(self) -> str:
        return f"{self.left} {self.relation} {self.right}"


RELATIONS: Mapping[str, Callable[[int, int], bool]] = {"==": eq, "!=": ne, ">=": ge}


_TRIALS = 200


def can_be_equal(a: Dim, b: Dim) -> bool:
    """Whether some sizes make the two equal, as far as trials show."""
    names = sorted(symbols([a, b]))
    chosen = random.Random(0)
    for trial in range(_TRIALS):
        powers = [1, 2, 8, 32][trial % 4]
        sizes = {name: chosen.randint(1, 1 + trial // 4) * powers for name in names}
        if Condition(a, "==", b).holds(sizes):
            return True
    return False


def format_shape(shape: Iterable[Dim]) -> str:
    """The shape as text: ``[n, 64]``."""
    return f"[{', '.join(str(d) for d in shape)}]"


def plain_shape(shape: Iterable[Dim]) -> list[int | str]:
    """The shape for JSON: integers, and expressions as strings."""
    return [d if isinstance(d, int) else str(d) for d in shape]
