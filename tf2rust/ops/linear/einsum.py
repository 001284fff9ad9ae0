"""Einsum: a Dense if one operand is a constant matrix, otherwise diagonals, Transposes, sums and matrix products."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.dtypes import NUMBERS
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.linear.dense import Dense
from tf2rust.ops.linear.matmul import MatMul
from tf2rust.ops.reduction.reduce import Reduce
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose, permute


@dataclass(eq=False, kw_only=True)
class Diagonal(Layer):
    """The elements with equal indices on the input axes that map to the same output axis; ``axes[i]`` is that of input
    axis i.
    """

    kind = "Diagonal"
    axes: tuple[int, ...]


def terms(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of the axes of each operand and of the result; an ellipsis becomes digits, counted from the right."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise InferenceError(f"its equation {equation} has {len(parts)} operands, but the node has {len(ranks)}")
    spread = ""
    for i, (part, rank) in enumerate(zip(parts, ranks, strict=True)):
        if "..." in part:
            count = rank - len(part) + 3
            digits = "0123456789"[10 - count :] if count else ""
            spread = digits if len(digits) > len(spread) else spread
            parts[i] = part.replace("...", digits)
        if len(parts[i]) != rank:
            raise InferenceError(f"its equation {equation} does not match an operand of rank {rank}")
    if arrow:
        return parts, right.replace("...", spread)
    letters = "".join(parts)
    return parts, spread + "".join(sorted(c for c in set(letters) if letters.count(c) == 1 and not c.isdigit()))


@infers("Einsum")
def _einsum(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    operands = [infos[v] for v in node.inputs if v is not None]
    parts, result = terms(node.attr("equation"), [len(o.shape) for o in operands])
    sizes: dict[str, Dim] = {}
    for part, operand in zip(parts, operands, strict=True):
        for letter, size in zip(part, operand.shape, strict=True):
            if sizes.get(letter, 1) == 1 or (isinstance(size, int) and size != 1):
                sizes[letter] = size
    if any(c not in sizes for c in result):
        raise InferenceError(f"its equation {node.attr('equation')} has letters in the result that no operand has")
    return [ValueInfo(operands[0].dtype, tuple(sizes[c] for c in result))]


@rule(Op("Einsum", Var("x"), Const("kernel")))
def einsum_dense(m: Match, b: Builder) -> RuleResult:
    """Every axis of the kernel is either summed over or new: a product with a matrix between two Transposes."""
    x, y, kernel = b.value(m["x"]), b.value(m.y), m.const("kernel")
    (own, other), result = terms(m.root.attr("equation"), [x.rank, kernel.ndim])
    summed, new = [c for c in other if c in own], [c for c in other if c not in own]
    kept = [c for c in own if c not in summed]
    repeated = any(len(set(part)) != len(part) for part in (own, other, result))
    if repeated or sorted(kept + new) != sorted(result) or any(c in result for c in summed):
        return m.reject("an axis of the kernel is neither summed over nor new")
    if x.dtype != "float32" or not new or not summed:
        return m.reject(
            f"its input has the unsupported dtype {x.dtype} (supported: float32), or its kernel is not a matrix"
        )
    first = tuple(own.index(c) for c in kept + summed)
    matrix = kernel.transpose([other.index(c) for c in summed + new])
    depth = math.prod(matrix.shape[: len(summed)])
    matrix = np.ascontiguousarray(matrix.reshape(depth, -1))
    turned = b.temporary(x, permute(x.shape, first))
    rows = b.temporary(x, (*turned.shape[: len(kept)], depth))
    product = b.temporary(y, (*rows.shape[:-1], matrix.shape[1]))
    made = kept + new
    split = b.temporary(y, tuple(y.shape[result.index(c)] for c in made))
    return [
        Transpose(perm=first, inputs=[x], outputs=[turned]),
        Reshape(inputs=[turned], outputs=[rows]),
        Dense(kernel=matrix, inputs=[rows], outputs=[product]),
        Reshape(inputs=[product], outputs=[split]),
        Transpose(perm=tuple(made.index(c) for c in result), inputs=[split], outputs=[y]),
    ]


class _Operand:
    """A tensor with letters for its axes, and the layers that transform it."""

    def __init__(self, value: Value, letters: str, layers: list[Layer], b: Builder) -> None:
        self.value, self.letters, self.layers, self.b = value, letters, layers, b

    def sum_over(self, letters: str) -> None:
        for letter in letters:
            axis = self.letters.index(letter)
            shape = (*self.value.shape[:axis], *self.value.shape[axis + 1 :])
            out = self.b.temporary(self.value, shape)
            self.layers.append(Reduce(function="Sum", axes=(axis,), keepdims=False, inputs=[self.value], outputs=[out]))
            self.value, self.letters = out, self.letters.replace(letter, "")

    def order(self, letters: str, out: Value | None = None) -> None:
        perm = tuple(self.letters.index(c) for c in letters)
        made = out or self.b.temporary(self.value, permute(self.value.shape, perm))
        if perm:
            self.layers.append(Transpose(perm=perm, inputs=[self.value], outputs=[made]))
        else:
            self.layers.append(Reshape(inputs=[self.value], outputs=[made]))
        self.value, self.letters = made, letters

    def matrices(self, batch: str, rows: str, columns: str) -> Value:
        """The operand as [batch…, rows, columns], with the axes of rows and of columns merged."""
        self.order(batch + rows + columns)
        shape, first = self.value.shape, len(batch)
        sizes = (product(shape[first : first + len(rows)]), product(shape[first + len(rows) :]))
        out = self.b.temporary(self.value, (*shape[:first], *sizes))
        self.layers.append(Reshape(inputs=[self.value], outputs=[out]))
        return out

    def diagonal(self) -> None:
        """The operand with distinct letters: takes the diagonal of axes with equal letters."""
        letters = "".join(dict.fromkeys(self.letters))
        if letters == self.letters:
            return
        axes = tuple(letters.index(c) for c in self.letters)
        shape = tuple(self.value.shape[self.letters.index(c)] for c in letters)
        out = self.b.temporary(self.value, shape)
        self.layers.append(Diagonal(axes=axes, inputs=[self.value], outputs=[out]))
        self.value, self.letters = out, letters


@rule(Op("Einsum", Var("x"), more=True))
def einsum_of_tensors(m: Match, b: Builder) -> RuleResult:
    """Products of two operands at a time, from the left, then sums over the letters that are not in the result."""
    layers: list[Layer] = []
    values = [b.value(v) for v in m.root.inputs if v is not None]
    if bad := next((v for v in values if v.dtype not in NUMBERS), None):
        return m.reject(
            f"its operand `{bad.name}` has the unsupported dtype {bad.dtype} (supported: {', '.join(NUMBERS)})"
        )
    parts, result = terms(m.root.attr("equation"), [v.rank for v in values])
    if len(set(result)) != len(result):
        return m.reject("a letter occurs twice in its result")
    for part, value in zip(parts, values, strict=True):
        sizes = dict(zip(part, value.shape, strict=True))
        if any(sizes[c] != d for c, d in zip(part, value.shape, strict=True)):
            return m.reject(f"a letter stands for two different sizes of {value}, which have no diagonal")
    operands = [_Operand(v, part, layers, b) for v, part in zip(values, parts, strict=True)]
    for operand in operands:
        operand.diagonal()
    y = b.value(m.y)
    while len(operands) > 1:
        left, right, *rest = operands
        kept = {*result, *(c for other in rest for c in other.letters)}
        operands = [_product(left, right, kept, layers, b), *rest]
    (last,) = operands
    last.sum_over("".join(c for c in last.letters if c not in result))
    last.order(result, y)
    return layers


def _product(left: _Operand, right: _Operand, kept: set[str], layers: list[Layer], b: Builder) -> _Operand:
    """Letters in both operands are batch axes if they are kept, and are summed over otherwise."""
    for own, other in ((left, right), (right, left)):
        own.sum_over("".join(c for c in own.letters if c not in kept and c not in other.letters))
    shared = [c for c in left.letters if c in right.letters]
    batch = "".join(c for c in shared if c in kept)
    summed = "".join(c for c in shared if c not in kept)
    rows = "".join(c for c in left.letters if c not in shared)
    columns = "".join(c for c in right.letters if c not in shared)
    sizes = {c: s for part in (left, right) for c, s in zip(part.letters, part.value.shape, strict=True) if s != 1}
    shape = [sizes.get(c, 1) for c in batch]
    like = left.value
    a, c = left.matrices(batch, rows, summed), right.matrices(batch, columns, summed)
    made = b.temporary(like, (*shape, a.shape[-2], c.shape[-2]))
    layers.append(MatMul(transposed_right=True, inputs=[a, c], outputs=[made]))
    split = b.temporary(like, (*shape, *(sizes.get(c, 1) for c in rows + columns)))
    layers.append(Reshape(inputs=[made], outputs=[split]))
    return _Operand(split, batch + rows + columns, layers, b)
