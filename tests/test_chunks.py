"""Batches larger than a chunk: the result for a sample does not depend on the other samples in the batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.conftest import Save
from tests.crates import Crates
from tests.models.graphs import graph, mlp, node, save, two_inputs
from tests.models.weights import SYMBOLIC_SIZE
from tf2rust.codegen.crate import write_npz
from tf2rust.codegen.names import crate_name
from tf2rust.conversion import match_layers
from tf2rust.ops.core.dims import bind
from tf2rust.planning.chunks import chunking
from tf2rust.proof.samples.seeded import seeded_inputs
from tf2rust.proof.tolerance.tolerance import RELATIVE_TOLERANCE
from tf2rust.source import Source, open_onnx, open_tensorflow

F = TensorProto.FLOAT


def _weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)


def images() -> onnx.ModelProto:
    """Convolution, pooling, flattening and two products, with a second output from within."""
    nodes = [
        node("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["a"]),
        node("MaxPool", ["a"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["f"]),
        node("MatMul", ["f", "w"], ["h"]),
        node("Tanh", ["h"], ["hidden"]),
        node("MatMul", ["hidden", "v"], ["z"]),
        node("Softmax", ["z"], ["y"], axis=1),
    ]
    weights = {"k": _weights(16, 3, 3, 3), "w": _weights(40, 16 * 64).T, "v": _weights(5, 40).T}
    return graph(nodes, {"x": (F, ["n", 3, 16, 16])}, {"hidden": (F, ["n", 40]), "y": (F, ["n", 5])}, weights)


def large_layers() -> onnx.ModelProto:
    """Of a single image, the convolutions and products are split between threads."""
    nodes = [
        node("Conv", ["x", "direct"], ["c"], pads=[3, 3, 3, 3], strides=[2, 2]),
        node("Conv", ["c", "winograd"], ["d"], pads=[1, 1, 1, 1]),
        node("Conv", ["d", "depthwise"], ["e"], pads=[1, 1, 1, 1], group=64),
        node("Conv", ["e", "pointwise"], ["f"]),
        node("Add", ["f", "d"], ["g"]),
        node("Relu", ["g"], ["h"]),
        node("MaxPool", ["h"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["i"]),
        node("MatMul", ["i", "dense"], ["y"]),
    ]
    weights = {
        "direct": _weights(64, 3, 7, 7),
        "winograd": _weights(64, 64, 3, 3),
        "depthwise": _weights(64, 1, 3, 3),
        "pointwise": _weights(64, 64, 1, 1),
        "dense": _weights(70, 64 * 18 * 20).T,
    }
    return graph(nodes, {"x": (F, ["n", 3, 72, 80])}, {"y": (F, ["n", 70])}, weights)


def many_tensors() -> onnx.ModelProto:
    """More inputs and outputs than one tuple has room for."""
    names = [f"x{i}" for i in range(6)]
    nodes = [node("Mul", [name, names[i - 1]], [f"y{i}"]) for i, name in enumerate(names)]
    nodes.append(node("Concat", names, ["all"], axis=1))
    outputs = {**{f"y{i}": (F, ["n", 300]) for i in range(6)}, "all": (F, ["n", 1800])}
    return graph(nodes, {name: (F, ["n", 300]) for name in names}, outputs)


def less_the_mean() -> onnx.ModelProto:
    nodes = [node("ReduceMean", ["x", "axes"], ["mean"]), node("Sub", ["x", "mean"], ["y"])]
    return graph(nodes, {"x": (F, ["n", 4])}, {"y": (F, ["n", 4])}, {"axes": np.array([0])})


def shares_of_the_batch() -> onnx.ModelProto:
    return graph([node("Softmax", ["x"], ["y"], axis=0)], {"x": (F, ["n", 4])}, {"y": (F, ["n", 4])})


def batch_moved() -> onnx.ModelProto:
    nodes = [
        node("Reshape", ["x", "columns"], ["c"]),
        node("Softmax", ["c"], ["s"], axis=1),
        node("Reshape", ["s", "rows"], ["y"]),
    ]
    weights = {"columns": np.array([4, -1]), "rows": np.array([-1, 4])}
    return graph(nodes, {"x": (F, ["n", 4])}, {"y": (F, ["n", 4])}, weights)


def symbolic_rows() -> onnx.ModelProto:
    return graph([node("Tanh", ["x"], ["y"])], {"x": (F, ["n", "t"])}, {"y": (F, ["n", "t"])})


ONNX = {f.__name__: f for f in (mlp, two_inputs, images, large_layers, many_tensors, symbolic_rows)}
KERAS = ("text_cnn", "lstm_text")
CHUNKED = (*ONNX, *KERAS)
MIXING = {f.__name__: f for f in (less_the_mean, shares_of_the_batch, batch_moved)}


@pytest.fixture(scope="module")
def sources(save_keras: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    folder = tmp_path_factory.mktemp("sources")
    made = {name: open_onnx(save(build(), folder / f"{name}.onnx")) for name, build in {**ONNX, **MIXING}.items()}
    return {**made, **{name: open_tensorflow(path) for name, path in save_keras.items()}}


@pytest.fixture(scope="module")
def save_keras(save: Save) -> dict[str, Path]:
    return {name: save("keras3", name, ".keras")[1] for name in KERAS}


@pytest.fixture(scope="module")
def crates(sources: dict[str, Source], tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("chunks"))
    for name, source in sources.items():
        made.add(name, source)
    for name, text in (("two_inputs", TWO_INPUTS), ("symbolic_rows", SYMBOLIC_ROWS)):
        (made.converted[name].crate / "tests" / "chunks.rs").write_text(text, encoding="utf-8")
    made.build()
    return made


TWO_INPUTS = r"""
use two_inputs::{Error, Inputs, TensorView, TwoInputsModel};

#[test]
fn an_index_is_named_by_its_place_in_the_whole_batch() -> Result<(), Error> {
    let (batch, time) = (3001, 5);
    let mut characters = vec![0_i64; batch * time];
    characters[2900 * time + 3] = 11;
    let numbers = vec![0.0; batch * 3];
    let (shape, of_numbers) = ([batch, time], [batch, 3]);
    let inputs =
        Inputs { characters: TensorView::new(&characters, shape)?, numbers: TensorView::new(&numbers, of_numbers)? };
    let error = TwoInputsModel::new()?.predict(&inputs).unwrap_err();
    let (position, len) = (2900 * time + 3, batch * time);
    assert_eq!(error, Error::Index { tensor: "characters", position, len, value: 11, size: 11 });
    Ok(())
}
"""
SYMBOLIC_ROWS = r"""
use symbolic_rows::{Error, SymbolicRowsModel, Inputs, TensorView};

#[test]
fn batches_without_elements_are_no_work() -> Result<(), Error> {
    for shape in [[0, 0], [0, 7], [7, 0], [usize::MAX, 0]] {
        let outputs = SymbolicRowsModel::new()?.predict(&Inputs { x: TensorView::new(&[], shape)? })?;
        assert_eq!((outputs.y.shape(), outputs.y.data().len()), (&shape[..], 0));
    }
    Ok(())
}
"""


def _chunk_rows(source: Source) -> int:
    """The rows of a chunk: at most 768 KiB and 384 rows, a multiple of 48 or 6 if that many fit."""
    _, layers = match_layers(source)
    made = chunking(layers)
    assert made is not None
    row_bytes = bind(made.row_bytes, {s: SYMBOLIC_SIZE for v in layers.inputs for s in map(str, v.shape)})
    assert isinstance(row_bytes, int)
    fitting = (768 << 10) // row_bytes
    step = next(step for step in (48, 6, 1) if fitting >= step or step == 1)
    rows = min(max(fitting // step * step, 1), 384)
    return rows if rows >= made.min_rows else made.min_rows if made.min_rows < 6 else -(-made.min_rows // 6) * 6


def _feeds(source: Source, batch: int) -> dict[str, np.ndarray]:
    _, layers = match_layers(source)
    rng = np.random.default_rng(batch)
    arrays = {}
    for name, array in seeded_inputs(layers).items():
        rows = array[rng.integers(0, len(array), batch)]
        arrays[name] = rows if array.dtype.kind in "iu" else (rows * rng.normal(1, 0.3, rows.shape)).astype(array.dtype)
    return arrays


def _predict(crates: Crates, name: str, feeds: dict[str, np.ndarray], folder: Path, *options: str) -> dict:
    given, made = folder / "in.npz", folder / "out.npz"
    with given.open("wb") as file:
        write_npz(file, feeds)
    crates.cargo(
        *("run", "--release", "-p", crate_name(name), *options, "--example", "predict", "--", str(given), str(made))
    )
    with np.load(made) as outputs:
        return dict(outputs)


def _assert_close(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for name, array in expected.items():
        assert found[name].shape == np.shape(array)
        tolerance = RELATIVE_TOLERANCE * max(1.0, float(np.abs(array).max(initial=0)))
        assert float(np.abs(found[name] - array).max(initial=0)) <= tolerance


@pytest.mark.parametrize("name", CHUNKED)
def test_a_row_is_the_same_in_every_batch(
    crates: Crates, sources: dict[str, Source], tmp_path: Path, name: str
) -> None:
    source = sources[name]
    rows_per_chunk = _chunk_rows(source)
    assert "chunk_rows(" in (crates.converted[name].crate / "src" / "model.rs").read_text()
    for batch in (1, 2, rows_per_chunk - 1, rows_per_chunk, rows_per_chunk + 1, 3 * rows_per_chunk + 2):
        feeds = _feeds(source, batch)
        found = _predict(crates, name, feeds, tmp_path)
        _assert_close(found, {k: np.asarray(v) for k, v in source.run(feeds).items()})
        for row in {0, batch // 2, batch - 1}:
            alone = _predict(crates, name, {k: v[row : row + 1] for k, v in feeds.items()}, tmp_path)
            _assert_close({k: v[row : row + 1] for k, v in found.items()}, alone)


@pytest.mark.parametrize("name", ["mlp", "large_layers", "many_tensors", "text_cnn", "lstm_text"])
def test_threads_change_nothing(
    crates: Crates, sources: dict[str, Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("RAYON_NUM_THREADS", "3")
    rows_per_chunk = _chunk_rows(sources[name])
    for batch in (1, rows_per_chunk - 1, 9 * rows_per_chunk + 5):
        feeds = _feeds(sources[name], batch)
        found = _predict(crates, name, feeds, tmp_path, "--features", "rayon")
        _assert_close(found, {k: np.asarray(v) for k, v in sources[name].run(feeds).items()})


@pytest.mark.parametrize("features", [(), ("--features", "rayon")])
@pytest.mark.parametrize("name", ["two_inputs", "symbolic_rows"])
def test_errors_and_empty_batches(crates: Crates, name: str, features: tuple[str, ...]) -> None:
    assert " 1 passed" in crates.cargo("test", "--release", "-p", crate_name(name), *features, "--test", "chunks")


@pytest.mark.parametrize("name", MIXING)
def test_a_model_that_mixes_rows_takes_them_all_at_once(
    crates: Crates, sources: dict[str, Source], tmp_path: Path, name: str
) -> None:
    crate = crates.converted[name].crate
    assert "chunk" not in (crate / "src" / "model.rs").read_text()
    assert "dep:rayon" not in (crate / "Cargo.toml").read_text()
    feeds = _feeds(sources[name], 1000)
    for features in ((), ("--features", "rayon")):
        _assert_close(_predict(crates, name, feeds, tmp_path, *features), sources[name].run(feeds))
