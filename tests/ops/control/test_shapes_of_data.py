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


def _parameters() -> onnx.ModelProto:
    """Every parameter is an input, and the seeded samples must suit the model."""
    return graph(
        [
            node("Slice", ["x", "starts", "ends"], ["part"]),
            node("Shape", ["part"], ["size"]),
            node("ConstantOfShape", ["size"], ["zeros"]),
            node("Concat", ["rows", "columns"], ["shape"], axis=0),
            node("Reshape", ["x", "shape"], ["table"]),
            node("Unsqueeze", ["table", "axes"], ["cube"]),
            node("ReduceMax", ["cube", "axes"], ["most"], keepdims=0),
            node("Tile", ["most", "repeats"], ["tiles"]),
            node("Pad", ["tiles", "pads"], ["padded"], mode="reflect"),
            node("Split", ["x", "parts"], ["first", "second"], axis=1),
            node("Expand", ["first", "wide"], ["expanded"]),
            node("Slice", ["x", "ends", "big"], ["rest"]),
            node("Slice", ["x", "ends", "big"], ["again"]),
            node("Add", ["rest", "again"], ["sum"]),
        ],
        {
            "x": (FLOAT, ["n", 6]),
            **{name: (INT, [2]) for name in ("starts", "ends", "repeats", "parts")},
            **{name: (INT, [1]) for name in ("rows", "axes")},
            "pads": (INT, [4]),
            "wide": (INT, [3]),
        },
        {
            "sum": (FLOAT, ["h", "i"]),
            "zeros": (FLOAT, ["a", "b"]),
            "padded": (FLOAT, ["c", "d"]),
            "second": (FLOAT, ["n", "f"]),
            "expanded": (FLOAT, ["e", "n", "g"]),
        },
        {"columns": np.asarray([3]), "big": np.asarray([9999, 9999])},
    )


MODELS = {"parameters": _parameters(), "if_true": _if(True), "if_false": _if(False), "shape_as_data": _shape()}


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
