"""A bundle that cargo builds: the proof of every model, equal weights, and the same bits as the single crates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.crates import TF_LAYERS
from tests.models.heads import UNITS, classifier, regression
from tests.models.states import STATEFUL
from tests.targets.conftest import PRODUCTS, Product, cargo, run
from tf2rust.conversion import Options, convert
from tf2rust.converted.bundle import write_bundle
from tf2rust.source import open_onnx

pytestmark = pytest.mark.targets
_STATEFUL = STATEFUL["voice_activity"]
_BACKBONE = 4 * (64 * UNITS + UNITS * UNITS)
"""The bytes of the weights that both heads share; they are padded nowhere."""
_MODELS = {
    "classifier": (classifier, {}),
    "regression": (regression, {}),
    "voice": (_STATEFUL.build, _STATEFUL.states),
}
_PROGRAM = """
use tf2rust_bundle_test as bundle;

#[test]
fn every_model_is_listed_and_opens() {
    let names = bundle::MODELS.map(|model| model.name);
    assert_eq!(names, ["classifier", "regression", "voice"]);
    for model in bundle::MODELS {
        let session = model.open(&vec![1; model.state_dims.len()]).unwrap();
        assert_eq!((session.name(), session.inputs()), (model.name, model.inputs));
        assert_eq!((session.outputs(), session.states()), (model.outputs, model.states));
        assert_eq!(bundle::find(model.name).unwrap().name, model.name);
        assert_eq!(model.open(&[1; 9]).is_err(), !model.states.is_empty());
    }
    assert!(bundle::find("nothing").is_none());
}

#[test]
fn sessions_are_sent_to_threads() {
    let mut session = bundle::find("regression").unwrap().open(&[]).unwrap();
    let x = vec![0.5_f32; 64];
    let output = std::thread::spawn(move || {
        let view = bundle::regression::TensorView::new(&x, [1, 64]).unwrap();
        session.run(&[view.into()]).map(|()| session.output(0).unwrap().shape().to_vec())
    });
    assert_eq!(output.join().unwrap().unwrap(), [1, 3]);
}
"""


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Product]:
    """The models as single crates."""
    folder, made = tmp_path_factory.mktemp("bundled"), {}
    for name, (build, states) in _MODELS.items():
        onnx.save(build(), folder / f"{name}.onnx")
        convert(open_onnx(folder / f"{name}.onnx"), Options(folder / name, name, states=states, tf_layers=TF_LAYERS))
        made[name] = Product(name, folder / name, folder / f"{name}.onnx")
    return made


@pytest.fixture(scope="module")
def bundle(products: dict[str, Product], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crate of the bundle."""
    target = tmp_path_factory.mktemp("bundle") / "tf2rust bundle test"
    assert write_bundle([product.folder for product in products.values()], target, tf_layers=TF_LAYERS) == []
    return target / "rust_generated_code"


def _blob(crate: str) -> Path:
    """The packed weights of the crate that cargo built last."""
    found = (PRODUCTS / "release" / "build").glob(f"{crate}-*/out/weights.bin")
    return max(found, key=lambda path: path.stat().st_mtime)


def test_the_tests_of_all_models_pass(bundle: Path) -> None:
    (bundle / "tests").mkdir(exist_ok=True)
    (bundle / "tests" / "listed.rs").write_text(_PROGRAM)
    own = {"CARGO_TARGET_DIR": str(PRODUCTS), "RUSTFLAGS": "-D warnings"}
    found = run(["cargo", "test", "--release"], bundle, own)
    # The library, three models, this test, and the examples of the documentation.
    assert found.count("test result: ok.") == 6
    assert "0 passed" not in found.split("test result: ok.", 2)[2]
    for options in (["--all-targets", "--features", "profile"], ["--no-default-features"]):
        cargo(["clippy", "--release", *options, "--", "-D", "warnings"], bundle)


def test_equal_weights_are_stored_once(products: dict[str, Product], bundle: Path) -> None:
    cargo(["build", "--release"], bundle)
    for product in products.values():
        cargo(["build", "--release"], product.folder / "rust_generated_code")
    together = _blob("tf2rust-bundle-test").read_bytes()
    alone = [_blob(name).read_bytes() for name in products]
    # The tables of all models and their padding differ by less than 1 KiB.
    assert abs(len(together) - (sum(map(len, alone)) - _BACKBONE)) < 1024
    with np.load(products["regression"].folder / "rust_generated_code" / "model" / "model_weights.npz") as weights:
        panels = next(array for array in weights.values() if array.shape == (UNITS, UNITS))
    assert together.count(np.ascontiguousarray(panels[:, :16]).tobytes()) == 1


def test_outputs_are_those_of_the_single_crates(products: dict[str, Product], bundle: Path, tmp_path: Path) -> None:
    for name, product in products.items():
        np.savez(tmp_path / "in.npz", **product.samples)
        arguments = ["--example", name, "--", str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]
        cargo(["run", "--release", *arguments], bundle)
        with np.load(tmp_path / "out.npz") as found:
            assert dict(found).keys() == product.predicted.keys()
            for key, array in product.predicted.items():
                np.testing.assert_array_equal(found[key].view(np.uint8), array.view(np.uint8))
