"""Operators on quantized tensors, as ONNX Runtime's quantizer writes them.

Most operators on 8-bit integers dequantize their inputs, compute in float32 and quantize the result. Results halfway
between two integers are common, because scales are often equal. To round them as ONNX Runtime does, the definitions
follow the order of its kernels' operations: some round before they add the zero point, others after.
"""

from __future__ import annotations

from collections.abc import Sequence

from tf2rust.ops.contrib.activation import biased
from tf2rust.ops.contrib.call import Call, defines
from tf2rust.ops.contrib.products import channels_first, channels_last, window
from tf2rust.ops.core.inference import InferenceError
from tf2rust.ops.quantized.quantize_linear import check_scales


def dequantized(call: Call, first: int) -> str:
    """Inputs ``first``, ``first + 1`` and ``first + 2``: a tensor, its scale and its optional zero point."""
    return _dequantized(call, first, first + 1, first + 2)


def _dequantized(call: Call, x: int, scale: int, zero: int) -> str:
    _check_scale(call, scale)
    given = call.maybe(zero)
    return call.body.op("DequantizeLinear", call.arg(x), call.arg(scale), *([] if given is None else [given]))


def quantized(call: Call, x: str, scale: int, zero: int, like: int) -> str:
    """``x``, quantized with the scale and the optional zero point at these inputs, in the dtype of input ``like``."""
    _check_scale(call, scale)
    given = call.maybe(zero) or call.body.constant(0, call.dtype(like))
    return call.body.op("QuantizeLinear", x, call.arg(scale), given)


def _check_scale(call: Call, scale: int) -> None:
    """Raises InferenceError if this input is not one scale that integers can have."""
    if call.shape(scale) not in ((), (1,)):
        raise InferenceError(f"its input {scale} is a scale of shape {list(call.shape(scale))}, but must be one number")
    check_scales(call.infos, call.operand(scale))


@defines("QuantizeLinear")
def quantize_linear(call: Call) -> Sequence[str]:
    return [call.body.op("QuantizeLinear", *_arguments(call), axis=call.attr("axis", 1))]


@defines("DequantizeLinear")
def dequantize_linear(call: Call) -> Sequence[str]:
    return [call.body.op("DequantizeLinear", *_arguments(call), axis=call.attr("axis", 1))]


def _arguments(call: Call) -> list[str]:
    return [call.arg(i) for i in range(len(call.inputs))]


def _rounded(call: Call, steps: str, zero: int, like: int) -> str:
    """``steps`` plus the optional zero point at input ``zero``, rounded to the dtype of input ``like``."""
    body, dtype = call.body, call.dtype(like)
    given = call.maybe(zero)
    shifted = steps if given is None else body.op("Add", steps, body.floats(given))
    return body.op("QuantizeLinear", shifted, body.constant(1.0), body.constant(0, dtype))


def _is_constant(call: Call, *inputs: int) -> bool:
    """Whether these scales and zero points are constants or absent, so that a layer on integers can be made."""
    return all(not call.given(i) or call.info(i).const is not None for i in inputs)


@defines("QLinearAdd")
def qlinear_add(call: Call) -> Sequence[str]:
    """a_ratio · a + (b_ratio · b + zero point − ratios · zero points), where a ratio is a scale divided by y's.

    With constant scales, a layer on integers computes this. It is made of the sum of dequantized numbers.
    """
    body = call.body
    _check_scale(call, 6)
    if _is_constant(call, 1, 2, 4, 5, 6, 7):
        total = body.op("Add", dequantized(call, 0), dequantized(call, 3))
        return [_rounded(call, body.op("Div", total, call.arg(6)), 7, like=0)]
    parts, shifts = [], []
    for x in (0, 3):
        _check_scale(call, x + 1)
        ratio = body.op("Div", call.arg(x + 1), call.arg(6))
        parts.append(body.op("Mul", ratio, body.floats(call.arg(x))))
        if call.given(x + 2):
            shifts.append(body.op("Mul", ratio, body.floats(call.arg(x + 2))))
    zero = body.floats(call.arg(7)) if call.given(7) else body.constant(0.0)
    if shifts:
        zero = body.op("Sub", zero, shifts[0] if len(shifts) == 1 else body.op("Add", *shifts))
    total = body.op("Add", parts[0], body.op("Add", zero, parts[1]))
    return [body.op("QuantizeLinear", total, body.constant(1.0), body.constant(0, call.dtype(0)))]


@defines("QLinearMul")
def qlinear_mul(call: Call) -> Sequence[str]:
    """(a − a_zero) · (b − b_zero) · (a_scale · b_scale / y_scale) + y_zero

    With constant scales, a layer on integers computes this. It is made of the product of dequantized numbers.
    """
    body = call.body
    for scale in (1, 4, 6):
        _check_scale(call, scale)
    if _is_constant(call, 1, 2, 4, 5, 6, 7):
        product = body.op("Mul", dequantized(call, 0), dequantized(call, 3))
        return [_rounded(call, body.op("Div", product, call.arg(6)), 7, like=0)]
    product = body.op("Mul", *(_centered(call, x, x + 2) for x in (0, 3)))
    factor = body.op("Div", body.op("Mul", call.arg(1), call.arg(4)), call.arg(6))
    return [_rounded(call, body.op("Mul", product, factor), 7, like=0)]


def _centered(call: Call, x: int, zero: int) -> str:
    """An input minus its optional zero point, as float32."""
    body, given = call.body, call.maybe(zero)
    real = body.floats(call.arg(x))
    return real if given is None else body.op("Sub", real, body.floats(given))


@defines("QLinearSigmoid")
def qlinear_sigmoid(call: Call) -> Sequence[str]:
    return [quantized(call, call.body.op("Sigmoid", dequantized(call, 0)), 3, 4, like=0)]


@defines("QLinearLeakyRelu")
def qlinear_leaky_relu(call: Call) -> Sequence[str]:
    made = call.body.op("LeakyRelu", dequantized(call, 0), alpha=call.attr("alpha", 0.01))
    return [quantized(call, made, 3, 4, like=0)]


@defines("QLinearSoftmax")
def qlinear_softmax(call: Call) -> Sequence[str]:
    """The softmax over ``axis`` or, as before operator set 13, over all axes from ``axis`` on.

    It has ⌊1 / y_scale⌋ steps of y.
    """
    body, x, axis = call.body, dequantized(call, 0), call.attr("axis", -1)
    if call.required("opset") >= 13:
        made = body.op("Softmax", x, axis=axis)
    else:
        made = body.op("Reshape", body.op("Softmax", body.op("Flatten", x, axis=axis), axis=1), body.op("Shape", x))
    _check_scale(call, 3)
    steps = body.op("Floor", body.op("Div", body.constant(1.0), call.arg(3)))
    zero = call.maybe(4) or body.constant(0, call.dtype(0))
    return [body.op("QuantizeLinear", body.op("Mul", made, steps), body.constant(1.0), zero)]


@defines("QLinearWhere")
def qlinear_where(call: Call) -> Sequence[str]:
    made = call.body.op("Where", call.arg(0), dequantized(call, 1), dequantized(call, 4))
    return [quantized(call, made, 7, 8, like=1)]


@defines("QLinearConcat")
def qlinear_concat(call: Call) -> Sequence[str]:
    """The concatenation of tensors, each with its scale and zero point; inputs 0 and 1 are those of the result."""
    parts = [dequantized(call, i) for i in range(2, len(call.inputs), 3)]
    return [quantized(call, call.body.op("Concat", *parts, axis=call.required("axis")), 0, 1, like=1)]


@defines("QLinearAveragePool")
def qlinear_average_pool(call: Call) -> Sequence[str]:
    names = ("auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides")
    given = {name: call.attr(name) for name in names if call.has(name)}
    last, x = call.attr("channels_last", 0), dequantized(call, 0)
    made = call.body.op("AveragePool", channels_first(call, x) if last else x, **given)
    _check_scale(call, 3)
    steps = call.body.op("Div", channels_last(call, made) if last else made, call.arg(3))
    return [_rounded(call, steps, 4, like=0)]


@defines("QLinearGlobalAveragePool")
def qlinear_global_average_pool(call: Call) -> Sequence[str]:
    """Σ (x − x_zero) · (x_scale / (y_scale · count)), rounded before y_zero is added."""
    body = call.body
    for scale in (1, 3):
        _check_scale(call, scale)
    last, rank = call.attr("channels_last", 0), call.rank(0)
    if _is_constant(call, 1, 2, 3, 4):
        given = call.maybe(2)
        x = body.op("DequantizeLinear", call.arg(0), body.constant(1.0), *([] if given is None else [given]))
        made = body.op("GlobalAveragePool", channels_first(call, x) if last else x)
        steps = body.op("Mul", made, body.op("Div", call.arg(1), call.arg(3)))
        zero = call.maybe(4) or body.constant(0, call.dtype(0))
        return [body.op("QuantizeLinear", channels_last(call, steps) if last else steps, body.constant(1.0), zero)]
    axes = range(1, rank - 1) if last else range(2, rank)
    total = body.op("ReduceSum", _centered(call, 0, 2), body.constant(axes, "int64"), keepdims=1)
    count = body.op("ReduceProd", body.op("Shape", call.arg(0), start=axes.start, end=axes.stop), keepdims=0)
    factor = body.op("Div", call.arg(1), body.op("Mul", call.arg(3), body.floats(count)))
    zero = call.maybe(4) or body.constant(0, call.dtype(0))
    return [body.op("QuantizeLinear", body.op("Mul", total, factor), body.constant(1.0), zero)]


@defines("QLinearConv")
def qlinear_conv(call: Call) -> Sequence[str]:
    """ONNX' QLinearConv, also of channels-last tensors."""
    last, (x, *others) = call.attr("channels_last", 0), _arguments(call)
    made = call.body.op("QLinearConv", channels_first(call, x) if last else x, *others, **window(call))
    return [channels_last(call, made) if last else made]


@defines("NhwcMaxPool")
def nhwc_max_pool(call: Call) -> Sequence[str]:
    """The maximum pooling of channels-last integers."""
    names = ("auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "strides")
    given = {name: call.attr(name) for name in names if call.has(name)}
    return [channels_last(call, call.body.op("MaxPool", channels_first(call, call.arg(0)), **given))]


@defines("MatMulIntegerToFloat")
def matmul_integer_to_float(call: Call) -> Sequence[str]:
    """a_scale · b_scale · (a − a_zero) · (b − b_zero) + bias. The scales of b can be one per column."""
    _check_scale(call, 2)
    check_scales(call.infos, call.operand(3))
    zeros = [call.maybe(4), call.maybe(5)]
    real = _scaled(call, integer_product(call, call.arg(0), call.arg(1), *zeros), [call.arg(2), call.arg(3)])
    return [biased(call, real, 6)]


@defines("DynamicQuantizeMatMul")
def dynamic_quantize_matmul(call: Call) -> Sequence[str]:
    """a · b, where a is quantized to uint8 by its own minimum and maximum. The scales of b can be one per column."""
    check_scales(call.infos, call.operand(2))
    a, scale, zero = call.body.ops("DynamicQuantizeLinear", [call.arg(0)], 3)
    product = integer_product(call, a, call.arg(1), zero, call.maybe(3))
    return [biased(call, _scaled(call, product, [scale, call.arg(2)]), 4)]


def integer_product(call: Call, a: str, b: str, a_zero: str | None, b_zero: str | None) -> str:
    """(a − a_zero) · (b − b_zero) in int32."""
    zeros = [a_zero or "", b_zero or ""]
    while zeros and not zeros[-1]:
        zeros.pop()
    return call.body.op("MatMulInteger", a, b, *zeros)


def _scaled(call: Call, product: str, scales: Sequence[str]) -> str:
    """An int32 product times two scales, in float32."""
    return call.body.op("Mul", call.body.floats(product), call.body.op("Mul", *scales))


@defines("QGemm")
def qgemm(call: Call) -> Sequence[str]:
    """alpha · a_scale · b_scale · ((a − a_zero) · (b − b_zero) + c), quantized if the result has a scale.

    c is int32 and has the scale of the product. With a constant kernel and constant scales, a layer on integers
    computes this. It is made of the product of dequantized numbers.
    """
    body = call.body
    _check_scale(call, 1)
    check_scales(call.infos, call.operand(4))
    if call.rank(0) != 2 or call.rank(3) != 2:
        raise InferenceError(f"its operands have the ranks {call.rank(0)} and {call.rank(3)}, but must be matrices")
    unscaled = not call.attr("transA", 0) and call.attr("alpha", 1.0) == 1
    if unscaled and call.given(7) and _is_constant(call, 1, 2, 3, 4, 5, 6, 7, 8):
        return [_dequantized_gemm(call)]
    a, b = (
        body.op("Transpose", call.arg(i), perm=[1, 0]) if call.attr(name, 0) else call.arg(i)
        for i, name in ((0, "transA"), (3, "transB"))
    )
    product = integer_product(call, a, b, call.arg(2), call.arg(5))
    product = biased(call, product, 6)
    scale = body.op("Mul", call.arg(1), call.arg(4))
    if (alpha := call.attr("alpha", 1.0)) != 1:
        scale = body.op("Mul", scale, body.constant(alpha))
    real = body.floats(product)
    if not call.given(7):
        return [body.op("Mul", real, scale)]
    _check_scale(call, 7)
    # One multiplication, as in the kernel: two would round twice.
    steps = body.op("Mul", real, body.op("Div", scale, call.arg(7)))
    zero = call.maybe(8) or body.constant(0, call.dtype(0))
    return [body.op("QuantizeLinear", steps, body.constant(1.0), zero)]


def _dequantized_gemm(call: Call) -> str:
    body, columns = call.body, not call.attr("transB", 0)
    kernel = body.op("DequantizeLinear", call.arg(3), call.arg(4), call.arg(5), axis=int(columns))
    bias: list[str] = []
    if call.given(6):
        scales = body.op("Mul", call.arg(1), call.arg(4))
        size = call.shape(3)[int(columns)]
        flat = body.op("Reshape", call.arg(6), body.constant([-1], "int64"))
        wide = [body.op("Expand", x, body.constant([size], "int64")) for x in (flat, scales)]
        bias = [body.op("DequantizeLinear", *wide, axis=0)]
    made = body.op("Gemm", dequantized(call, 0), kernel, *bias, transB=int(not columns))
    return quantized(call, made, 7, 8, like=0)
