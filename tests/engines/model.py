"""The model of the recipes: eight features, two hidden layers, one score."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from tests.crates import TF_LAYERS
from tests.models.graphs import graph, node
from tf2rust.conversion import Options, convert
from tf2rust.source import open_onnx

FEATURES = 8
MODULE = "churn"
"""The name of the Python module."""


def scorer() -> onnx.ModelProto:
    """Dense relu of 32 units, Dense relu of 16 units, Dense sigmoid of one unit."""
    generator = np.random.default_rng(0)
    widths = [FEATURES, 32, 16, 1]
    nodes, weights, last = [], {}, "features"
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        weights[f"kernel{i}"] = (generator.standard_normal((inputs, outputs)) / np.sqrt(inputs)).astype("float32")
        weights[f"bias{i}"] = (generator.standard_normal(outputs) / 4).astype("float32")
        is_last = outputs == widths[-1]
        activated = "score" if is_last else f"activated{i}"
        nodes.append(node("Gemm", [last, f"kernel{i}", f"bias{i}"], [f"dense{i}"]))
        nodes.append(node("Sigmoid" if is_last else "Relu", [f"dense{i}"], [activated]))
        last = activated
    shapes = ((TensorProto.FLOAT, ["batch", FEATURES]), (TensorProto.FLOAT, ["batch", 1]))
    return graph(nodes, {"features": shapes[0]}, {"score": shapes[1]}, weights)


def write(folder: Path) -> Path:
    """Writes the ONNX file and the Python package into a folder; returns the folder of the package."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{MODULE}.onnx"
    onnx.save(scorer(), path)
    convert(open_onnx(path), Options(folder / MODULE, MODULE, targets=["python"], tf_layers=TF_LAYERS))
    return folder / MODULE / "python"


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
