"""bfloat16 models: ONNX Runtime computes each node in float32 and rounds once, as the crate does."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.models.graphs import node, save
from tf2rust.conversion import Options, convert
from tf2rust.onnx_import.load import OnnxRuntime
from tf2rust.source import open_onnx

BFLOAT16, FLOAT = TensorProto.BFLOAT16, TensorProto.FLOAT
RNG = np.random.default_rng(5)
W, B = RNG.normal(size=(32, 5)).astype(ml_dtypes.bfloat16), RNG.normal(size=5).astype(ml_dtypes.bfloat16)


def _model(nodes: list[onnx.NodeProto], dtype: int) -> onnx.ModelProto:
    """A model from ``x`` [n, 32] to ``y`` with the weights ``w`` and ``b`` in bfloat16."""
    ports = [helper.make_tensor_value_info(*port) for port in (("x", dtype, ["n", 32]), ("y", dtype, ["n", 5]))]
    weights = [numpy_helper.from_array(array, name) for name, array in (("w", W), ("b", B))]
    graph = helper.make_graph(nodes, "graph", ports[:1], ports[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _all() -> onnx.ModelProto:
    """Everything in bfloat16."""
    return _model([node("MatMul", ["x", "w"], ["m"]), node("Add", ["m", "b"], ["y"])], BFLOAT16)


def _mixed() -> onnx.ModelProto:
    """Inputs, outputs and the product in float32; weights and the sum in bfloat16."""
    nodes = [
        node("Cast", ["w"], ["wide"], to=FLOAT),
        node("MatMul", ["x", "wide"], ["m"]),
        node("Cast", ["m"], ["narrow"], to=BFLOAT16),
        node("Add", ["narrow", "b"], ["sum"]),
        node("Cast", ["sum"], ["y"], to=FLOAT),
    ]
    return _model(nodes, FLOAT)


def _branch() -> onnx.ModelProto:
    """The sum in both branches of an If."""
    model = _model([], BFLOAT16)
    y = [helper.make_tensor_value_info("sum", BFLOAT16, ["n", 5])]
    bodies = [helper.make_graph([node("Add", ["m", "b"], ["sum"])], name, [], y) for name in ("then", "otherwise")]
    model.graph.node.extend(
        [
            node("MatMul", ["x", "w"], ["m"]),
            node("ReduceMax", ["x"], ["highest"], keepdims=0),
            node("Cast", ["highest"], ["condition"], to=TensorProto.BOOL),
            node("If", ["condition"], ["y"], then_branch=bodies[0], else_branch=bodies[1]),
        ]
    )
    return model


def _rounded(x: np.ndarray) -> np.ndarray:
    """Both nodes in float32 with one rounding each."""
    product = (x.astype(np.float32) @ W.astype(np.float32)).astype(ml_dtypes.bfloat16)
    return (product.astype(np.float32) + B.astype(np.float32)).astype(ml_dtypes.bfloat16)


@pytest.mark.parametrize("build", [_all, _mixed, _branch])
def test_every_node_rounds_once(tmp_path: Path, build: object) -> None:
    assert callable(build)
    source = open_onnx(save(build(), tmp_path / "model.onnx"))
    done = convert(source, Options(tmp_path / "out", "model"))
    x, y = done.proof.inputs["x"], done.proof.outputs["y"]
    assert done.proof.reference.startswith("ONNX Runtime")
    assert x.dtype.name == y.dtype.name == ("float32" if build is _mixed else "bfloat16")
    np.testing.assert_array_equal(y.astype(np.float32), _rounded(x).astype(np.float32))
    assert done.proof.tolerances["y"] == pytest.approx(2**-7 * max(1, np.abs(y.astype(np.float64)).max()))
    with np.load(done.crate / "testdata" / "features.npz") as stored:
        assert stored["inputs"].dtype == (np.float32 if build is _mixed else np.uint16)
        np.testing.assert_array_equal(stored["inputs"].view(x.dtype.name).astype(np.float32), x.astype(np.float32))


def test_the_model_itself_stays_as_it_is() -> None:
    model = _all()
    before = model.SerializeToString(deterministic=True)
    OnnxRuntime(model).open()
    assert model.SerializeToString(deterministic=True) == before
