"""The Python package, installed into an empty environment: equal to the crate, for NumPy and Arrow, from threads."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.targets.conftest import PRODUCTS, Product, run
from tests.targets.figures import kilobytes, record

pytestmark = pytest.mark.targets


@pytest.fixture(scope="module")
def python(products: dict[str, Product], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the packages, pyarrow and Polars."""
    folder = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", folder], folder)
    interpreter = folder / "bin" / "python"
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "pyarrow>=20", "polars>=1.30", "mypy>=1.15"], folder)
    packages = [product.folder / "python" for product in products.values()]
    run([*pip, *packages], folder, {"CARGO_TARGET_DIR": str(PRODUCTS)})
    return interpreter


def _execute(python: Path, folder: Path, program: str) -> str:
    path = folder / "program.py"
    path.write_text(program, encoding="utf-8")
    return run([python, path], folder)


ALL_AT_ONCE = """
import numpy as np, {module}
inputs, model = dict(np.load("in.npz", allow_pickle=True)), {module}.Model()
outputs = model.predict(**inputs)
if not isinstance(outputs, dict):
    outputs = {{model.outputs[0][0]: outputs}}
np.savez("found.npz", **outputs)
"""
STEPS = """
import numpy as np, voice_activity
inputs, model = dict(np.load("in.npz")), voice_activity.Model()
sequence = model.sequence(batch=inputs["x"].shape[2])
steps = [sequence.step(x) for x in inputs["x"]]
sequence.reset()
assert np.array_equal(sequence.step(inputs["x"][0]), steps[0])
np.savez("found.npz", probability=np.stack(steps))
"""


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("mlp", ALL_AT_ONCE.format(module="mlp")),
        ("two_inputs", ALL_AT_ONCE.format(module="two_inputs")),
        ("words", ALL_AT_ONCE.format(module="words")),
        ("voice_activity", STEPS),
    ],
)
def test_it_computes_what_the_crate_computes(
    products: dict[str, Product], python: Path, tmp_path: Path, name: str, program: str
) -> None:
    product = products[name]
    np.savez(tmp_path / "in.npz", **product.samples)
    _execute(python, tmp_path, program)
    with np.load(tmp_path / "found.npz", allow_pickle=True) as found:
        for output in found:
            np.testing.assert_array_equal(found[output], product.predicted[output])


ARROW = """
import numpy as np, pyarrow as pa, polars as pl, mlp
model = mlp.Model()
(name, _, (_, width)), (score, _, _) = model.inputs[0], model.outputs[0]
x = np.random.default_rng(0).standard_normal((1000, width)).astype("float32")
expected = model.predict(x)
columns = pa.table({f"f{i}": x[:, i] for i in range(width)})
lists = pa.table({"id": np.arange(1000), name: pa.FixedSizeListArray.from_arrays(x.ravel(), width)})
varying = lists.set_column(1, name, lists[name].cast(pa.list_(pa.float32())))
(batch,) = columns.to_batches()
some_null = pa.StructArray.from_arrays(batch.columns, batch.schema.names, mask=pa.array([True] * 1000))

def values(found):
    return np.array(pa.table(found)[score].to_pylist(), "float32").reshape(-1, *expected.shape[1:])

for data in (columns, lists, varying, lists.slice(100), batch, lists[name], pl.from_arrow(columns)):
    rows = len(data) if not isinstance(data, pa.RecordBatch) else data.num_rows
    np.testing.assert_array_equal(values(model.predict_arrow(data)), expected[-rows:])
reader = pa.RecordBatchReader.from_batches(lists.schema, lists.to_batches(max_chunksize=64))
np.testing.assert_array_equal(values(model.predict_arrow(reader)), expected)
frame = pl.DataFrame(model.predict_arrow(lists))
np.testing.assert_array_equal(frame[score].to_numpy().reshape(expected.shape), expected)
assert pa.table(model.predict_arrow(lists.slice(0, 0))).num_rows == 0

def refused(data):
    try:
        pa.table(model.predict_arrow(data))
    except (TypeError, ValueError) as error:
        return str(error)

for data, message in [
    (5, "has no Arrow PyCapsule interface"),
    (columns.drop_columns("f0"), "has shape"),
    (columns.append_column("s", pa.array(["a"] * 1000)), 'column "s" must have the type Float32, not Utf8'),
    (columns.set_column(0, "f0", columns["f0"].cast("float64")), 'column "f0" must have the type Float32, not Float64'),
    (some_null, "some rows are null"),
    (pa.chunked_array([some_null]), "some rows are null"),
    (pa.table({name: [1.0, None]}), "has nulls"),
    (pa.table({name: [[1.0], [1.0, 2.0]]}), "different lengths"),
]:
    assert message in refused(data), (message, refused(data))
scores = model.predict_arrow(lists)
pa.table(scores)
try:
    pa.table(scores)
except ValueError as error:
    assert "already read" in str(error)
"""
ERRORS = """
import numpy as np, two_inputs
model = two_inputs.Model()
inputs = {name: np.zeros([1 if isinstance(n, str) else n for n in shape], dtype) for name, dtype, shape in model.inputs}
first, dtype, _ = model.inputs[0]

def refused(*arrays, **named):
    try:
        model.predict(*arrays, **named)
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"

other = "int16" if dtype != "int16" else "int8"
for found, message in [
    (refused(), "TypeError: input"),
    (refused(*inputs.values(), 1), "TypeError: the model has 2 inputs; 3 were given"),
    (refused(*inputs.values(), **inputs), "given twice"),
    (refused(**inputs, more=1), "TypeError: there is no input"),
    (refused(**{**inputs, first: inputs[first].astype(other)}), f"must be {dtype}, not {other}"),
    (refused(**{**inputs, first: inputs[first][..., None]}), "ValueError: tensor"),
    (refused(**{**inputs, first: "text"}), "Error"),
]:
    assert message in (found or ""), (message, found)
empty = {name: array[:0] for name, array in inputs.items()}
model.predict(**empty)
"""
TEXT = """
import pyarrow as pa, words
model, given = words.Model(), ["a", "é", "", None]
for kind in (pa.string(), pa.large_string(), pa.string_view()):
    table = pa.table(model.predict_arrow(pa.table({"words": pa.array(given[:3], kind)})))
    assert table.to_pydict() == {"shouted": ["a!", "é!", "!"], "found": [False, True, False]}, table
for data, message in [
    (pa.table({"words": pa.array(given)}), "has nulls"),
    (pa.table({"words": [1, 2]}), "must have the type"),
    (pa.table({"a": ["x"], "b": ["y"]}), "several columns cannot form an input"),
]:
    try:
        pa.table(model.predict_arrow(data))
    except (TypeError, ValueError) as error:
        assert message in str(error), error
    else:
        raise AssertionError(message)
"""
THREADS = """
import pickle, threading, numpy as np, mlp
model = mlp.Model()
shape = [64, model.inputs[0][2][1]]
inputs = [np.full(shape, i, "float32") for i in range(8)]
expected = [model.predict(x) for x in inputs]
found = [None] * 8

def work(i):
    for _ in range(200):
        found[i] = model.predict(inputs[i])
        np.testing.assert_array_equal(found[i], expected[i])

threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert all(x is not None for x in found)
np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(inputs[1]), expected[1])
noncontiguous = np.asfortranarray(np.random.default_rng(0).standard_normal(shape).astype("float32"))
np.testing.assert_array_equal(model.predict(noncontiguous), model.predict(noncontiguous.copy("C")))
np.testing.assert_array_equal(model.predict(noncontiguous[::2]), model.predict(noncontiguous)[::2])
np.testing.assert_array_equal(model.predict(noncontiguous.tolist()), model.predict(noncontiguous))
"""
TYPES = """
import numpy as np
import mlp

model = mlp.Model()
scores = model.predict(np.zeros((1, 4), "float32"))
reveal_type(scores)
"""


@pytest.mark.parametrize("program", [ARROW, TEXT, ERRORS, THREADS], ids=["arrow", "text", "errors", "threads"])
def test_programs(python: Path, tmp_path: Path, program: str) -> None:
    _execute(python, tmp_path, program)


def test_stubs(python: Path, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(TYPES, encoding="utf-8")
    found = run([python, "-m", "mypy", "--strict", "program.py"], tmp_path)
    assert "ndarray" in found
    assert "numpy.dtype[numpy.float" in found


TIMES = """
import timeit, numpy as np, mlp
model = mlp.Model()
width = model.inputs[0][2][1]
one, many = np.zeros((1, width), "float32"), np.zeros((1_000_000, width), "float32")
for x, number in ((one, 100_000), (many, 1)):
    model.predict(x)
    print(min(timeit.repeat(lambda: model.predict(x), number=number, repeat=7)) / number)
"""


def test_times(products: dict[str, Product], python: Path, tmp_path: Path) -> None:
    """Only records them."""
    one, many = map(float, _execute(python, tmp_path, TIMES).split())
    (library,) = (python.parents[1] / "lib").glob("python*/site-packages/mlp/*.so")
    times = f"{one * 1e6:.2f} µs a call; {many * 1e9 / 1e6:.1f} ns a row in batches of 10⁶"
    record("Python package", products["mlp"].name, f"{kilobytes(library)} (shared library)", re.sub(" +", " ", times))
