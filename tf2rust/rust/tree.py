"""Rust expressions and statements.

The tree has only the forms that generated code needs. Each node knows its text on one line; ``tf2rust.rust.printer``
breaks long lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from tf2rust.rust.literals import rust_str


class Expr:
    """An expression, a pattern or a type."""

    def __str__(self) -> str:
        """The text on one line."""
        raise NotImplementedError

    def children(self) -> Sequence[Expr]:
        """The subexpressions, in the order of the text."""
        return ()

    def walk(self) -> Iterator[Expr]:
        """This expression and all its subexpressions."""
        yield self
        for child in self.children():
            yield from child.walk()

    def field(self, name: str) -> Field:
        """``self.name``"""
        return Field(self, name)

    def method(self, name: str, *arguments: Operand) -> Method:
        """``self.name(arguments)``"""
        return Method(self, name, _all(arguments))

    def __call__(self, *arguments: Operand) -> Call:
        """``self(arguments)``"""
        return Call(self, _all(arguments))

    def tried(self) -> Try:
        """``self?``"""
        return Try(self)


Operand = Expr | int | str
"""Anything that can be used as an expression: a number, a bool, or the text of a name or literal."""


def expr(operand: Operand) -> Expr:
    """``operand`` as an expression."""
    if isinstance(operand, bool):
        return Token("true" if operand else "false")
    return operand if isinstance(operand, Expr) else Token(str(operand))


def _all(operands: Sequence[Operand]) -> tuple[Expr, ...]:
    return tuple(map(expr, operands))


@dataclass(frozen=True)
class Token(Expr):
    """A name in scope, or a literal."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Item(Expr):
    """An item of a crate by its path, such as ``tf_layers::nn::Dense``, optionally with ``tail`` after it (``::Relu``).

    A type is imported and written by its name. A function is written with its module, which is imported.
    """

    path: str
    tail: str = ""
    arguments: tuple[Item, ...] = ()
    """The types in ``tail``."""

    def children(self) -> Sequence[Expr]:
        return self.arguments

    @property
    def imported(self) -> str:
        """The path that the file must import."""
        module, _, name = self.path.rpartition("::")
        return self.path if name[:1].isupper() else module

    def __str__(self) -> str:
        module, _, name = self.path.rpartition("::")
        if not name[:1].isupper():
            name = f"{module.rpartition('::')[2]}::{name}"
        return name + self.tail

    def generic(self, *arguments: str | Item) -> Item:
        """The type with these generic arguments."""
        types = tuple(argument for argument in arguments if isinstance(argument, Item))
        return Item(self.path, f"{self.tail}<{', '.join(map(str, arguments))}>", types)

    def of(self, tail: str) -> Item:
        """The variant or associated function ``tail`` of this type."""
        return Item(self.path, f"{self.tail}::{tail}")


@dataclass(frozen=True)
class Field(Expr):
    """``base.name``"""

    base: Expr
    name: str

    def __str__(self) -> str:
        return f"{self.base}.{self.name}"

    def children(self) -> Sequence[Expr]:
        return (self.base,)


@dataclass(frozen=True)
class Method(Expr):
    """``base.name(arguments)``"""

    base: Expr
    name: str
    arguments: tuple[Expr, ...] = ()

    def __str__(self) -> str:
        return f"{self.base}.{self.name}({_listed(self.arguments)})"

    def children(self) -> Sequence[Expr]:
        return (self.base, *self.arguments)


@dataclass(frozen=True)
class Call(Expr):
    """``function(arguments)``"""

    function: Expr
    arguments: tuple[Expr, ...] = ()

    def __str__(self) -> str:
        return f"{self.function}({_listed(self.arguments)})"

    def children(self) -> Sequence[Expr]:
        return (self.function, *self.arguments)


@dataclass(frozen=True)
class Try(Expr):
    """``base?``"""

    base: Expr

    def __str__(self) -> str:
        return f"{self.base}?"

    def children(self) -> Sequence[Expr]:
        return (self.base,)


@dataclass(frozen=True)
class Prefix(Expr):
    """``&base``, ``&mut base``, ``*base``, ``!base`` or ``-base``"""

    operator: str
    base: Expr

    def __str__(self) -> str:
        return f"{self.operator}{self.base}"

    def children(self) -> Sequence[Expr]:
        return (self.base,)


@dataclass(frozen=True)
class Group(Expr):
    """Items in brackets: an array or a tuple."""

    items: tuple[Expr, ...]
    brackets: ClassVar[str]

    def __str__(self) -> str:
        return f"{self.brackets[0]}{_listed(self.items)}{self.brackets[1]}"

    def children(self) -> Sequence[Expr]:
        return self.items


class Array(Group):
    """``[a, b]``"""

    brackets = "[]"


class Tuple(Group):
    """``(a, b)``"""

    brackets = "()"

    def __str__(self) -> str:
        return f"({self.items[0]},)" if len(self.items) == 1 else super().__str__()


@dataclass(frozen=True)
class Struct(Expr):
    """``type { name: value, ..base }``; a variable with its field's name is written once."""

    type: Expr
    fields: tuple[tuple[str, Expr], ...]
    base: Expr | None = None

    def parts(self) -> list[tuple[str, Expr]]:
        """The fields and the base, each with the text before its expression."""
        parts = [("" if str(value) == name else f"{name}: ", value) for name, value in self.fields]
        return parts if self.base is None else [*parts, ("..", self.base)]

    def __str__(self) -> str:
        parts = ", ".join(f"{before}{value}" for before, value in self.parts())
        return f"{self.type} {{ {parts} }}" if parts else f"{self.type} {{}}"

    def children(self) -> Sequence[Expr]:
        values = [value for _, value in self.fields]
        return (self.type, *values, *(() if self.base is None else (self.base,)))


@dataclass(frozen=True)
class Binary(Expr):
    """``left operator right``, without spaces for ``..``. Operands get no parentheses."""

    left: Expr
    operator: str
    right: Expr

    def __str__(self) -> str:
        blank = "" if self.operator == ".." else " "
        return f"{self.left}{blank}{self.operator}{blank}{self.right}"

    def children(self) -> Sequence[Expr]:
        return (self.left, self.right)


def array(items: Sequence[Operand]) -> Array:
    """``[items]``"""
    return Array(_all(items))


def tuple_(items: Sequence[Operand]) -> Expr:
    """``(a, b)``, or the only item."""
    return Tuple(_all(items)) if len(items) != 1 else expr(items[0])


def ref(base: Operand) -> Prefix:
    """``&base``"""
    return Prefix("&", expr(base))


def string(text: str) -> Token:
    """A string literal."""
    return Token(rust_str(text))


def struct(type: Expr, base: Expr | None = None, **fields: Operand) -> Struct:
    """``type { name: value, ..base }``"""
    return Struct(type, tuple((name, expr(value)) for name, value in fields.items()), base)


def some(value: Operand | None) -> Expr:
    """``Some(value)`` or ``None``"""
    return Token("None") if value is None else Token("Some")(value)


def _listed(items: Sequence[Expr]) -> str:
    return ", ".join(map(str, items))


class Stmt:
    """A statement, a comment or a blank line."""

    def exprs(self) -> Iterator[Expr]:
        """All expressions in it, except for patterns."""
        return iter(())


@dataclass(frozen=True)
class Comment(Stmt):
    """``// text``; a blank comment line if there is no text."""

    text: str


@dataclass(frozen=True)
class Blank(Stmt):
    """A blank line."""


@dataclass(frozen=True)
class Let(Stmt):
    """``let pattern = value;``"""

    pattern: Expr
    value: Expr

    def exprs(self) -> Iterator[Expr]:
        return self.value.walk()


@dataclass(frozen=True)
class ExprStmt(Stmt):
    """``value;``"""

    value: Expr

    def exprs(self) -> Iterator[Expr]:
        return self.value.walk()


@dataclass(frozen=True)
class Assign(Stmt):
    """``target operator value;``"""

    target: Expr
    value: Expr
    operator: str = "="

    def exprs(self) -> Iterator[Expr]:
        yield from self.target.walk()
        yield from self.value.walk()


@dataclass(frozen=True)
class Block(Stmt):
    """``head { body }``, where ``head`` is a keyword and its expressions: ``for x in y``, ``while x``.

    ``otherwise`` is the block of an ``else``.
    """

    keyword: str
    head: Expr
    body: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...] | None = None
    pattern: Expr | None = field(default=None)
    """The pattern of a ``for``."""

    def exprs(self) -> Iterator[Expr]:
        yield from self.head.walk()
        for stmt in (*self.body, *(self.otherwise or ())):
            yield from stmt.exprs()


def let(name: Operand, value: Expr, *, mutable: bool = False) -> Let:
    """``let name = value;``"""
    pattern = expr(name)
    return Let(Prefix("mut ", pattern) if mutable else pattern, value)


def names_in(stmts: Sequence[Stmt]) -> set[str]:
    """The names and literals that the statements read, and the fields of ``self``."""
    found = set()
    for stmt in stmts:
        for node in stmt.exprs():
            if isinstance(node, Token):
                found.add(node.text)
    return found


def items_in(value: Expr) -> list[Item]:
    """The items in an expression."""
    return [node for node in value.walk() if isinstance(node, Item)]
