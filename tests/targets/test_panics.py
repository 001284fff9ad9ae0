"""A program without an allocator and with layers of many kinds contains no panic."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.crates import TARGET
from tests.models import graphs
from tests.ops.bodies import Graph
from tests.targets.conftest import run
from tf2rust.conversion import Options, convert
from tf2rust.converted.elf import read_program
from tf2rust.source import open_onnx
from tf2rust.targets.embedded import DEFAULT_TRIPLE, TRIPLES

NODES: dict[str, tuple[str, Sequence[str], dict[str, Any]]] = {
    "add": ("Add", ["x", "row"], {}),
    "mul": ("Mul", ["x", "column"], {}),
    "minimum": ("Min", ["x", "row"], {}),
    "positive": ("Abs", ["x"], {}),
    "pow": ("Pow", ["positive", "row"], {}),
    "sqrt": ("Sqrt", ["positive"], {}),
    "clip": ("Clip", ["x", "low", "high"], {}),
    "tanh": ("Tanh", ["x"], {}),
    "erf": ("Erf", ["x"], {}),
    "elu": ("Elu", ["x"], {}),
    "hard_swish": ("HardSwish", ["x"], {}),
    "prelu": ("PRelu", ["x", "row"], {}),
    "less": ("Less", ["x", "row"], {}),
    "both": ("And", ["less", "less"], {}),
    "where": ("Where", ["less", "x", "row"], {}),
    "cast": ("Cast", ["x"], {"to": onnx.TensorProto.INT32}),
    "integers": ("Add", ["cast", "cast"], {}),
    "concat": ("Concat", ["x", "x"], {"axis": 1}),
    "transpose": ("Transpose", ["x"], {"perm": [2, 0, 1]}),
    "reshape": ("Reshape", ["transpose", "flat"], {}),
    "slice": ("Slice", ["x", "starts", "ends", "last_axes", "steps"], {}),
    "pad": ("Pad", ["x", "pads"], {}),
    "gather": ("Gather", ["x", "indices"], {"axis": 1}),
    "expand": ("Expand", ["x", "shape"], {}),
    "softmax": ("Softmax", ["x"], {"axis": 1}),
    "log_softmax": ("LogSoftmax", ["x"], {"axis": 2}),
    "mean": ("ReduceMean", ["x", "axes"], {}),
    "maximum": ("ReduceMax", ["x", "axes"], {"keepdims": 0}),
    "arg_max": ("ArgMax", ["x"], {"axis": 1}),
    "cumulative": ("CumSum", ["x", "axis"], {}),
    "quantized": ("QuantizeLinear", ["x", "scale", "zero"], {}),
    "dequantized": ("DequantizeLinear", ["quantized", "scale", "zero"], {}),
    "dense": ("MatMul", ["x", "kernel"], {}),
    "conv": ("Conv", ["image", "filters"], {"pads": [1, 1, 1, 1]}),
    "depthwise": ("Conv", ["image", "depthwise_filters"], {"group": 4}),
    "max_pool": ("MaxPool", ["image"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "average_pool": ("AveragePool", ["image"], {"kernel_shape": [2, 2]}),
    "global_pool": ("GlobalAveragePool", ["image"], {}),
    "batch_norm": ("BatchNormalization", ["image", "ones", "ones", "ones", "ones"], {}),
}
"""The operator, the inputs and the attributes of a node, by the name of its output."""


def _model() -> onnx.ModelProto:
    random = np.random.default_rng(1)

    def floats(*shape: int) -> np.ndarray:
        return random.normal(size=shape).astype("float32")

    filters = floats(4, 4, 3, 3)
    constants = {
        "row": floats(4),
        "column": floats(3, 1),
        "kernel": floats(4, 5),
        "filters": filters,
        "depthwise_filters": filters[:, :1],
        "ones": np.ones(4, "float32"),
        "low": np.float32(-0.5),
        "high": np.float32(0.5),
        "scale": np.float32(0.1),
        "zero": np.uint8(128),
        "axis": np.int64(1),
        "axes": np.array([1]),
        "last_axes": np.array([1, 2]),
        "starts": np.array([2, 1]),
        "ends": np.array([-4, 4]),
        "steps": np.array([-1, 2]),
        "pads": np.array([0, 1, 2, 0, 0, 1]),
        "indices": np.array([2, 0]),
        "shape": np.array([2, 2, 3, 4]),
        "flat": np.array([4, 6]),
    }
    nodes = [graphs.node(op, inputs, [name], **attributes) for name, (op, inputs, attributes) in NODES.items()]
    return Graph(nodes, list(NODES), [{"x": floats(2, 3, 4), "image": floats(1, 4, 6, 6)}], constants).model()


@pytest.mark.targets
@pytest.mark.skipif(shutil.which(TRIPLES[DEFAULT_TRIPLE]) is None, reason="there is no emulator")
def test_layers_contain_no_panics(tmp_path: Path) -> None:
    path = graphs.save(_model(), tmp_path / "layers.onnx")
    convert(open_onnx(path), Options(tmp_path / "out", "layers", targets=["embedded"]))
    # The program exits with an error if an output is beyond its tolerance.
    run(["cargo", "run", "--release"], tmp_path / "out" / "embedded", {"CARGO_TARGET_DIR": str(TARGET)})
    program = read_program((TARGET / DEFAULT_TRIPLE / "release" / "layers-embedded").read_bytes())
    assert [symbol.name for symbol in program.symbols if re.search("panic|_fail", symbol.name)] == []
