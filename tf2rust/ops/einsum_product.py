"""Einsum of tensors none of which is a constant: Transposes, Reshapes, sums and a product of matrices."""

from __future__ import annotations

from tf2rust.ops.core.dims import product
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Mismatch, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.einsum import terms
from tf2rust.ops.matmul import MatMul
from tf2rust.ops.reduce import Reduce
from tf2rust.ops.reshape import Reshape
from tf2rust.ops.transpose import Transpose, permute


class _Operand:
    """A tensor whose axes have letters, brought into other forms layer by layer."""

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
        self.layers.append(Transpose(perm=perm, inputs=[self.value], outputs=[made]))
        self.value, self.letters = made, letters

    def matrices(self, batch: str, rows: str, columns: str) -> Value:
        """[batch…, rows, columns], the axes of rows and of columns taken together."""
        self.order(batch + rows + columns)
        shape, first = self.value.shape, len(batch)
        sizes = (product(shape[first : first + len(rows)]), product(shape[first + len(rows) :]))
        out = self.b.temporary(self.value, (*shape[:first], *sizes))
        self.layers.append(Reshape(inputs=[self.value], outputs=[out]))
        return out


def _operands(m: Match, b: Builder, layers: list[Layer], *names: str) -> tuple[list[_Operand], str] | Mismatch:
    values = [b.value(m[name]) for name in names]
    parts, result = terms(m.root.attr("equation"), [v.rank for v in values])
    if any(len(set(part)) != len(part) for part in (*parts, result)):
        return m.reject("a letter stands twice in one operand, which is a diagonal")
    if any(v.dtype != "float32" for v in values):
        return m.reject("its operands are not float32")
    return [_Operand(v, part, layers, b) for v, part in zip(values, parts, strict=True)], result


@rule(Op("Einsum", Var("x")))
def einsum_of_one(m: Match, b: Builder) -> Yield:
    """Sums over the letters that are not in the result, whose order the rest takes."""
    layers: list[Layer] = []
    found = _operands(m, b, layers, "x")
    if isinstance(found, Mismatch):
        return found
    (x,), result = found
    x.sum_over("".join(c for c in x.letters if c not in result))
    x.order(result, b.value(m.root.ir.outputs[0]))
    return layers


@rule(Op("Einsum", Var("a"), Var("b")))
def einsum_of_two(m: Match, b: Builder) -> Yield:
    """What is in both and in the result is batch, what is in both alone is summed over."""
    layers: list[Layer] = []
    found = _operands(m, b, layers, "a", "b")
    if isinstance(found, Mismatch):
        return found
    (left, right), result = found
    for own, other in ((left, right), (right, left)):
        own.sum_over("".join(c for c in own.letters if c not in result and c not in other.letters))
    shared = [c for c in left.letters if c in right.letters]
    batch = "".join(c for c in shared if c in result)
    summed = "".join(c for c in shared if c not in result)
    rows = "".join(c for c in left.letters if c not in shared)
    columns = "".join(c for c in right.letters if c not in shared)
    sizes = {c: s for part in (left, right) for c, s in zip(part.letters, part.value.shape, strict=True) if s != 1}
    shape = [sizes.get(c, 1) for c in batch]
    a, c = left.matrices(batch, rows, summed), right.matrices(batch, columns, summed)
    y = b.value(m.root.ir.outputs[0])
    made = b.temporary(y, (*shape, a.shape[-2], c.shape[-2]))
    layers.append(MatMul(transposed_right=True, inputs=[a, c], outputs=[made]))
    split = b.temporary(y, (*shape, *(sizes.get(c, 1) for c in rows + columns)))
    layers.append(Reshape(inputs=[made], outputs=[split]))
    _Operand(split, batch + rows + columns, layers, b).order(result, y)
    return layers
