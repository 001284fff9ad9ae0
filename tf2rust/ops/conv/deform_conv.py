"""DeformConv: a convolution whose taps are shifted by a tensor of offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.conv.window import Window, kernel_size, window
from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.shape.reshape import Reshape


@dataclass(eq=False, kw_only=True)
class DeformConv(Layer):
    """A deformable convolution.

    Inputs: images [n, c, h, w], the kernel, the offset of each tap, and optionally a mask.
    """

    kind = "DeformConv2D"
    window: Window
    groups: int
    offset_groups: int

    def params(self) -> dict[str, object]:
        w = self.window
        return {"kernel_size": list(w.size), "strides": list(w.strides), "padding": w.plain_padding()}

    def multiply_adds(self) -> Dim:
        return product(self.y.shape) * product(self.inputs[1].shape[1:])


@infers("DeformConv")
def _deform_conv(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    x, kernel, offset = (infos.shape(v) for v in node.operands(3))
    return [ValueInfo(infos.dtype(node.x), (x[0], kernel[0], *offset[2:]))]


@rule(Op("DeformConv", Var("x"), Var("kernel"), Var("offset"), more=True))
def deform_conv(m: Match, b: Builder) -> RuleResult:
    inputs = [b.value(m[name]) for name in ("x", "kernel", "offset")]
    x, kernel, _ = inputs
    y, bias, mask = b.value(m.y), m.root.input(3), m.root.input(4)
    if mask is not None:
        inputs.append(b.value(mask))
    if x.rank != 4 or any(v.dtype != "float32" for v in inputs):
        return m.reject(f"its input {x} is not supported (supported: images of float32)")
    size, groups = kernel_size(kernel.shape), m.root.attr("group", 1)
    own = window(m.root, x.shape[2:], m.root.attr("kernel_shape", size))
    if list(own.size) != size or x.shape[1] != kernel.shape[1] * groups:
        return m.reject(f"its kernel of shape {kernel.shape} does not match {x} in {groups} groups")
    expected = own.output(x.shape[2:])
    if any(isinstance(d, int) and isinstance(e, int) and d != e for d, e in zip(y.shape[2:], expected, strict=True)):
        return m.reject(f"its offsets are for {y.shape[2:]} positions, but its window has {expected}")
    layer = DeformConv(
        window=own, groups=groups, offset_groups=m.root.attr("offset_group", 1), inputs=inputs, outputs=[y]
    )
    if bias is None:
        return layer
    layer.outputs = [b.temporary(y)]
    given = b.value(bias)
    column = b.temporary(given, (*given.shape, 1, 1))
    return [
        layer,
        Reshape(inputs=[given], outputs=[column]),
        Binary(function="Add", inputs=[layer.y, column], outputs=[y]),
    ]
