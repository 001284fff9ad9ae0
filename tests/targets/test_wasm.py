"""The npm package: in Node, with and without SIMD, and in a page that Chromium shows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.targets.browser import Browser, served
from tests.targets.conftest import Product, npm_package, run

TOLERANCE = 1e-5
"""WebAssembly has no fused multiply-add, so the last digits differ from those of the crate on this processor."""
pytestmark = [
    pytest.mark.targets,
    pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node.js"),
]


@pytest.fixture(scope="module")
def packages(products: dict[str, Product]) -> dict[str, Path]:
    """The built packages by model."""
    return {name: npm_package(product) for name, product in products.items()}


ALL_AT_ONCE = """
import { readFileSync, writeFileSync } from "node:fs";
import { load } from "PACKAGE/index.js";

const given = JSON.parse(readFileSync("in.json"));
const arrays = { string: Array, float32: Float32Array, int32: Int32Array, int64: BigInt64Array };
const inputs = Object.fromEntries(Object.entries(given).map(([name, { dtype, data, shape }]) => {
  const convert = { int64: BigInt, string: String }[dtype] ?? Number;
  return [name, { data: arrays[dtype].from(data, (element) => convert(element)), shape }];
}));
for (const file of ["model.wasm", "model.simd.wasm"]) {
  const model = await load(new URL(`file://PACKAGE/${file}`));
  const outputs = model.predict(inputs);
  for (const tensor of Object.values(outputs)) tensor.data = Array.from(tensor.data);
  writeFileSync(`${file}.json`, JSON.stringify(outputs));
  model.free();
}
"""
STEPS = """
import { readFileSync, writeFileSync } from "node:fs";
import { load } from "PACKAGE/index.js";

const { x } = JSON.parse(readFileSync("in.json"));
const [steps, time, batch, width] = x.shape;
for (const file of ["model.wasm", "model.simd.wasm"]) {
  const sequence = (await load(new URL(`file://PACKAGE/${file}`))).sequence(batch);
  const length = time * batch * width;
  const step = (i) => sequence.step({ x: new Float32Array(x.data.slice(i * length, (i + 1) * length)) }).probability;
  const found = Array.from({ length: steps }, (_, i) => Array.from(step(i).data));
  sequence.reset();
  if (step(0).data[0] !== found[0][0]) throw new Error("the state is not reset");
  writeFileSync(`${file}.json`, JSON.stringify({ probability: { data: found.flat(), shape: [steps, batch, 1] } }));
}
"""


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("mlp", ALL_AT_ONCE),
        ("two_inputs", ALL_AT_ONCE),
        ("voice_activity", STEPS),
        ("words", ALL_AT_ONCE),
        ("loaded", ALL_AT_ONCE),
    ],
)
def test_it_computes_what_the_crate_computes(
    products: dict[str, Product], packages: dict[str, Path], tmp_path: Path, name: str, program: str
) -> None:
    given = {
        name: {
            "dtype": "string" if array.dtype.kind == "U" else array.dtype.name,
            "data": array.reshape(-1).tolist(),
            "shape": array.shape,
        }
        for name, array in products[name].samples.items()
    }
    (tmp_path / "in.json").write_text(json.dumps(given), encoding="utf-8")
    _node(tmp_path, packages[name], program)
    for file in ("model.wasm", "model.simd.wasm"):
        for output, tensor in json.loads((tmp_path / f"{file}.json").read_text("utf-8")).items():
            expected = products[name].predicted[output]
            found = np.reshape(tensor["data"], tensor["shape"])
            if expected.dtype.kind not in "fi":
                np.testing.assert_array_equal(found, expected)
                continue
            np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * max(1, np.abs(expected).max()))


ERRORS = """
import assert from "node:assert/strict";
import { hasSimd, inputs, load, ModelError, outputs } from "PACKAGE/index.js";

const model = await load();
const [{ name, shape: [batch, width] }] = inputs;
assert.equal(hasSimd(), true);
assert.equal(typeof batch, "string");
assert.equal(outputs.length, 1);
const zeros = new Float32Array(width);
for (const [arrays, message] of [
  [{}, /input "x" must be a Float32Array/],
  [{ x: new Float64Array(width) }, /must be a Float32Array/],
  [{ x: new Float32Array(width + 1) }, /has 6 elements, but the model expects \\[batch,5\\]/],
  [{ x: { data: zeros, shape: [5, 1] } }, /the shape \\[5,1\\]/],
  [{ x: { data: zeros, shape: [width] } }, /the model expects/],
  [{ x: { data: zeros, shape: [-1, -width] } }, /the model expects/],
  [{ x: zeros, y: 1 }, /there is no input "y"/],
]) {
  assert.throws(() => model.predict(arrays), (error) => error instanceof ModelError && message.test(error.message));
}
assert.deepEqual(Object.values(model.predict({ x: new Float32Array(0) }))[0].shape[0], 0);
const one = Object.values(model.predict({ x: zeros }))[0].data;
const many = Object.values(model.predict({ x: new Float32Array(width * 10_000) }))[0].data;
assert.deepEqual(Array.from(many.slice(-one.length)), Array.from(one));
assert.deepEqual(Array.from(Object.values(model.predict({ x: zeros }))[0].data), Array.from(one));
await assert.rejects(load(new Uint8Array([1, 2, 3])));
model.free();
"""


def test_errors(packages: dict[str, Path], tmp_path: Path) -> None:
    _node(tmp_path, packages["mlp"], ERRORS)


STRINGS = """
import assert from "node:assert/strict";
import { load, ModelError } from "PACKAGE/index.js";

const model = await load();
const many = new Array(1000).fill("word".repeat(100));
for (const words of [[], [""], ["é", "\\uFEFFa", "a\\0b", "\\u{1F980}"], many, ["é"]]) {
  const { shouted, found } = model.predict({ words });
  assert.deepEqual(shouted, { data: words.map((word) => `${word}!`), shape: [words.length] });
  assert.deepEqual(Array.from(found.data), words.map((word) => Number(word === "é")));
}
for (const [words, message] of [
  [[1, 2], /input "words" must hold strings/],
  ["a", /input "words" must be a Array/],
  [{ data: ["a"], shape: [2] }, /the shape \\[2\\]/],
]) {
  assert.throws(() => model.predict({ words }), (error) => error instanceof ModelError && message.test(error.message));
}
model.free();
"""
LOADED = """
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { load, packWeights } from "PACKAGE/index.js";

const x = new Float32Array(5).fill(0.5);
const npz = readFileSync("PACKAGE/../rust_generated_code/model/model_weights.npz");
const weights = await packWeights(npz);
assert.deepEqual(weights, new Uint8Array(readFileSync("PACKAGE/model.weights")));
const expected = (await load()).predict({ x });
for (const given of [weights, weights.buffer, new URL("file://PACKAGE/model.weights"), "./model.weights"]) {
  const model = await load(undefined, given);
  assert.deepEqual(model.predict({ x }), expected);
  model.free();
}
for (const [attempt, name, message] of [
  [() => load(undefined, weights.slice(0, 100)), "WeightsError", /truncated/],
  [() => load(undefined, npz), "WeightsError", /not a weight blob/],
  [() => packWeights(weights), "WeightsError", /NPZ archive/],
]) {
  await assert.rejects(attempt, { name, message });
}
"""


@pytest.mark.parametrize(("name", "program"), [("words", STRINGS), ("loaded", LOADED)])
def test_strings_and_loaded_weights(packages: dict[str, Path], tmp_path: Path, name: str, program: str) -> None:
    _node(tmp_path, packages[name], program)


TYPES = """
import { load, type Outputs } from "MLP/index.js";
import * as loaded from "LOADED/index.js";
import * as words from "WORDS/index.js";

const model = await load();
const found: Outputs = model.predict({ x: new Float32Array(4) });
const scores: Float32Array = Object.values(found)[0].data;
// @ts-expect-error a wrong type
model.predict({ x: [1, 2, 3, 4] });
const { shouted } = (await words.load()).predict({ words: { data: ["a", "b"], shape: [2] } });
const texts: string[] = shouted.data;
// @ts-expect-error a wrong type
(await words.load()).predict({ words: [1] });
const weights: Uint8Array = await loaded.packWeights(new ArrayBuffer(8), new URL("file:///model.wasm"));
await loaded.load(undefined, weights as Uint8Array<ArrayBuffer>);
// @ts-expect-error a wrong type
await loaded.load(undefined, 5);
console.log(scores, texts);
"""


def test_types(packages: dict[str, Path], tmp_path: Path) -> None:
    program = TYPES
    for name in ("mlp", "loaded", "words"):
        program = program.replace(f"{name.upper()}/", f"{packages[name]}/")
    (tmp_path / "program.mts").write_text(program, encoding="utf-8")
    run(["npm", "install", "--silent", "--no-save", "typescript@5.9"], tmp_path)
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom"]
    run(["npx", "tsc", *options, "program.mts"], tmp_path)


def _node(folder: Path, package: Path, program: str) -> str:
    path = folder / "program.mjs"
    path.write_text(program.replace("PACKAGE", str(package)), encoding="utf-8")
    return run(["node", path], folder)


@pytest.fixture
def page(packages: dict[str, Path]) -> Iterator[str]:
    """The address of the example page."""
    with served(packages["mlp"]) as address:
        yield f"{address}/example.html"


def test_page(products: dict[str, Product], browser: Browser, page: str, tmp_path: Path) -> None:
    """The page shows the outputs while the user types."""
    browser.go(page)
    browser.wait("return document.querySelectorAll('table tr').length > 0")
    before = _shown(browser)
    (x,), (expected,) = products["mlp"].samples.values(), products["mlp"].predicted.values()
    browser.run("document.getElementById('input-0').value = ''")
    browser.type("#input-0", " ".join(map(str, x[0])))
    browser.wait("return !document.querySelector('.error')")
    after = _shown(browser)
    assert before != after
    np.testing.assert_allclose(after, expected[0], atol=1e-4)
    browser.type("#input-0", " 1")
    browser.wait("return document.querySelector('.error')")
    assert "the model expects" in browser.run("return document.querySelector('.error').textContent")
    assert browser.messages() == []
    browser.picture(tmp_path / "page.png")


def _shown(browser: Browser) -> list[float]:
    script = "return [...document.querySelectorAll('table tr')].map((row) => Number(row.cells[1].textContent))"
    return list(browser.run(script))
