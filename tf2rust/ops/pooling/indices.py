"""MaxPool with indices or of dtypes other than float32, and MaxUnpool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.conv.window import Window
from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.dtypes import NUMBERS
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Dims, Layer
from tf2rust.ops.core.parameters import decided_dims, dims_of_data, elements, is_data
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.pooling.pooling import pooling_window, unfit


@dataclass(eq=False, kw_only=True)
class MaxPoolWithIndices(Layer):
    """The maximum over windows of [n, c, *spatial], and optionally its index in the input."""

    kind = "MaxPooling"
    window: Window
    column_major: bool

    def params(self) -> dict[str, object]:
        w = self.window
        return {"pool_size": list(w.size), "strides": list(w.strides), "padding": w.plain_padding()}


@dataclass(eq=False, kw_only=True)
class MaxUnpool(Layer):
    """Writes each element at its index into a tensor of zeros.

    Indices count the elements of a tensor of shape ``inner``. If the shape of the output depends on data, it is a third
    input, and ``decided`` are the data-dependent dimensions.
    """

    kind = "MaxUnpool"
    inner: Dims
    decided: tuple[str | None, ...] = ()

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        return {2: self.inner} if len(self.inputs) > 2 else {}


@rule(Op("MaxPool", Var("x")))
def pooling_with_indices(m: Match, b: Builder) -> RuleResult:
    x, outputs = b.value(m["x"]), [b.value(v) for v in m.root.outputs if v.name]
    if reason := unfit(x, m.root):
        return m.reject(reason)
    if x.dtype not in NUMBERS:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(NUMBERS)})")
    column_major = bool(m.root.attr("storage_order", 0))
    return MaxPoolWithIndices(
        window=pooling_window(m.root, b.infos), column_major=column_major, inputs=[x], outputs=outputs
    )


def _inner(node: Node, infos: ValueInfos) -> Dims:
    """The shape of the pooled tensor, computed from the window."""
    shape, size = infos.shape(node.x), node.attr("kernel_shape")
    rank = len(shape) - 2
    strides, pads = node.attr("strides", [1] * rank), node.attr("pads", [0] * 2 * rank)
    return (
        *shape[:2],
        *((shape[i + 2] - 1) * strides[i] - pads[i] - pads[rank + i] + size[i] for i in range(rank)),
    )


@infers("MaxUnpool")
def _max_unpool(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    inner, given = _inner(node, infos), node.input(2)
    shape = list(inner) if given is None else elements(given, infos, "output_shape")
    if len(shape) != len(inner):
        raise InferenceError(f"its output shape has {len(shape)} sizes for {len(inner)} axes")
    return [ValueInfo(infos.dtype(node.x), dims_of_data(node.y, shape))]


@rule(Op("MaxUnpool", Var("x"), Var("indices"), more=True))
def max_unpool(m: Match, b: Builder) -> RuleResult:
    """Indices count the elements of the smallest tensor that could have been pooled, as in ONNX' reference."""
    x, indices, y = b.value(m["x"]), b.value(m["indices"]), b.value(m.y)
    inner = _inner(m.root, b.infos)
    if x.dtype not in NUMBERS:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(NUMBERS)})")
    if any(isinstance(i, int) and isinstance(o, int) and i > o for i, o in zip(inner, y.shape, strict=True)):
        return m.reject(f"its output shape {y.shape} is smaller than {inner}, the shape that its window implies")
    inputs, given = [x, indices], m.root.input(2)
    if given is None or not is_data(given, b.infos):
        return MaxUnpool(inner=inner, inputs=inputs, outputs=[y])
    decided = decided_dims(m.y, y.shape)
    return MaxUnpool(inner=inner, decided=decided, inputs=[*inputs, b.value(given)], outputs=[y])
