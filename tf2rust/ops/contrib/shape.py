"""Operators that ONNX later took over from ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence

from tf2rust.ops.contrib.call import Call, defines


@defines("Pad")
def pad(call: Call) -> Sequence[str]:
    """ONNX' Pad, whose pads may have a first axis of size 1."""
    flat = call.body.op("Reshape", call.arg(1), call.body.constant([-1], "int64"))
    value = call.maybe(2)
    inputs = [call.arg(0), flat] if value is None else [call.arg(0), flat, value]
    return [call.body.op("Pad", *inputs, mode=call.attr("mode", "constant"))]


@defines("Range")
def range_(call: Call) -> Sequence[str]:
    """ONNX' Range, whose step is 1 by default."""
    numbers = [call.body.op("Reshape", call.arg(i), call.body.constant([], "int64")) for i in range(2)]
    if call.given(2):
        step = call.body.op("Reshape", call.arg(2), call.body.constant([], "int64"))
    else:
        step = call.body.constant(1, call.dtype(0))
    return [call.body.op("Range", *numbers, step)]
