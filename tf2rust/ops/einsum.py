"""Einsum: sums of products of tensors along named axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tf2rust.ops.core.dims import Expr
from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, infers
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.dense import Dense
from tf2rust.ops.reshape import Reshape
from tf2rust.ops.transpose import Transpose, permute


def terms(equation: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """The letters of each operand's axes and of the result's; an ellipsis becomes digits, counted from the right."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise InferenceError(f"its equation {equation} is for {len(parts)} operands, and it has {len(ranks)}")
    spread = ""
    for i, (part, rank) in enumerate(zip(parts, ranks, strict=True)):
        if "..." in part:
            count = rank - len(part) + 3
            digits = "0123456789"[10 - count :] if count else ""
            spread = digits if len(digits) > len(spread) else spread
            parts[i] = part.replace("...", digits)
        if len(parts[i]) != rank:
            raise InferenceError(f"its equation {equation} does not fit an operand of rank {rank}")
    if arrow:
        return parts, right.replace("...", spread)
    letters = "".join(parts)
    return parts, spread + "".join(sorted(c for c in set(letters) if letters.count(c) == 1 and not c.isdigit()))


@infers("Einsum")
def _einsum(node: Node, facts: Facts) -> Sequence[Fact]:
    operands = [facts[v] for v in node.inputs if v is not None]
    parts, result = terms(node.attr("equation"), [len(o.shape) for o in operands])
    sizes: dict[str, int | Expr] = {}
    for part, operand in zip(parts, operands, strict=True):
        for letter, size in zip(part, operand.shape, strict=True):
            if sizes.get(letter, 1) == 1 or (isinstance(size, int) and size != 1):
                sizes[letter] = size
    if any(c not in sizes for c in result):
        raise InferenceError(f"its equation {node.attr('equation')} has letters on the right that are not on the left")
    return [Fact(operands[0].dtype, tuple(sizes[c] for c in result))]


@rule(Op("Einsum", Var("x"), Const("kernel")))
def einsum_dense(m: Match, b: Builder) -> Yield:
    """Every axis of the kernel is either summed over or new: a product with a matrix, between two Transposes."""
    x, y, kernel = b.value(m["x"]), b.value(m.root.ir.outputs[0]), m.const("kernel")
    (own, other), result = terms(m.root.attr("equation"), [x.rank, kernel.ndim])
    summed, new = [c for c in other if c in own], [c for c in other if c not in own]
    kept = [c for c in own if c not in summed]
    repeated = any(len(set(part)) != len(part) for part in (own, other, result))
    if repeated or sorted(kept + new) != sorted(result) or any(c in result for c in summed):
        return m.reject("some axis of the kernel is neither summed over nor new")
    if x.dtype != "float32" or not new or not summed:
        return m.reject(f"its input is {x.dtype}, or its kernel no matrix")
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
