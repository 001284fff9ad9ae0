"""If with a known condition, and shapes that are data, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.crates import Crates
from tests.models.graphs import graph, node
from tf2rust.source import open_onnx

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64


def _branch(name: str, op: str) -> onnx.GraphProto:
    made = helper.make_node(op, ["x"], [f"{name}_y"], name=f"{name}/{op}")
    return helper.make_graph([made], name, [], [helper.make_tensor_value_info(f"{name}_y", FLOAT, None)])


def _if(condition: bool) -> onnx.ModelProto:
    branches = {"then_branch": _branch("then", "Relu"), "else_branch": _branch("else", "Neg")}
    return graph(
        [node("If", ["c"], ["z"], **branches), node("Tanh", ["z"], ["y"])],
        {"x": (FLOAT, ["n", 3])},
        {"y": (FLOAT, ["n", 3]), "z": (FLOAT, ["n", 3])},
        {"c": np.asarray(condition)},
    )


def _shape() -> onnx.ModelProto:
    return graph(
        [node("Shape", ["x"], ["s"]), node("Mul", ["s", "i"], ["y"]), node("Size", ["x"], ["z"])],
        {"x": (FLOAT, ["n", 3]), "i": (INT, [2])},
        {"y": (INT, [2]), "z": (INT, [])},
    )


MODELS = {"if_true": _if(True), "if_false": _if(False), "shape_as_data": _shape()}


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("branches"))
    for name, model in MODELS.items():
        path = made.folder / f"{name}.onnx"
        onnx.save(model, path)
        made.add(name, open_onnx(path))
    made.build()
    return made


@pytest.mark.parametrize("name", MODELS)
def test_crate(crates: Crates, name: str) -> None:
    assert "test result: ok" in crates.test(name)
