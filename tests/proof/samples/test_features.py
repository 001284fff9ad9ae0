"""``--path_to_fv``: arrays that are used unchanged, converted with a note, or refused with a reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models import graphs
from tf2rust.conversion import Converted, Options, convert
from tf2rust.errors import ConversionError
from tf2rust.ops.core.layer import LayerGraph, Value
from tf2rust.proof.samples.features import read_features
from tf2rust.source import Source, open_onnx

ROWS = np.arange(12, dtype=np.int32).reshape(3, 4) % 5
SCALE = np.array([[0.5], [1.5], [-2.0]], dtype=np.float32)
LARGE = np.full((3, 4), 2**40, dtype=np.int64)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """Two inputs, int32 [n, 4] and float32 [n, 1]; one output, float32 [n, 1]."""
    nodes = [
        graphs.node("Cast", ["rows"], ["floats"], to=1),
        graphs.node("ReduceMean", ["floats", "axes"], ["mean"]),
        graphs.node("Mul", ["mean", "scale"], ["y"]),
    ]
    inputs = {"rows": (6, ["n", 4]), "scale": (1, ["n", 1])}
    model = graphs.graph(nodes, inputs, {"y": (1, ["n", 1])}, {"axes": np.array([1])})
    return open_onnx(graphs.save(model, tmp_path / "model.onnx"))


def _convert(source: Source, tmp_path: Path, arrays: Mapping[str, Any]) -> Converted:
    np.savez(tmp_path / "fv.npz", **arrays)
    return convert(source, Options(tmp_path / "out", "model", path_to_fv=tmp_path / "fv.npz"))


def test_features_are_flattened_rows_with_their_dtypes(source: Source, tmp_path: Path) -> None:
    converted = _convert(source, tmp_path, {"rows": ROWS, "scale": SCALE, "unused": np.array("text")})
    assert not [note for note in converted.notes if "thresholds" not in note]
    with np.load(converted.crate / "testdata" / "features.npz") as features:
        assert {name: (features[name].dtype.name, features[name].shape) for name in features.files} == {
            "inputs_rows": ("int32", (3, 4)),
            "inputs_scale": ("float32", (3, 1)),
            "predictions": ("float32", (3, 1)),
        }
        np.testing.assert_array_equal(features["inputs_rows"], ROWS)
        np.testing.assert_allclose(features["predictions"], ROWS.mean(1, keepdims=True) * SCALE, rtol=1e-6)


@pytest.mark.parametrize(
    ("changed", "noted"),
    [
        ({"rows": ROWS.astype(np.int64)}, "`rows` .* was converted from int64 to int32"),
        ({"rows": ROWS.astype(np.float32)}, "`rows` .* from float32 to int32"),
        ({"rows": ROWS.astype(np.float64)}, "`rows` .* from float64 to int32"),
        ({"rows": ROWS.astype(np.uint8)}, "`rows` .* from uint8 to int32"),
        ({"rows": ROWS % 2 == 1}, "`rows` .* from bool to int32"),
        ({"rows": np.asfortranarray(ROWS.astype(np.int64))}, "from int64"),
        ({"rows": ROWS.astype(">i8")}, "`rows` .* from int64 to int32"),
        ({"scale": np.array([[1], [2], [2**24]])}, "`scale` .* from int64 to float32"),
        ({"scale": np.array([[1], [2], [2**40]])}, "`scale` .* from int64 to float32"),
        ({"scale": np.array([[1.0], [2.0], [-3.0]])}, "`scale` .* from float64 to float32"),
    ],
)
def test_whole_numbers_are_converted_with_a_note(
    source: Source, tmp_path: Path, changed: dict[str, np.ndarray], noted: str
) -> None:
    converted = _convert(source, tmp_path, {"rows": ROWS, "scale": SCALE, **changed})
    assert any(re.search(noted, note) for note in converted.notes)
    with np.load(converted.crate / "testdata" / "features.npz") as features:
        dtypes = {"inputs_rows": "int32", "inputs_scale": "float32"}
        assert {name: features[name].dtype.name for name in dtypes} == dtypes
        for name, array in changed.items():
            np.testing.assert_array_equal(features[f"inputs_{name}"], array)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"rows": None}, r"has no array for the model's input `rows`; it contains `scale`"),
        ({"rows": None, "row": ROWS}, r"has no array for the model's input `rows`; it contains `scale`, `row`"),
        ({"rows": ROWS[:, :3]}, r"`rows` .* has shape \[3, 3\], but the model's input is \[n, 4\]"),
        ({"rows": ROWS.reshape(-1)}, r"`rows` .* has shape \[12\]"),
        ({"rows": ROWS[..., None]}, r"`rows` .* has shape \[3, 4, 1\]"),
        ({"rows": np.int32(3)}, r"`rows` .* has shape \[\]"),
        ({"scale": SCALE[:2]}, r"`scale` .* has shape \[2, 1\].* In `rows` n is 3"),
        ({"rows": ROWS[:0], "scale": SCALE[:0]}, "`rows` .* contains no samples"),
        (
            {"rows": ROWS + 0.5},
            r"`rows` .* is float64, but the model's input is int32, .* save the array with astype\('int32'\)",
        ),
        ({"rows": np.full((3, 4), np.nan)}, "`rows` .* is float64"),
        ({"rows": np.full((3, 4), np.inf, np.float32)}, "`rows` .* is float32"),
        ({"rows": LARGE}, "`rows` .* is int64"),
        ({"rows": LARGE.astype(np.float64)}, "`rows` .* is float64"),
        ({"rows": np.full((3, 4), "1")}, "`rows` .* is str"),
        ({"rows": ROWS.astype(complex)}, "`rows` .* is complex128"),
        ({"scale": np.array([[2**24 + 1]] * 3)}, "`scale` .* is int64"),
        ({"scale": np.array([[2**63 - 1]] * 3)}, "`scale` .* is int64"),
        ({"scale": np.array([[2**64 - 1]] * 3, dtype=np.uint64)}, "`scale` .* is uint64"),
        ({"scale": SCALE.astype(np.float64)}, "`scale` .* is float64"),
        ({"predictions": np.zeros((2, 1))}, r"`predictions` .* has shape \[2, 1\] .* computes \[3, 1\] numbers"),
        ({"predictions": np.array(["a", "b", "c"])}, "`predictions` .* dtype str"),
        ({"labels": np.array([0, 1])}, "`labels` .* a 0 or a 1 for each of the 3 samples"),
        ({"labels": np.array([0, 1, 2])}, "`labels` .* a 0 or a 1"),
        ({"labels": np.array([0, 1, np.nan])}, "`labels` .* a 0 or a 1"),
        ({"labels": np.array(["0", "1", "1"])}, "`labels` .* a 0 or a 1"),
        ({"labels": np.zeros(3, "M8[ns]")}, "`labels` .* a 0 or a 1"),
        ({"rows": np.zeros((3, 4), "M8[ns]")}, r"`rows` .* is datetime64\[ns\]"),
        ({"rows": np.zeros((3, 4), "V4")}, "`rows` .* is void32"),
        ({"predictions": np.zeros(3, "m8[s]")}, r"`predictions` .* dtype timedelta64\[s\]"),
        ({"rows": ROWS[:0], "scale": SCALE}, r"`rows` .* has shape \[0, 4\], which contains no samples"),
    ],
)
def test_what_does_not_fit_is_refused(
    source: Source, tmp_path: Path, changed: dict[str, np.ndarray | None], reason: str
) -> None:
    arrays = {**{"rows": ROWS, "scale": SCALE}, **changed}
    with pytest.raises(ConversionError, match=reason):
        _convert(source, tmp_path, {name: array for name, array in arrays.items() if array is not None})
    assert not (tmp_path / "out").exists()


def test_all_reasons_are_given_at_once(source: Source, tmp_path: Path) -> None:
    with pytest.raises(ConversionError) as raised:
        _convert(source, tmp_path, {"rows": ROWS[:, :3] + 0.5, "scaling": SCALE})
    assert len(raised.value.reasons) == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "The file .*fv.npz does not exist; --path_to_fv expects an NPZ file of features"),
        (b"", "is not a readable NPZ file"),
        (b"text", "is not a readable NPZ file"),
        (b"PK\x03\x04cut", "is not a readable NPZ file"),
        (b"\x93NUMPY\x01\x00", "is not a readable NPZ file"),
        ("array", "is not a readable NPZ file"),
        ("objects", "is not a readable NPZ file"),
    ],
)
def test_what_is_no_npz_is_refused(source: Source, tmp_path: Path, content: bytes | str | None, reason: str) -> None:
    path = tmp_path / "fv.npz"
    if content == "objects":
        np.savez(path, rows=np.array([{}]), scale=SCALE)
    elif content == "array":
        with path.open("wb") as file:
            np.save(file, ROWS)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(ConversionError, match=reason):
        convert(source, Options(tmp_path / "out", "model", path_to_fv=path))


@pytest.mark.parametrize(("offset", "notes"), [(0.0, 0), (0.01, 1)])
def test_other_predictions_are_noted(source: Source, tmp_path: Path, offset: float, notes: int) -> None:
    expected = (ROWS.mean(1) * SCALE[:, 0] + offset).astype(np.float32)
    converted = _convert(source, tmp_path, {"rows": ROWS, "scale": SCALE, "predictions": expected})
    assert len([note for note in converted.notes if "`predictions`" in note]) == notes


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": np.asfortranarray(ROWS)},
        {"rows": ROWS.astype(">i4")},
        {"rows": ROWS[::-1][::-1]},
        {"rows": np.ascontiguousarray(ROWS[:, ::-1])[:, ::-1]},
        {"scale": SCALE.astype(">f4")},
        {"labels": np.array([True, False, True])},
        {"predictions": (ROWS.mean(1) * SCALE[:, 0]).astype(">f4")},
    ],
)
def test_the_order_of_bytes_and_elements_is_no_difference(
    source: Source, tmp_path: Path, changed: dict[str, np.ndarray]
) -> None:
    converted = _convert(source, tmp_path, {"rows": ROWS, "scale": SCALE, **changed})
    assert not [note for note in converted.notes if "labels" not in note]
    with np.load(converted.crate / "testdata" / "features.npz") as features:
        assert features["inputs_rows"].dtype.isnative
        np.testing.assert_array_equal(features["inputs_rows"], ROWS)
        np.testing.assert_array_equal(features["inputs_scale"], SCALE)


@pytest.mark.parametrize(
    ("scale", "predictions", "noted"),
    [
        (np.nan, np.nan, None),
        (np.inf, np.inf, None),
        (1.0, np.nan, "disagree about NaN or infinity at 1 positions"),
        (1.0, np.inf, "disagree about NaN or infinity at 1 positions"),
        (np.nan, 1.0, "disagree about NaN or infinity at 1 positions"),
    ],
)
def test_predictions_that_are_no_numbers(
    source: Source, tmp_path: Path, scale: float, predictions: float, noted: str | None
) -> None:
    rows, factors = np.ones((2, 4), np.int32), np.array([[1], [scale]], np.float32)
    given = {"rows": rows, "scale": factors, "predictions": np.array([1, predictions], np.float32)}
    notes = [note for note in _convert(source, tmp_path, given).notes if "`predictions`" in note]
    assert [noted in note for note in notes] == ([True] if noted else []) if noted else not notes


@pytest.mark.parametrize(
    ("dtype", "array", "expected"),
    [
        ("bfloat16", np.asarray([0.1, 3], "bfloat16"), [0.10009765625, 3]),
        ("bfloat16", np.asarray([0x3DCD, 0x4040], np.uint16), [0.10009765625, 3]),
        ("bfloat16", np.asarray([-2, 256]), [-2, 256]),
        ("float8_e4m3fn", np.asarray([0x7E, 0x38], np.uint8), [448, 1]),
        ("int4", np.asarray([-8, 7], np.int8), [-8, 7]),
        ("bfloat16", np.asarray([257, 0]), "save the array with astype('bfloat16').view('uint16')"),
        ("float8_e4m3fn", np.asarray([500, 0]), "save the array with astype('float8_e4m3fn').view('uint8')"),
        ("int4", np.asarray([8, 0], np.int8), "save the array with astype('int8')"),
        ("uint2", np.asarray([-1, 0]), "save the array with astype('uint8')"),
    ],
)
def test_dtypes_that_numpy_lacks(tmp_path: Path, dtype: str, array: np.ndarray, expected: list[float] | str) -> None:
    np.savez(tmp_path / "fv.npz", x=array)
    graph = LayerGraph([Value("x", dtype, (2,))], [])
    if isinstance(expected, str):
        with pytest.raises(ConversionError, match=re.escape(expected)):
            read_features(tmp_path / "fv.npz", graph)
    else:
        found = read_features(tmp_path / "fv.npz", graph).inputs["x"]
        assert (found.dtype.name, found.astype(float).tolist()) == (dtype, expected)
