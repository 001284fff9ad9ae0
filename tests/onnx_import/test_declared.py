"""Invalid text in names and unknown dtypes are refused, wherever they occur."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.models.graphs import control, graph, node, save
from tf2rust.conversion import match_layers
from tf2rust.errors import ConversionError
from tf2rust.source import open_onnx


def _with_unknown_dtype(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = 255


def _with_unknown_dtype_inside(model: onnx.ModelProto) -> None:
    bodies = [a.g for n in model.graph.node for a in n.attribute if a.HasField("g")]
    bodies[0].output[0].type.tensor_type.elem_type = -1


def _nothing(model: onnx.ModelProto) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "replaced", "reason"),
    [
        (_with_unknown_dtype, (b"", b""), "declared with the type 255"),
        (_with_unknown_dtype_inside, (b"", b""), "declared with the type -1"),
        (_nothing, (b"node/", b"nod\xff/"), "is not UTF-8"),
        (_nothing, (b"graph", b"\xc3\x28aph"), "is not UTF-8"),
    ],
)
def test_they_are_refused(
    tmp_path: Path, change: Callable[[onnx.ModelProto], None], replaced: tuple[bytes, bytes], reason: str
) -> None:
    model = control()
    change(model)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString().replace(*replaced))
    with pytest.raises(ConversionError, match=reason):
        open_onnx(path)


def test_a_dtype_without_layers_is_a_reason(tmp_path: Path) -> None:
    dtype = onnx.TensorProto.COMPLEX64
    shape = {"to": np.array([6])}
    model = graph([node("Reshape", ["x", "to"], ["y"])], {"x": (dtype, [2, 3])}, {"y": (dtype, [6])}, shape, 19)
    found, _ = match_layers(open_onnx(save(model, tmp_path / "model.onnx")))
    assert "has the unsupported dtype complex64 (supported: float16" in found.unmatched[0].reason
