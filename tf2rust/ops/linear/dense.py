"""Dense: a product with a constant matrix over the last axis of a tensor of any rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, broadcast, infers
from tf2rust.ops.core.layer import Dims, Layer, Perm, Weight
from tf2rust.ops.core.packing import MATRIX
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.linear.affine import Affine, channel_scales

MANY_ROWS = 9
"""From this number of rows on, the layer widens a kernel of another dtype than float32 in scratch memory."""


@dataclass(eq=False, kw_only=True)
class Dense(Affine):
    """``activation(x · kernel + bias)``: [..., k] · [k, n] + [n] → [..., n]."""

    kind = "Dense"

    def scaled_input(self, factors: np.ndarray) -> np.ndarray:
        return np.asarray(self.kernel * factors[:, None])

    def of_constant(self, channels: np.ndarray) -> np.ndarray:
        return np.asarray(channels @ self.kernel.astype(np.float64))

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        """The rows can be in any order."""
        perm = perms[0]
        if perm is None or len(perms) > 1 or perm[-1] != len(perm) - 1:
            return None
        return replace(self), perm

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched) and self.x.rank > 1

    def gemm_rows(self) -> Dim:
        return product(self.x.shape[:-1])

    def weights(self) -> list[Weight]:
        return [Weight("kernel", self.kernel, MATRIX), *self.small_vectors(), *self.vectors()]

    def scratch_size(self) -> Dim:
        rows = self.gemm_rows()
        strip = 0 if isinstance(rows, int) and rows < MANY_ROWS and not self.rounds else self.strip_size()
        return self.rounded_size() + strip

    @property
    def takes_residual(self) -> bool:
        return True


def matmul_shape(a: Dims, b: Dims, infos: ValueInfos | None = None) -> Dims:
    """The shape of a matrix product by NumPy's rules. Raises InferenceError if it is undefined."""
    if not a or not b:
        raise InferenceError("it multiplies a scalar")
    left = (1, *a) if len(a) == 1 else a
    right = (*b, 1) if len(b) == 1 else b
    if isinstance(left[-1], int) and isinstance(right[-2], int) and left[-1] != right[-2]:
        raise InferenceError(f"it multiplies a matrix of {left[-1]} columns with one of {right[-2]} rows")
    if infos is not None:
        infos.assumptions.unify(left[-1], right[-2])
    shape = (*broadcast([left[:-2], right[:-2]], infos), left[-2], right[-1])
    if len(a) == 1:
        shape = (*shape[:-2], shape[-1])
    return shape[:-1] if len(b) == 1 else shape


@infers("MatMul")
def _matmul(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    a, b = (infos.shape(v) for v in node.operands())
    return [ValueInfo(infos.dtype(node.x), matmul_shape(a, b, infos))]


@infers("Gemm")
def _gemm(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    a, b = (infos.shape(v) for v in node.operands(2))
    rows = a[1] if node.attr("transA", 0) else a[0]
    columns = b[0] if node.attr("transB", 0) else b[1]
    return [ValueInfo(infos.dtype(node.x), (rows, columns))]


@rule(Op("MatMul", Var("x"), Const("kernel")))
def dense(m: Match, b: Builder) -> RuleResult:
    """A product with a constant matrix."""
    kernel = m.const("kernel")
    if kernel.ndim != 2 or kernel.dtype != np.float32:
        return m.reject(f"its kernel is {kernel.dtype} of rank {kernel.ndim}, but Dense needs a float32 matrix")
    scales = channel_scales(b.infos[m["kernel"]], -1)
    return Dense(kernel=kernel, scales=scales, inputs=[b.value(m["x"])], outputs=[b.value(m.y)])


@rule(Op("Gemm", Var("x"), Const("kernel"), more=True))
def gemm(m: Match, b: Builder) -> RuleResult:
    """alpha · x · kernel + beta · bias."""
    alpha, beta = m.root.attr("alpha", 1.0), m.root.attr("beta", 1.0)
    m.root.has("broadcast")  # an attribute before operator set 7; the shapes determine it
    kernel = m.const("kernel")
    if m.root.attr("transA", 0):
        return m.reject("transA is set, but Dense does not transpose its input")
    if kernel.dtype != np.float32:
        return m.reject(f"its kernel has the unsupported dtype {kernel.dtype} (supported: float32)")
    scales = channel_scales(b.infos[m["kernel"]], 0 if m.root.attr("transB", 0) else -1)
    if m.root.attr("transB", 0):
        kernel = kernel.T
    bias = None
    if (given := m.root.input(2)) is not None:
        if (c := b.infos.const(given)) is None:
            return m.reject("its third input is not a constant")
        if c.size not in (1, kernel.shape[1]) or (c.ndim and c.shape[-1] != c.size):
            return m.reject(f"its third input has shape {c.shape}, but a bias has one number per column")
        factored = c.reshape(-1) if beta == 1 else c.reshape(-1) * np.float32(beta)
        bias = np.broadcast_to(factored, (kernel.shape[1],)).astype(np.float32, copy=False)
    if alpha != 1:
        kernel = kernel * np.float32(alpha)
    return Dense(kernel=kernel, bias=bias, scales=scales, inputs=[b.value(m["x"])], outputs=[b.value(m.y)])
