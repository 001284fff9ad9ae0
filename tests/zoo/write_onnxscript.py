"""Writes the files ``onnxscript_*``: models written as Python functions, with functions of their own and control flow.

Made with onnxscript 0.7.2 and onnx 1.23.2:

    pip install onnxscript==0.7.2 onnx==1.23.2
    python tests/zoo/write_onnxscript.py [NAME]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnxscript import FLOAT, INT64, script
from onnxscript import opset18 as op
from onnxscript import opset20 as op20
from onnxscript import opset23 as op23
from onnxscript.values import Opset
from saving import save

layers = Opset("zoo.layers", 1)
BATCH, TIME, HEIGHT, WIDTH, PLACES = "batch", "time", "height", "width", "places"
SAMPLES, FRAMES = "samples", "frames"
RNG = np.random.default_rng(5)


def weight(*shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(RNG.normal(0, shape[0] ** -0.5, shape).astype(np.float32))


@script(layers, default_opset=op)
def linear(x, w, b):
    return op.Add(op.MatMul(x, w), b)


@script(layers, default_opset=op)
def swish(x, beta: float = 1.0):
    return x * op.Sigmoid(x * beta)


@script(layers, default_opset=op)
def norm(x, scale, epsilon: float = 1e-5):
    mean = op.ReduceMean(x, [-1], keepdims=1)
    centred = x - mean
    variance = op.ReduceMean(centred * centred, [-1], keepdims=1)
    return centred / op.Sqrt(variance + epsilon) * scale


@script(layers, default_opset=op)
def block(x, w1, b1, w2, b2, scale):
    hidden = swish(linear(norm(x, scale, epsilon=0.001), w1, b1), beta=1.5)
    return x + linear(hidden, w2, b2)


W1, B1, W2, B2, SCALE = weight(8, 12), weight(12), weight(12, 8), weight(8), weight(8)


@script(default_opset=op)
def functions(x: FLOAT[BATCH, 8]) -> FLOAT[BATCH, 8]:
    w1, b1 = op.Constant(value=W1), op.Constant(value=B1)
    w2, b2 = op.Constant(value=W2), op.Constant(value=B2)
    scale = op.Constant(value=SCALE)
    x = block(x, w1, b1, w2, b2, scale)
    return op.Tanh(block(x, w1, b1, w2, b2, scale))


STEP, KERNEL = weight(4, 4), weight(4, 4)


@script(default_opset=op)
def loop(x: FLOAT[TIME, 4]) -> FLOAT[4]:
    """A recurrence over the rows of x."""
    w, u = op.Constant(value=STEP), op.Constant(value=KERNEL)
    state = op.ConstantOfShape(op.Constant(value_ints=[4]))
    count = op.Squeeze(op.Shape(x, start=0, end=1))
    for i in range(count):
        row = op.Gather(x, i)
        state = op.Tanh(op.MatMul(row, w) + op.MatMul(state, u))
    return state


@script(default_opset=op)
def until(x: FLOAT[BATCH, 3]) -> FLOAT[BATCH, 3]:
    """Newton's method for square roots, until the error is small."""
    square = op.Abs(x) + 0.5
    root = square
    far = op.ReduceMax(op.Abs(root * root - square)) > 0.001
    while far:
        root = (root + square / root) * 0.5
        far = op.ReduceMax(op.Abs(root * root - square)) > 0.001
    return root


@script(default_opset=op)
def choice(x: FLOAT[BATCH, 5]) -> FLOAT[BATCH, 5]:
    if op.ReduceSum(x) > 0.0:
        y = op.Softmax(x, axis=-1)
        z = y * 2.0
    else:
        y = op.Relu(-x)
        z = y + 1.0
    return y + z


QKV, OUT = weight(12, 36), weight(12, 12)


@script(default_opset=op23)
def attention(x: FLOAT[BATCH, TIME, 12]) -> FLOAT[BATCH, TIME, 12]:
    """The operators of opset 23: RMSNormalization and Attention."""
    y = op23.RMSNormalization(
        x, op23.Constant(value=numpy_helper.from_array(np.linspace(0.5, 1.5, 12, dtype=np.float32)))
    )
    q, k, v = op23.Split(op23.MatMul(y, op23.Constant(value=QKV)), axis=-1, num_outputs=3)
    y = op23.Attention(q, k, v, q_num_heads=3, kv_num_heads=3, is_causal=1)
    return x + op23.MatMul(y, op23.Constant(value=OUT))


PATCH, BIAS = weight(6, 3, 3, 3), weight(6)


@script(default_opset=op20)
def image(x: FLOAT[BATCH, 3, HEIGHT, WIDTH]) -> FLOAT[BATCH, PLACES, 6]:
    """A convolution whose positions are flattened by their shape, with a Gelu of opset 20."""
    y = op20.Gelu(
        op20.Conv(x, op20.Constant(value=PATCH), op20.Constant(value=BIAS), pads=[1, 1, 1, 1], strides=[2, 2])
    )
    outer = op20.Shape(y, start=0, end=2)
    rest = op20.Constant(value_ints=[-1])
    flat = op20.Reshape(y, op20.Concat(outer, rest, axis=0))
    return op20.Transpose(flat, perm=[0, 2, 1])


TABLE, WORDS = weight(11, 6), weight(11, 12)


@script(default_opset=op)
def words(ids: INT64[BATCH, TIME]) -> FLOAT[BATCH, 6]:
    """The mean of the embeddings of those words that are not 0."""
    mask = op.Unsqueeze(op.Cast(op.Not(ids == 0), to=1), [2])
    found = op.Gather(op.Constant(value=TABLE), ids) * mask
    return op.ReduceSum(found, [1], keepdims=0) / op.Max(op.ReduceSum(mask, [1], keepdims=0), 1.0)


@script(default_opset=op)
def padded(ids: INT64[BATCH, TIME]) -> FLOAT[BATCH, TIME, 12]:
    """Self-attention that ignores words that are 0, with ``masked_fill`` in front of the softmax."""
    x = op.Gather(op.Constant(value=WORDS), ids)
    parts = op.Reshape(op.MatMul(x, op.Constant(value=QKV)), op.Constant(value_ints=[0, 0, 9, 4]))
    q, k, v = op.Split(op.Transpose(parts, perm=[0, 2, 1, 3]), axis=1, num_outputs=3)
    scores = op.MatMul(q, op.Transpose(k, perm=[0, 1, 3, 2])) / 2.0
    nothing = op.Constant(value_float=float("-inf"))
    padding = op.Unsqueeze(ids == 0, [1, 2])
    y = op.MatMul(op.Softmax(op.Where(padding, nothing, scores), axis=-1), v)
    y = op.Reshape(op.Transpose(y, perm=[0, 2, 1, 3]), op.Constant(value_ints=[0, 0, 12]))
    return op.MatMul(y, op.Constant(value=OUT))


@script(default_opset=op)
def spectrogram(wave: FLOAT[BATCH, SAMPLES]) -> FLOAT[BATCH, FRAMES, 6]:
    """Logarithms of the energy in the bands of the mel scale, for sound of any length."""
    spectra = op.STFT(op.Unsqueeze(wave, [-1]), 8, op.HannWindow(16), 16)
    energy = op.MatMul(op.ReduceSumSquare(spectra, [-1], keepdims=0), op.MelWeightMatrix(6, 16, 800, 20.0, 400.0))
    return op.Log(energy + 0.001)


SCRIPTS = (functions, loop, until, choice, attention, image, words, padded, spectrogram)
MODELS: dict[str, Callable[..., Any]] = {f.name: f for f in SCRIPTS}


def main(names: Sequence[str]) -> None:
    for name, function in MODELS.items():
        if not names or name in names:
            save(function.to_model_proto(), f"onnxscript_{name}")


if __name__ == "__main__":
    main(sys.argv[1:])
