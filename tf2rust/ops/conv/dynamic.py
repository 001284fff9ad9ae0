"""Convolutions with dynamic weights, of integers, or of float64: Conv and ConvTranspose."""

from __future__ import annotations

from dataclasses import dataclass

from tf2rust.ops.conv.conv_transpose import geometry
from tf2rust.ops.conv.window import Window, kernel_size, window
from tf2rust.ops.core.dims import Dim, format_shape, product
from tf2rust.ops.core.inference import InferenceError
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Mismatch, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.shape.reshape import Reshape

_FLOATS = ("float32", "float64")


@dataclass(eq=False, kw_only=True)
class DynamicConv(Layer):
    """A convolution of x [n, c, *spatial] with its second input, a kernel [filters, c / groups, *window].

    The kernel of a transposed convolution has the channels of x first, and ``window`` refers to the output. For
    integers, the zero points of x and of the kernel are two more inputs.
    """

    window: Window
    groups: int
    is_transposed: bool = False

    @property
    def kind(self) -> str:
        return f"Conv{len(self.window.size)}D{'Transpose' if self.is_transposed else ''}"

    def params(self) -> dict[str, object]:
        return {**self.window.params(), "groups": self.groups}

    def multiply_adds(self) -> Dim:
        kernel = self.inputs[1].shape
        return product(self.x.shape if self.is_transposed else self.y.shape) * product(kernel[1:])


def dynamic_conv(m: Match, b: Builder, inputs: list[Value], y: Value) -> DynamicConv | Mismatch:
    """The layer of a node that convolves its first input with its second."""
    x, kernel = inputs[:2]
    groups, size = m.root.attr("group", 1), kernel_size(kernel.shape)
    if x.rank not in (3, 4, 5):
        return m.reject(f"it convolves over {x.rank - 2} axes; 1 to 3 are supported")
    if m.root.attr("kernel_shape", size) != size:
        return m.reject(f"kernel_shape {m.root.attr('kernel_shape')} does not match the kernel {kernel.shape}")
    if x.shape[1] != kernel.shape[1] * groups:
        return m.reject(f"{x.shape[1]} channels in {groups} groups do not match the kernel {kernel.shape}")
    return DynamicConv(window=window(m.root, x.shape[2:], size), groups=groups, inputs=inputs, outputs=[y])


def with_bias(layer: DynamicConv, bias: Value | None, b: Builder) -> list[Layer]:
    """The layer and its bias, if there is one, with one number per channel of the result.

    Raises InferenceError for a bias of another length.
    """
    if bias is None:
        return [layer]
    y, rank = layer.y, layer.y.rank
    filters = {d for d in (*bias.shape, y.shape[1]) if isinstance(d, int)}
    if bias.rank != 1 or len(filters) > 1:
        raise InferenceError(f"a bias of shape {format_shape(bias.shape)} does not match {y.shape[1]} filters")
    layer.outputs = [b.temporary(y)]
    column = b.temporary(bias, (*bias.shape, *(1,) * (rank - 2)))
    return [
        layer,
        Reshape(inputs=[bias], outputs=[column]),
        Binary(function="Add", inputs=[layer.y, column], outputs=[y]),
    ]


def _operands(m: Match, b: Builder) -> tuple[list[Value], Value | None] | Mismatch:
    inputs = [b.value(m["x"]), b.value(m["kernel"])]
    given = m.root.input(2)
    bias = None if given is None else b.value(given)
    if {v.dtype for v in (*inputs, *([bias] if bias else []))} not in ({d} for d in _FLOATS):
        return m.reject(f"its input has the unsupported dtype {inputs[0].dtype} (supported: {' and '.join(_FLOATS)})")
    return inputs, bias


@rule(Op("Conv", Var("x"), Var("kernel"), more=True))
def conv_with_dynamic_kernel(m: Match, b: Builder) -> RuleResult:
    found = _operands(m, b)
    if isinstance(found, Mismatch):
        return found
    layer = dynamic_conv(m, b, found[0], b.value(m.y))
    return layer if isinstance(layer, Mismatch) else with_bias(layer, found[1], b)


@rule(Op("ConvTranspose", Var("x"), Var("kernel"), more=True))
def conv_transpose_with_dynamic_kernel(m: Match, b: Builder) -> RuleResult:
    found = _operands(m, b)
    if isinstance(found, Mismatch):
        return found
    (x, kernel), bias = found
    y, rank, size = b.value(m.y), x.rank - 2, kernel_size(kernel.shape)
    if rank not in (1, 2, 3) or m.root.attr("kernel_shape", size) != size or x.shape[1] != kernel.shape[0]:
        return m.reject(f"its input {x} does not match its kernel of shape {kernel.shape}")
    _, cut = geometry(m.root, x.shape[2:], size)
    strides, dilations = (tuple(m.root.attr(name, [1] * rank)) for name in ("strides", "dilations"))
    placement = Window(tuple(size), strides, dilations, tuple((before, 0) for before in cut))
    layer = DynamicConv(
        window=placement, groups=m.root.attr("group", 1), is_transposed=True, inputs=[x, kernel], outputs=[y]
    )
    return with_bias(layer, bias, b)
