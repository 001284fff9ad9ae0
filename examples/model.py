"""Converts the small models that the examples use: ``python examples/model.py``.

The weights come from a fixed seed, so nothing is downloaded or trained. Each model becomes a crate in
``examples/models/NAME/rust_generated_code``. The crates share one copy of tf-layers, and therefore its types.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import tf2rust
from tf2rust.converted.bundle import write_bundle

HERE = Path(__file__).resolve().parent
MODELS = HERE / "models"
TF_LAYERS = HERE.parent / "tf-layers"
OPSET = 21


def scorer(seed: int = 1) -> onnx.ModelProto:
    """Probabilities of three classes from four numbers: ``x`` [batch, 4] to ``probabilities`` [batch, 3]."""
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "w2", "b2"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    weights = _weights(seed, w1=(4, 32), b1=(32,), w2=(32, 3), b2=(3,))
    return _model(nodes, {"x": ["batch", 4]}, {"probabilities": ["batch", 3]}, weights)


def retrained() -> onnx.ModelProto:
    """The same layers as ``scorer`` with other weights."""
    return scorer(seed=4)


def anomaly() -> onnx.ModelProto:
    """How unusual a row of six numbers is: ``x`` [batch, 6] to ``anomaly`` [batch, 1]."""
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["narrow"]),
        helper.make_node("Tanh", ["narrow"], ["code"]),
        helper.make_node("Gemm", ["code", "w2", "b2"], ["score"]),
        helper.make_node("Sigmoid", ["score"], ["anomaly"]),
    ]
    weights = _weights(2, w1=(6, 2), b1=(2,), w2=(2, 1), b2=(1,))
    return _model(nodes, {"x": ["batch", 6]}, {"anomaly": ["batch", 1]}, weights)


def colors() -> onnx.ModelProto:
    """Classes of an RGB image with values from 0 to 1: ``image`` [batch, 32, 32, 3] to ``classes`` [batch, 4]."""
    nodes = [
        helper.make_node("Transpose", ["image"], ["channels_first"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["channels_first", "kernel", "bias"], ["convolved"], strides=[2, 2]),
        helper.make_node("Relu", ["convolved"], ["active"]),
        helper.make_node("GlobalAveragePool", ["active"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["classes"]),
    ]
    weights = _weights(3, kernel=(8, 3, 3, 3), bias=(8,), w=(8, 4), b=(4,))
    return _model(nodes, {"image": ["batch", 32, 32, 3]}, {"classes": ["batch", 4]}, weights)


def loudness() -> onnx.ModelProto:
    """A smoothed level of audio: ``samples`` [1, time] and ``level`` [1, 1] to ``smoothed`` [1, 1], the next level."""
    nodes = [
        helper.make_node("Mul", ["samples", "samples"], ["squares"]),
        helper.make_node("ReduceMean", ["squares", "axes"], ["power"], keepdims=1),
        helper.make_node("Mul", ["power", "gain"], ["fresh"]),
        helper.make_node("Mul", ["level", "decay"], ["old"]),
        helper.make_node("Add", ["old", "fresh"], ["smoothed"]),
    ]
    constants = {"axes": np.array([1]), "gain": np.float32(0.25), "decay": np.float32(0.75)}
    shapes: dict[str, list[int | str]] = {"samples": [1, "time"], "level": [1, 1]}
    return _model(nodes, shapes, {"smoothed": [1, 1]}, {k: np.asarray(v) for k, v in constants.items()})


ALL: dict[str, tuple[Callable[[], onnx.ModelProto], dict[str, str]]] = {
    "scorer": (scorer, {}),
    "retrained": (retrained, {}),
    "anomaly": (anomaly, {}),
    "colors": (colors, {}),
    "loudness": (loudness, {"level": "smoothed"}),
}
"""The models, and the outputs that become the inputs of the next step."""
SERVED = ("scorer", "anomaly", "loudness")
"""The models of the bundle ``served``."""


def _weights(seed: int, **shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def _model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, list[int | str]],
    outputs: dict[str, list[int | str]],
    weights: dict[str, np.ndarray],
) -> onnx.ModelProto:
    def ports(shapes: dict[str, list[int | str]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]

    for node in nodes:
        node.name = node.output[0]
    initializers = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "graph", ports(inputs), ports(outputs), initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)


def main(names: Sequence[str] = ()) -> None:
    """Converts the models with these names, or all of them, and then bundles three."""
    for name in names or ALL:
        build, states = ALL[name]
        converted = tf2rust.convert(
            build(), MODELS / name, name, states=states, tf_layers=TF_LAYERS, binary_classification=False
        )
        print(converted.crate)
    if not names:
        write_bundle([MODELS / name for name in SERVED], MODELS / "served", tf_layers=TF_LAYERS)


if __name__ == "__main__":
    main(sys.argv[1:])
