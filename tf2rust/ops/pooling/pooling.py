"""Max, average and sum pooling over one to three spatial dimensions, channels-last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tf2rust.ops.conv.window import Window, window, without_flat_axis
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.shape.pad import Pad
from tf2rust.ops.shape.transpose import wrap_channels_last

_BYTES = ("int8", "uint8")
"""The dtypes of quantized images, over which maxima are taken too."""


@dataclass(eq=False, kw_only=True)
class Pooling(Layer):
    """The maximum, average or sum over windows: [n, *spatial, c] → [n, *spatial', c].

    Maximum and average ignore the padding, unless ``count_include_pad`` counts it as zeros.
    """

    function: str
    window: Window
    count_include_pad: bool = False

    @property
    def rank(self) -> int:
        return len(self.window.size)

    @property
    def kind(self) -> str:
        return f"{self.function}Pooling{self.rank}D"

    def params(self) -> dict[str, object]:
        w = self.window
        return {"pool_size": list(w.size), "strides": list(w.strides), "padding": w.plain_padding()}

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)

    def fuse_producer(self, producer: Layer) -> Layer | None:
        """Zero padding before the layer becomes padding that counts."""
        zeros = producer.zeros_around() if isinstance(producer, Pad) else None
        if zeros is None or self.window.is_padded or self.x.dtype != "float32":
            return None
        around = replace(self.window, padding=zeros)
        return replace(self, window=around, count_include_pad=True, inputs=[producer.x])

    def simplified(self) -> list[Layer] | None:
        return without_flat_axis(self, self.window)


def pooling_window(node: Node, infos: ValueInfos) -> Window:
    """The window; ``ceil_mode`` pads the end so that the last window is complete.

    A window that starts in the padding at the end does not count.
    """
    spatial = infos.shape(node.x)[2:]
    base = window(node, spatial, node.attr("kernel_shape"))
    if not node.attr("ceil_mode", 0):
        return base
    padding: list[tuple[int, int] | None] = []
    for axis, pair in enumerate(base.padding):
        size, stride, effective_size = spatial[axis], base.strides[axis], base.effective_size[axis]
        if pair is None or not isinstance(size, int):  # SAME has as many windows as ceil_mode
            padding.append(pair)
            continue
        before, after = pair
        room = size + before + after - effective_size
        windows = min(-(-room // stride) + 1, -(-(size + before) // stride))
        padding.append((before, max(after, (windows - 1) * stride + effective_size - size - before)))
    return replace(base, padding=tuple(padding), ceil=any(not isinstance(size, int) for size in spatial))


@infers("MaxPool", "AveragePool", "LpPool")
def _pool(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    x = infos[node.x]
    shape = (*x.shape[:2], *pooling_window(node, infos).output(x.shape[2:]))
    return [ValueInfo(x.dtype, shape), ValueInfo("int64", shape)][: len(node.outputs)]


def unfit(x: Value, node: Node) -> str | None:
    """Why no layer pools x as the node does, if none does."""
    if x.rank not in (3, 4, 5):
        return f"it pools over {x.rank - 2} axes; 1 to 3 are supported"
    counts = node.attr("count_include_pad", 0) or node.op == "LpPool"
    if node.attr("ceil_mode", 0) and counts and any(not isinstance(d, int) for d in x.shape[2:]):
        return "ceil_mode over a symbolic dimension, with padding that counts; bind the dimension with --dim"
    return None


@rule(Op("MaxPool|AveragePool", Var("x"), name="pool"))
def pooling(m: Match, b: Builder) -> RuleResult:
    """Channels-first input and output: the layout pass removes the transposes around the layer."""
    x, y = b.value(m["x"]), b.value(m.y)
    if reason := unfit(x, m.root):
        return m.reject(reason)
    if len(m.root.outputs) > 1:
        return m.reject("it also outputs the indices of the maxima")
    if x.dtype != "float32" and not (m.root.op == "MaxPool" and x.dtype in _BYTES and x.rank < 5):
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: float32)")
    m.root.has("storage_order")
    first, last = wrap_channels_last(x, y, b)
    layer = Pooling(
        function="Max" if m.root.op == "MaxPool" else "Average",
        window=pooling_window(m.root, b.infos),
        count_include_pad=bool(m.root.attr("count_include_pad", 0)),
        inputs=[first.y],
        outputs=[last.x],
    )
    own = window(m.root, x.shape[2:], layer.window.size)
    if layer.count_include_pad and layer.window != own:
        return [first, *_counting_padding(layer, own, b), last]
    return [first, layer, last]


def _counting_padding(layer: Pooling, own: Window, b: Builder) -> list[Layer]:
    """A Pad layer with the padding of ``own``, which counts; the padding of ceil_mode does not."""
    pairs = [pair or (0, 0) for pair in own.padding]
    extra = [pair or (0, 0) for pair in layer.window.padding]
    behind = tuple((0, all_of_it[1] - pair[1]) for all_of_it, pair in zip(extra, pairs, strict=True))
    counted = replace(layer, window=replace(layer.window, padding=behind), count_include_pad=False)
    if not own.is_padded:
        return [counted]
    shape = tuple(d + before + after for d, (before, after) in zip(layer.x.shape[1:-1], pairs, strict=True))
    padded = b.temporary(layer.x, (layer.x.shape[0], *shape, layer.x.shape[-1]))
    zeros = Pad(padding=((0, 0), *pairs, (0, 0)), value=0.0, mode="constant", inputs=[layer.x], outputs=[padded])
    return [zeros, replace(counted, inputs=[padded])]
