"""Crates of operators with special demands on the generated code: data-dependent sizes, other dtypes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.crates import Crates
from tests.models.graphs import graph, node, save
from tf2rust.source import open_onnx

F, D, H, I = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT64  # noqa: E741

MODELS: dict[str, onnx.ModelProto] = {
    "places": graph(
        [
            node("NonZero", ["x"], ["places"]),
            node("Transpose", ["places"], ["tuples"]),
            node("GatherND", ["x", "tuples"], ["values"]),
        ],
        {"x": (F, ["n", 4])},
        {"places": (I, [2, "k"]), "values": (F, ["k"])},
    ),
    "boxes": graph(
        [node("NonMaxSuppression", ["boxes", "scores", "most", "overlap"], ["chosen"])],
        {"boxes": (F, [1, 6, 4]), "scores": (F, [1, 2, 6])},
        {"chosen": (I, ["k", 3])},
        {"most": np.asarray([3]), "overlap": np.asarray([0.5], np.float32)},
    ),
    "doubles": graph(
        [node("Add", ["x", "c"], ["y"]), node("ReduceLogSumExp", ["y"], ["z"], keepdims=0)],
        {"x": (D, ["n", 4])},
        {"y": (D, ["n", 4]), "z": (D, [])},
        {"c": np.asarray([1.5, 2, 3, 4])},
    ),
    "halves": graph(
        [
            node("MatMul", ["x", "w"], ["p"]),
            node("Add", ["p", "c"], ["q"]),
            node("Relu", ["q"], ["r"]),
            node("Concat", ["r", "x"], ["y"], axis=1),
            node("Cast", ["r"], ["z"], to=F),
        ],
        {"x": (H, ["n", 4])},
        {"y": (H, ["n", 9]), "z": (F, ["n", 5])},
        {
            "w": np.random.default_rng(5).normal(0, 1, (4, 5)).astype(np.float16),
            "c": np.asarray([0.1, 0.2, -0.3, 0.4, 0.5], np.float16),
        },
    ),
    "bytes": graph(
        [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["y"])],
        {"x": (F, ["n", 4])},
        {"y": (F, ["n", 4]), "q": (TensorProto.UINT8, ["n", 4])},
        {"s": np.float32(0.02), "z": np.uint8(120)},
    ),
    "products": graph(
        [
            node("Transpose", ["b"], ["bt"], perm=[0, 2, 1]),
            node("MatMul", ["a", "bt"], ["y"]),
            node("ArgMax", ["y"], ["i"], axis=-1),
            node("TopK", ["y", "k"], ["v", "w"]),
        ],
        {"a": (F, ["n", 5, 8]), "b": (F, ["n", 7, 8])},
        {"y": (F, ["n", 5, 7]), "i": (I, ["n", 5, 1]), "v": (F, ["n", 5, 3]), "w": (I, ["n", 5, 3])},
        {"k": np.asarray([3])},
    ),
    "differences": graph(
        [node("Unique", ["x"], ["values", "first", "which", "counts"], axis=1)],
        {"x": (TensorProto.INT32, ["n", 4])},
        {"values": (TensorProto.INT32, ["n", "k"]), "counts": (I, ["k"])},
    ),
    "indices": graph(
        [node("GatherElements", ["x", "i"], ["y"], axis=1), node("OneHot", ["j", "depth", "values"], ["z"])],
        {"x": (F, ["n", 3]), "i": (I, ["n", 2]), "j": (I, ["n"])},
        {"y": (F, ["n", 2]), "z": (F, ["n", 4])},
        {"depth": np.asarray(4), "values": np.asarray([0, 1], np.float32)},
    ),
}


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("operators"))
    for name, model in MODELS.items():
        made.add(name, open_onnx(save(model, made.folder / f"{name}.onnx")))
    made.build()
    return made


@pytest.mark.parametrize("name", MODELS)
def test_own_tests_pass(crates: Crates, name: str) -> None:
    assert "test result: ok" in crates.test(name)


def test_a_transpose_on_the_right_is_part_of_the_product(crates: Crates) -> None:
    assert [row.kind for row in crates.converted["products"].listing.layers] == ["MatMul", "ArgMax", "TopK"]


def test_where_onnx_runtime_lacks_an_operator_the_reference_computes(crates: Crates) -> None:
    (note,) = crates.converted["differences"].notes
    assert "ONNX's reference implementation" in note
    assert "ONNX Runtime cannot open the model" in note
    assert "Unique" in note
