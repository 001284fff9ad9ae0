"""Small float models to quantize, and samples for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from tests.models import graphs
from tf2rust.onnx_import.infer import analyse
from tf2rust.quantization.graph import FloatGraph
from tf2rust.source import Source, open_onnx


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    """Weights whose channels have different ranges."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.1, 1.0, shape[0]).reshape(-1, *[1] * (len(shape) - 1)) if shape else 1.0
    return (rng.normal(size=shape) * scale).astype(np.float32)


def images(count: int, seed: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3, 8, 8)).astype(np.float32)


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> onnx.NodeProto:
    """A node with the name of its last output, which is also the name of its layer."""
    return helper.make_node(op, list(inputs), list(outputs), name=outputs[-1], **attributes)


CNN_NODES = [
    node("Conv", ["image", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
    node("Relu", ["c1"], ["r1"]),
    node("Conv", ["r1", "w2", "b2"], ["c2"], pads=[1, 1, 1, 1]),
    node("Sigmoid", ["c2"], ["s2"]),
    node("Mul", ["c2", "s2"], ["swish"]),
    node("Add", ["r1", "swish"], ["sum"]),
    node("MaxPool", ["sum"], ["pool"], kernel_shape=[2, 2], strides=[2, 2]),
    node("Conv", ["pool", "w3"], ["c3"]),
    node("Relu", ["c3"], ["r3"]),
    node("GlobalAveragePool", ["r3"], ["mean"]),
    node("Flatten", ["mean"], ["flat"]),
    node("Gemm", ["flat", "w4", "b4"], ["logits"], transB=1),
    node("Softmax", ["logits"], ["y"]),
]
CNN_WEIGHTS = {
    "w1": weights(8, 3, 3, 3),
    "b1": weights(8, seed=1),
    "w2": weights(8, 8, 3, 3, seed=2) / 5,
    "b2": weights(8, seed=3),
    "w3": weights(12, 8, 1, 1, seed=4),
    "w4": weights(5, 12, seed=5),
    "b4": weights(5, seed=6),
}


def cnn(batch: int | str = "n", opset: int = 18) -> onnx.ModelProto:
    """A convolutional classifier of images [3, 8, 8] with five classes: relu, swish, a residual, pooling, softmax."""
    inputs, outputs = {"image": (1, [batch, 3, 8, 8])}, {"y": (1, [batch, 5])}
    return graphs.graph(CNN_NODES, inputs, outputs, CNN_WEIGHTS, opset=opset)


def opened(
    folder: Path, nodes: Sequence[onnx.NodeProto], shape: Sequence[int | str], constants: Mapping[str, np.ndarray]
) -> Source:
    """A model of ``nodes`` with the input ``x`` and the output ``y``, of the same rank, and the constants they read."""
    read = {name for one in nodes for name in one.input}
    result = [shape[0], *(f"y{i}" for i in range(1, len(shape)))]
    used = {name: array for name, array in constants.items() if name in read}
    model = graphs.graph(nodes, {"x": (1, shape)}, {"y": (1, result)}, used)
    return open_onnx(graphs.save(model, folder / "model.onnx"))


def float_graph(source: Source) -> FloatGraph:
    return FloatGraph(source.proto, source.weights, analyse(source.proto, {}, source.weights))
