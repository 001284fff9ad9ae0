"""MaxPool with the places of the maxima or of other numbers than float32, and MaxUnpool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.conv.window import Window
from tf2rust.ops.core.dtypes import NUMBERS
from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, infers
from tf2rust.ops.core.layer import Dims, Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.pooling.pooling import pooling_window, unfit


@dataclass(eq=False, kw_only=True)
class MaxPoolPlaces(Layer):
    """The maximum over a window of [n, c, *spatial], and where in the input it stands if that is wanted."""

    kind = "MaxPooling"
    window: Window
    column_major: bool

    def params(self) -> dict[str, object]:
        w = self.window
        return {"pool_size": list(w.size), "strides": list(w.strides), "padding": w.plain_padding()}


@dataclass(eq=False, kw_only=True)
class MaxUnpool(Layer):
    """Each element at its place in a tensor of zeros; places count the elements of a tensor of shape ``inner``."""

    kind = "MaxUnpooling"
    inner: Dims


@rule(Op("MaxPool", Var("x")))
def pooling_with_places(m: Match, b: Builder) -> Yield:
    x, outputs = b.value(m["x"]), [b.value(v) for v in m.root.outputs if v.name]
    if reason := unfit(x, m.root):
        return m.reject(reason)
    if x.dtype not in NUMBERS:
        return m.reject(f"its input is {x.dtype}; the dtypes there are {', '.join(NUMBERS)}")
    column_major = bool(m.root.attr("storage_order", 0))
    return MaxPoolPlaces(window=pooling_window(m.root, b.facts), column_major=column_major, inputs=[x], outputs=outputs)


def _inner(node: Node, facts: Facts) -> Dims:
    """The shape of what was pooled, as far as the window tells."""
    shape, size = facts.shape(node.x), node.attr("kernel_shape")
    rank = len(shape) - 2
    strides, pads = node.attr("strides", [1] * rank), node.attr("pads", [0] * 2 * rank)
    return (
        *shape[:2],
        *((shape[i + 2] - 1) * strides[i] - pads[i] - pads[rank + i] + size[i] for i in range(rank)),
    )


@infers("MaxUnpool")
def _max_unpool(node: Node, facts: Facts) -> Sequence[Fact]:
    inner, given = _inner(node, facts), node.input(2)
    shape = inner if given is None else facts.dims(given)
    if shape is None or len(shape) != len(inner):
        raise InferenceError("its output shape is computed from data, not from shapes and constants")
    return [Fact(facts.dtype(node.x), tuple(shape))]


@rule(Op("MaxUnpool", Var("x"), Var("places"), more=True))
def max_unpool(m: Match, b: Builder) -> Yield:
    """Places count the elements of the smallest tensor that could have been pooled, as ONNX' reference has it."""
    x, places, y = b.value(m["x"]), b.value(m["places"]), b.value(m.y)
    inner = _inner(m.root, b.facts)
    if x.dtype not in NUMBERS:
        return m.reject(f"its input is {x.dtype}; the dtypes there are {', '.join(NUMBERS)}")
    if any(isinstance(i, int) and isinstance(o, int) and i > o for i, o in zip(inner, y.shape, strict=True)):
        return m.reject(f"its output shape {y.shape} is smaller than {inner}, what its window makes")
    return MaxUnpool(inner=inner, inputs=[x, places], outputs=[y])
