"""MatMul and Gemm of two tensors that are not constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.dtypes import NUMBERS
from tf2rust.ops.core.inference import broadcast
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.shape.transpose import Transpose, permute


@dataclass(eq=False, kw_only=True)
class MatMul(Layer):
    """``a · b`` for [..., m, k] and [..., k, n], or [..., n, k] if ``transposed_right``. Leading axes broadcast.

    A vector is a row on the left and a column on the right.
    """

    kind = "MatMul"
    transposed_right: bool = False

    def sizes(self) -> tuple[Dim, Dim, Dim]:
        """m, k and n."""
        a, b = (v.shape for v in self.inputs[:2])
        right = (*b, 1) if len(b) == 1 else b
        return a[-2] if len(a) > 1 else 1, a[-1], right[-2 if self.transposed_right else -1]

    def multiply_adds(self) -> Dim:
        return product(self.y.shape) * self.sizes()[1]

    def fuse_producer(self, producer: Layer) -> Layer | None:
        """Reads the right matrices before their Transpose."""
        a, b = self.inputs
        if not isinstance(producer, Transpose) or producer.y is not b or a is b or b.rank < 2:
            return None
        swapped = (*range(b.rank - 2), b.rank - 1, b.rank - 2)
        if producer.perm != swapped:
            return None
        return replace(self, transposed_right=not self.transposed_right, inputs=[a, producer.x])


def _unfit(m: Match, values: Sequence[Value]) -> str | None:
    bad = next((v for v in values if v.dtype not in NUMBERS or v.dtype != values[0].dtype), None)
    if bad is None:
        return None
    return f"its input `{bad.name}` has the unsupported dtype {bad.dtype} (supported: two of {', '.join(NUMBERS)})"


@rule(Op("MatMul", Var("a"), Var("b")))
def matmul(m: Match, b: Builder) -> RuleResult:
    inputs = [b.value(m["a"]), b.value(m["b"])]
    if reason := _unfit(m, inputs):
        return m.reject(reason)
    return MatMul(inputs=inputs, outputs=[b.value(m.y)])


@rule(Op("Gemm", Var("a"), Var("b"), more=True))
def gemm_of_tensors(m: Match, b: Builder) -> RuleResult:
    """alpha · a · b + beta · c, with one layer per step."""
    left, right, y = b.value(m["a"]), b.value(m["b"]), b.value(m.y)
    given = m.root.input(2)
    added = [] if given is None else [b.value(given)]
    if reason := _unfit(m, [left, right, *added]):
        return m.reject(reason)
    alpha, beta = m.root.attr("alpha", 1.0), m.root.attr("beta", 1.0)
    if "int" in left.dtype and not alpha == beta == 1:
        return m.reject(f"its factors are {alpha:g} and {beta:g}, but integers support only the plain product")
    m.root.has("broadcast")  # an attribute before operator set 7; the shapes determine it
    layers: list[Layer] = []
    if m.root.attr("transA", 0):
        turned = b.temporary(left, permute(left.shape, (1, 0)))
        layers.append(Transpose(perm=(1, 0), inputs=[left], outputs=[turned]))
        left = turned
    product = MatMul(transposed_right=bool(m.root.attr("transB", 0)), inputs=[left, right], outputs=[b.temporary(y)])
    layers.append(product)
    if alpha != 1:
        layers.append(_scaled(layers[-1].y, alpha, b))
    if added:
        value = added[0]
        if beta != 1:
            layers.insert(0, _scaled(value, beta, b))
            value = layers[0].y
        if broadcast([value.shape, y.shape]) != y.shape:
            return m.reject(f"its third input has shape {value.shape}, which does not broadcast to {y.shape}")
        layers.append(Binary(function="Add", inputs=[layers[-1].y, value], outputs=[y]))
    layers[-1].outputs = [y]
    return layers


def _scaled(x: Value, factor: float, b: Builder) -> Binary:
    return Binary(function="Mul", constant=np.asarray(factor, x.dtype), inputs=[x], outputs=[b.temporary(x)])
