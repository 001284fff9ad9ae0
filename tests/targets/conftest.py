"""Converted models with all packages, and what their crates compute."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
import pytest

from demo.models import dgaintel
from tests.crates import ROOT, TARGET, TF_LAYERS
from tests.models import graphs
from tests.models.states import STATEFUL
from tests.targets.browser import DRIVER, Browser, chromium
from tf2rust.codegen import render
from tf2rust.codegen.interface import Interface, Tensor, read_interface
from tf2rust.conversion import Options, convert
from tf2rust.source import open_onnx, open_tensorflow

PRODUCTS = TARGET / "products"
"""The build folder, so that packages share their dependencies."""


@dataclass(frozen=True)
class Product:
    """A converted model and its packages."""

    name: str
    folder: Path
    onnx: Path

    @cached_property
    def interface(self) -> Interface:
        return read_interface(self.folder / "rust_generated_code")

    @cached_property
    def samples(self) -> dict[str, np.ndarray]:
        """The samples of the crate's tests by input; axis 0 is the sample or the step."""
        return {tensor.name: self._features(tensor) for tensor in self.interface.inputs}

    def _features(self, tensor: Tensor) -> np.ndarray:
        with np.load(self.folder / "rust_generated_code" / "testdata" / "features.npz") as features:
            return features[tensor.key].reshape(-1, *tensor.sample)

    @cached_property
    def predicted(self) -> dict[str, np.ndarray]:
        """What the crate computes for the samples."""
        return self.predict(self.samples)

    def predict(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the crate computes."""
        given, made = self.folder / "in.npz", self.folder / "out.npz"
        np.savez(given, allow_pickle=False, **arrays)
        run = ["run", "--release", "--quiet", "--example", "predict", "--", str(given), str(made)]
        cargo(run, self.folder / "rust_generated_code")
        with np.load(made) as found:
            return dict(found)


def cargo(arguments: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Runs cargo with the shared build folder, and returns its output; warnings are errors."""
    own = {"CARGO_TARGET_DIR": str(PRODUCTS), "RUSTFLAGS": "-D warnings", **(environment or {})}
    return run(["cargo", *arguments], folder, own)


def run(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Runs a program and returns its output; fails with both outputs if it fails."""
    given = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


_MODELS: dict[str, tuple[Callable[[], onnx.ModelProto], dict[str, str]]] = {
    "mlp": (graphs.mlp, {}),
    "two_inputs": (graphs.two_inputs, {}),
    "voice_activity": (STATEFUL["voice_activity"].build, STATEFUL["voice_activity"].states),
    "words": (graphs.words, {}),
    "loaded": (graphs.mlp, {}),
}


@pytest.fixture(scope="session")
def products(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Product]:
    """Small models with all packages. The crate of the model ``loaded`` does not embed its weights."""
    folder = tmp_path_factory.mktemp("products")
    made = {}
    for name, (build, states) in _MODELS.items():
        path = folder / f"{name}.onnx"
        onnx.save(build(), path)
        options = Options(folder / name, name, states=states, targets=["python", "c", "wasm"], tf_layers=TF_LAYERS)
        with pytest.MonkeyPatch.context() as patch:
            if name == "loaded":
                patch.setattr(render, "_MOST_EMBEDDED", 0)
            convert(open_onnx(path), options)
        made[name] = Product(name, folder / name, path)
    return made


@pytest.fixture(scope="session")
def domains() -> Product:
    """dgaintel, a classifier of domains, with the npm package, in the folder that the page's README names."""
    folder = ROOT / "examples" / "domain_page" / "model"
    made = convert(open_tensorflow(dgaintel()), Options(folder, "dgaintel", targets=["wasm"], tf_layers=TF_LAYERS))
    return Product("dgaintel", folder, made.model_info / "model.onnx")


def npm_package(product: Product) -> Path:
    """Builds the npm package of a model; returns its folder."""
    folder = product.folder / "wasm"
    run(["npm", "run", "--silent", "build"], folder, {"CARGO_TARGET_DIR": str(PRODUCTS / "wasm")})
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if DRIVER is None:
        pytest.skip("needs Chromium: apt-get install chromium chromium-driver")
    with chromium(DRIVER, tmp_path_factory.mktemp("profile")) as found:
        yield found
