"""The npm package beside onnxruntime-web: sizes, and times in Node.js; and the time of the crate on this processor."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.targets.conftest import Product, cargo, npm_package, run
from tests.targets.figures import record

pytestmark = [
    pytest.mark.targets,
    pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node.js"),
]

VERSION = "1.30.0"
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""The files of onnxruntime-web that a page loads to run a model on the processor."""
OWN = ("index.js", "model.simd.wasm")
LIMIT = 250_000
"""The largest size of the package in bytes: compressed, without the weights."""
TOLERANCE = 1e-5

PROGRAM = """
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";
import { load } from "PACKAGE/index.js";

const { name, dtype, shape, data } = JSON.parse(readFileSync("in.json"));
const array = { float32: Float32Array, int32: Int32Array }[dtype].from(data);
const model = await load();
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create("ONNX", { executionProviders: ["wasm"] });
const own = () => Object.values(model.predict({ [name]: { data: array, shape } }))[0].data;
const other = async () => Object.values(await session.run({ [name]: new ort.Tensor(dtype, array, shape) }))[0].data;

// In turns, so that other programs slow down both alike, and so short that many rounds run undisturbed.
const times = { own: [], other: [] };
for (let round = -1; round < 300; round++) {
  for (const [kind, call] of Object.entries({ own, other })) {
    const start = performance.now();
    let calls = 0;
    for (; performance.now() - start < 3; calls++) await call();
    if (round >= 0) times[kind].push(((performance.now() - start) * 1000) / calls);
  }
}
console.log(JSON.stringify({
  own: { microseconds: Math.min(...times.own), scores: Array.from(own()) },
  other: { microseconds: Math.min(...times.other), scores: Array.from(await other()) },
}));
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with onnxruntime-web."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text("{}", encoding="utf-8")
    run(["npm", "install", "--silent", "--ignore-scripts", f"onnxruntime-web@{VERSION}"], folder)
    return folder


@pytest.mark.parametrize("name", ["mlp", "dgaintel"])
def test_sizes_and_times(products: dict[str, Product], domains: Product, node: Path, name: str) -> None:
    product = {**products, "dgaintel": domains}[name]
    package = npm_package(product)
    found = _measured(product, package, node)
    np.testing.assert_allclose(found["own"]["scores"], found["other"]["scores"], rtol=0, atol=TOLERANCE)

    size = _compressed(*(package / file for file in OWN))
    weights = next((product.folder / "rust_generated_code" / "model").glob("*.npz")).read_bytes()
    assert size - len(gzip.compress(weights)) <= LIMIT
    other = _compressed(*(node / "node_modules" / "onnxruntime-web" / "dist" / file for file in RUNTIME), product.onnx)
    times = f"{_shown(found['own']['microseconds'])} a call in Node.js; {_native(product)} in Rust"
    record("npm package", name, f"{size / 1000:.0f} kB (gzip)", times)
    times = f"{_shown(found['other']['microseconds'])} a call in Node.js"
    record(f"onnxruntime-web {VERSION}", name, f"{other / 1000:,.0f} kB (gzip, with the model)", times)


def _measured(product: Product, package: Path, node: Path) -> dict[str, dict]:
    (tensor,) = product.interface.inputs
    sample = product.samples[tensor.name][:1]
    given = {"name": tensor.name, "dtype": tensor.dtype, "shape": sample.shape, "data": sample.ravel().tolist()}
    (node / "in.json").write_text(json.dumps(given), encoding="utf-8")
    program = PROGRAM.replace("PACKAGE", str(package)).replace("ONNX", str(product.onnx), 1)
    (node / "program.mjs").write_text(program, encoding="utf-8")
    measured: dict[str, dict] = json.loads(run(["node", "program.mjs"], node))
    return measured


def _compressed(*files: Path) -> int:
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


def _shown(microseconds: float) -> str:
    return f"{microseconds:.3g} µs" if microseconds < 1000 else f"{microseconds:,.0f} µs"


def _native(product: Product) -> str:
    """The median time of a call of the crate with one sample."""
    printed = cargo(["bench", "--quiet", "--", "batch 1"], product.folder / "rust_generated_code")
    time = re.search(r"/batch 1 +([\d.]+ \S+)", printed)
    assert time is not None, printed
    return time[1]
