"""Large weights are read without protobuf; the model is the one that protobuf reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from tf2rust.onnx_import import reader
from tf2rust.onnx_import.reader import LEFT_OUT, read_model
from tf2rust.onnx_import.weights import GRAPH, INITIALIZER, RAW_DATA, encode_field

LARGE = np.arange(LEFT_OUT // 4, dtype=np.float32)
SMALL = np.ones(LEFT_OUT // 4 - 1, np.float32)


def _model(*weights: TensorProto) -> onnx.ModelProto:
    nodes = [helper.make_node("Identity", [weights[0].name], ["y"])] if weights else []
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [], [y], weights, doc_string="text")
    model = helper.make_model(graph, producer_name="p", opset_imports=[helper.make_opsetid("", 18)])
    helper.set_model_props(model, {"key": "value"})
    return model


def _weight(array: np.ndarray, name: str = "w", **changes: Any) -> TensorProto:
    tensor = numpy_helper.from_array(array, name)
    tensor.MergeFrom(TensorProto(**changes))
    return tensor


def _bytes(*parts: bytes | memoryview) -> bytes:
    return b"".join(parts)


def _raw(array: np.ndarray) -> list[bytes | memoryview]:
    return encode_field(RAW_DATA, [array.tobytes()])


def _initializer(*content: bytes | memoryview) -> bytes:
    return _bytes(*encode_field(GRAPH, encode_field(INITIALIZER, list(content))))


_MATRIX = _weight(LARGE.reshape(2, -1))
_HEAD = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=LARGE.shape).SerializeToString()
CASES: dict[str, tuple[bytes, list[str]]] = {
    "one large weight": (_model(_MATRIX).SerializeToString(), ["w"]),
    "a large and a small weight": (_model(_weight(SMALL), _weight(LARGE, "x")).SerializeToString(), ["x"]),
    "no weights": (_model().SerializeToString(), []),
    "an empty file": (b"", []),
    "two weights of one name": (_model(_MATRIX, _weight(SMALL)).SerializeToString(), []),
    "data of another size": (_model(_weight(LARGE, dims=[2])).SerializeToString(), []),
    "a dtype that NumPy lacks": (_model(_weight(LARGE, data_type=TensorProto.UINT4)).SerializeToString(), []),
    "data in a file too": (_model(_weight(LARGE, data_location=TensorProto.EXTERNAL)).SerializeToString(), []),
    "a graph in two parts": (_model(_MATRIX).SerializeToString() + _initializer(*_raw(LARGE)), ["w"]),
    "the last of two data counts": (_initializer(_HEAD, *_raw(-LARGE), *_raw(LARGE)), ["w"]),
    "the last data is small": (_initializer(_HEAD, *_raw(LARGE), *_raw(SMALL)), []),
    "data before the name": (_initializer(*_raw(LARGE), _HEAD), ["w"]),
    "unknown fields": (
        _model(_MATRIX).SerializeToString() + b"\xf8\x3f\x01\xfa\x3f\x01x\xfd\x3f1234\xf9\x3f12345678",
        ["w"],
    ),
    "a group of fields": (_model(_MATRIX).SerializeToString() + b"\xfb\x3f\xfc\x3f", []),
}


@pytest.mark.parametrize(("content", "apart"), CASES.values(), ids=CASES)
def test_model(content: bytes, apart: list[str], tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    proto, arrays = read_model(path)
    assert list(arrays) == apart
    for tensor in proto.graph.initializer:
        if tensor.name in arrays:
            assert not tensor.HasField("raw_data")
            tensor.raw_data = arrays[tensor.name].tobytes()
            assert list(arrays[tensor.name].shape) == list(tensor.dims)
    assert proto == onnx.ModelProto.FromString(content)


def test_many_fields_are_left_to_protobuf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_MOST_FIELDS", 5)
    path = tmp_path / "model.onnx"
    onnx.save_model(_model(_MATRIX), path)
    proto, arrays = read_model(path)
    assert (proto, arrays) == (onnx.load_model(path), {})


@pytest.mark.parametrize("keep", [1, 30, LEFT_OUT // 2])
def test_truncated(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(_model(_MATRIX).SerializeToString()[:-keep])
    with pytest.raises(DecodeError):
        read_model(path)
