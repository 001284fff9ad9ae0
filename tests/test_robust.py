"""No argument can cause a panic: other weights, damaged weights, any arrays."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.conftest import Save
from tests.crates import TARGET, Crates
from tests.models.weights import VOCABULARY, sample_inputs
from tf2rust.codegen.crate import write_npz
from tf2rust.onnx_import.tensorflow.runtime import quiet
from tf2rust.source import open_tensorflow

WEIGHTS = r"""
use tf_layers::io::Npz;
use weights::{Inputs, TensorView, WeightsModel};

const OWN: &[u8] = include_bytes!("../model/model_weights.npz");
const OTHER: &[u8] = include_bytes!("other_weights.npz");
const STRANGE: &[u8] = include_bytes!("strange_weights.npz");
const SAMPLES: &[u8] = include_bytes!("other_samples.npz");
/// Where the table of arrays ends and the first array begins, or soon after.
const TABLE: usize = 512;

/// The bytes at `offset` from a multiple of 64 in a buffer.
struct Placed(Vec<u8>, usize, usize);

impl Placed {
    fn new(bytes: &[u8], offset: usize) -> Self {
        let mut buffer = vec![0; bytes.len() + 128];
        let start = buffer.as_ptr().align_offset(64) + offset;
        buffer[start..start + bytes.len()].copy_from_slice(bytes);
        Self(buffer, start, bytes.len())
    }

    fn bytes(&self) -> &[u8] {
        &self.0[self.1..self.1 + self.2]
    }
}

/// The largest difference from what TensorFlow computes with the other weights; `None` if there is an error.
fn difference(weights: &[u8]) -> Option<f32> {
    let samples = Npz::parse(SAMPLES).unwrap();
    let array = |name| samples.get(name).unwrap().to_vec::<i32>().unwrap();
    let (left, right) = (array("left"), array("right"));
    let shape = [left.len() / 20, 20];
    let inputs =
        Inputs { left: TensorView::new(&left, shape).unwrap(), right: TensorView::new(&right, shape).unwrap() };
    let outputs = WeightsModel::from_weights(weights).ok()?.predict(&inputs).ok()?;
    let expected = samples.get("same").unwrap().to_vec::<f32>().unwrap();
    let differences = outputs.same.data().iter().zip(&expected).map(|(a, b)| (a - b).abs());
    Some(differences.fold(0.0, f32::max))
}

fn packed() -> Vec<u8> {
    WeightsModel::pack_weights(OTHER).unwrap()
}

#[test]
fn other_weights_give_other_outputs() {
    let own = WeightsModel::pack_weights(OWN).unwrap();
    assert!(difference(Placed::new(&packed(), 0).bytes()).unwrap() < 1e-5);
    assert!(difference(Placed::new(&own, 0).bytes()).unwrap() > 1e-3);
}

#[test]
fn an_npz_of_another_model_is_refused() {
    for npz in [STRANGE, SAMPLES, b"", b"PK", &OWN[..OWN.len() / 2]] {
        assert!(WeightsModel::pack_weights(npz).is_err());
    }
}

#[test]
fn another_architecture_is_refused() {
    let blob = packed();
    for at in 16..48 {
        let mut other = blob.clone();
        other[at] ^= 1;
        assert!(WeightsModel::from_weights(Placed::new(&other, 0).bytes()).is_err());
    }
}

#[test]
fn a_cut_blob_is_refused() {
    let blob = packed();
    for end in (0..TABLE).chain((TABLE..blob.len()).step_by(37)).chain([blob.len() - 1]) {
        assert!(WeightsModel::from_weights(Placed::new(&blob[..end], 0).bytes()).is_err(), "{end}");
    }
}

#[test]
fn a_misplaced_blob_is_refused_or_works() {
    let blob = packed();
    for offset in 0..64 {
        let found = difference(Placed::new(&blob, offset).bytes());
        assert_eq!(found.is_some(), offset % 4 == 0, "{offset}");
        assert!(found.is_none_or(|difference| difference < 1e-5));
    }
}

#[test]
fn no_flipped_bit_panics() {
    let mut placed = Placed::new(&packed(), 0);
    let (start, len) = (placed.1, placed.2);
    for bit in (0..TABLE * 8).chain((TABLE * 8..len * 8).step_by(101)) {
        placed.0[start + bit / 8] ^= 1 << (bit % 8);
        difference(placed.bytes());
        placed.0[start + bit / 8] ^= 1 << (bit % 8);
    }
}
"""


@pytest.fixture(scope="module")
def crates(save: Save, tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("robust"))
    model, path = save("keras3", "siamese", ".keras")
    tests = made.add("weights", open_tensorflow(path)).crate / "tests"
    own = model.get_weights()
    rng = np.random.default_rng(9)
    try:
        model.set_weights([w + rng.normal(0, 0.3, w.shape) for w in own])
        with quiet():
            model.save(made.folder / "other.keras")
            inputs = sample_inputs(model)
            outputs = {"same": model.predict(list(inputs.values()), verbose=0)}
    finally:
        model.set_weights(own)
    other = made.add("other", open_tensorflow(made.folder / "other.keras"))
    shutil.copy(other.crate / "model" / "model_weights.npz", tests / "other_weights.npz")
    with (tests / "other_samples.npz").open("wb") as file:
        write_npz(file, {**inputs, **outputs})
    strange = made.add("lstm", open_tensorflow(save("keras3", "lstm_text", ".keras")[1]))
    shutil.copy(strange.crate / "model" / "model_weights.npz", tests / "strange_weights.npz")
    (tests / "weights.rs").write_text(WEIGHTS)
    made.add("cnn", open_tensorflow(save("keras3", "text_cnn", ".keras")[1]))
    made.build()
    return made


def test_weights_are_exchanged_or_refused(crates: Crates) -> None:
    assert "6 passed" in crates.cargo("test", "--release", "-p", "weights", "--test", "weights")


SHAPES = {"cnn": {"characters": (64,), "words": (16,), "extra": (8,)}, "lstm": {"text": (None,)}}
"""The inputs of the models that get arbitrary arrays, with their dimensions after the batch."""
DTYPES = ("int32", "int32", "int64", "float32", "float64", "uint8", "int8", "uint64", "bool", "float16")


@pytest.fixture(scope="module")
def programs(crates: Crates, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The ``predict`` example of each model."""
    found = {}
    for name in SHAPES:
        crates.cargo("build", "--release", "-p", name, "--example", "predict")
        found[name] = tmp_path_factory.mktemp("programs") / name
        shutil.copy(TARGET / "release" / "examples" / "predict", found[name])
    return found


@st.composite
def feeds(draw: st.DrawFn, name: str) -> dict[str, np.ndarray]:
    """An array for each input, mostly of the right shape; indices inside, at the edge of and far outside the tables."""
    batch = draw(st.integers(0, 5))
    found = {}
    for key, dims in SHAPES[name].items():
        right = (batch, *(draw(st.integers(0, 40)) if dim is None else dim for dim in dims))
        shape = draw(
            st.one_of(st.just(right), st.just(right), arrays.array_shapes(min_dims=0, min_side=0, max_side=70))
        )
        dtype = draw(st.sampled_from(DTYPES))
        indices = st.one_of(st.integers(0, VOCABULARY - 1), st.sampled_from([-1, VOCABULARY, 2**31 - 1, -(2**31)]))
        wanted = dtype == "int32" and draw(st.booleans())
        elements = indices if wanted else arrays.from_dtype(np.dtype(dtype))
        found[key] = draw(arrays.arrays(dtype, shape, elements=elements, fill=st.just(3 if wanted else 0)))
    return found


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=120, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_array_panics(programs: dict[str, Path], tmp_path: Path, name: str, data: st.DataObject) -> None:
    with (tmp_path / "in.npz").open("wb") as file:
        write_npz(file, data.draw(feeds(name)))
    done = subprocess.run(
        [programs[name], tmp_path / "in.npz", tmp_path / "out.npz"], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    assert "panicked" not in done.stderr
