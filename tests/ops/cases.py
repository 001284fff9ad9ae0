"""Tables of small Keras models, merged into one crate per table and checked one by one.

A case is a few layers on inputs of its own. All cases of a table become one model with at least one output per case,
which is saved, converted and compiled. The outputs of the crate's ``predict`` example are compared with Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.crates import Crates
from tests.models.weights import randomise
from tf2rust.conversion import match_layers
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.ops.core.layer import LayerGraph, Value
from tf2rust.proof.tolerance.tolerance import RELATIVE_TOLERANCE
from tf2rust.source import Source, open_tensorflow

keras = library("keras")
tf_keras = library("tf_keras")

BATCH = 3
SYMBOLIC_SIZE = 6
"""The size given to symbolic dimensions other than the batch."""


@dataclass(frozen=True)
class In:
    """An input: its shape without the batch, its dtype, and its data (seeded normal numbers by default).

    The batch is symbolic with ``BATCH`` samples, or fixed to ``batch``.
    """

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    feed: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray] | None = None
    batch: int | None = None

    def array(self, rng: np.random.Generator) -> np.ndarray:
        shape = (self.batch or BATCH, *(SYMBOLIC_SIZE if d is None else d for d in self.shape))
        if self.feed is not None:
            return np.asarray(self.feed(rng, shape)).astype(str if self.dtype == "string" else self.dtype)
        if self.dtype == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        if np.dtype(self.dtype).kind in "iu":
            return rng.integers(0, 5, shape).astype(self.dtype)
        return rng.normal(0, 2, shape).astype(self.dtype)


@dataclass(frozen=True)
class Case:
    """The layers on the inputs, and the expected kinds of layers, in order.

    Reshape and Constant are left out.
    """

    build: Callable[..., Any]
    inputs: tuple[In, ...]
    becomes: Sequence[str] | None
    exact: Callable[..., np.ndarray] | None = None
    """The expected output in float64, if Keras itself deviates from it by more than the tolerance."""


def case(
    build: Callable[..., Any], *inputs: In | tuple[int | None, ...], becomes: str | None = None, **more: Any
) -> Case:
    """A case; an input can be given as its shape, and the kinds as words in a string."""
    specs = tuple(i if isinstance(i, In) else In(i) for i in inputs)
    return Case(build, specs, None if becomes is None else becomes.split(), **more)


@dataclass(frozen=True)
class Table:
    """A table of cases; ``library`` builds them, ``suffix`` is the format they are saved in (none: a SavedModel)."""

    name: str
    cases: Mapping[str, Case]
    library: Any = keras
    suffix: str = ".keras"


@dataclass(frozen=True)
class Outcome:
    """The result of a case: layers by kind, and every output of the crate and of Keras."""

    kinds: list[str]
    found: list[np.ndarray]
    expected: list[np.ndarray]


@dataclass
class Merged:
    """A table as one model."""

    table: Table
    source: Source
    feeds: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]
    """What Keras computes, by ONNX output."""
    outputs: dict[str, list[str]]
    """The ONNX outputs of each case."""


def merge(table: Table, folder: Path) -> Merged:
    """Builds the table's model, saves it and opens the file."""
    rng = np.random.default_rng(3)
    kit = table.library
    inputs, outputs, feeds, counts = [], [], {}, {}
    kit.backend.clear_session()
    kit.utils.set_random_seed(5)
    with quiet():
        for name, item in table.cases.items():
            own = []
            for i, spec in enumerate(item.inputs):
                own.append(kit.Input(spec.shape, spec.batch, dtype=spec.dtype, name=f"{name}_in{i}"))
                feeds[f"{name}_in{i}"] = spec.array(rng)
            made = item.build(*own)
            made = list(made) if isinstance(made, (tuple, list)) else [made]
            inputs += own
            outputs += made
            counts[name] = len(made)
        model = randomise(kit.Model(inputs, outputs))
        path = folder / f"{table.name}_model{table.suffix}"
        if table.suffix:
            model.save(path)
        else:
            model.export(path, verbose=False)
    source = open_tensorflow(path)
    with quiet():
        results = model([feeds[t.name.partition(":")[0]] for t in model.inputs], training=False)
    names = [o.name for o in source.proto.graph.output]
    if not table.suffix:  # where outputs are in the order of their names
        names.sort(key=lambda name: int(name.rpartition("_")[2]))
    expected = dict(zip(names, _flat(results), strict=True))
    free = iter(names)
    owned = {name: [next(free) for _ in range(n)] for name, n in counts.items()}
    for name, item in table.cases.items():
        if item.exact is not None:
            own = [feeds[f"{name}_in{i}"].astype(np.float64) for i in range(len(item.inputs))]
            expected[owned[name][0]] = item.exact(*own).astype(np.float32)
    return Merged(table, source, feeds, expected, owned)


def kinds(graph: LayerGraph, outputs: Sequence[str]) -> list[str]:
    """The kinds of the layers on which these outputs depend, in the order in which they run."""
    makers = {value: layer for layer in graph.layers for value in layer.outputs}
    waiting: list[Value] = [value for name, value in graph.outputs if name in outputs]
    needed = set()
    while waiting:
        layer = makers.get(waiting.pop())
        if layer is not None and layer not in needed:
            needed.add(layer)
            waiting += layer.inputs
    return [layer.kind for layer in graph.layers if layer in needed and layer.kind not in ("Reshape", "Constant")]


def run_tables(tables: Sequence[Table], folder: Path) -> dict[tuple[str, str], Outcome]:
    """Converts, compiles and runs all tables; returns the results by table and case."""
    crates = Crates(folder)
    merged = [merge(table, folder) for table in tables]
    for item in merged:
        # All examples are built into one folder, where their names must differ.
        examples = crates.add(item.table.name, item.source).crate / "examples"
        (examples / "predict.rs").rename(examples / f"{_example(item.table)}.rs")
    crates.build("build", "--examples")
    return {key: outcome for item in merged for key, outcome in _judge(item, crates).items()}


def _judge(item: Merged, crates: Crates) -> dict[tuple[str, str], Outcome]:
    _, graph = match_layers(item.source)
    given, made = crates.folder / f"{item.table.name}_in.npz", crates.folder / f"{item.table.name}_out.npz"
    np.savez(given, **item.feeds)
    crates.cargo("run", "--release", "--example", _example(item.table), "--", str(given), str(made))
    with np.load(made) as found:
        return {
            (item.table.name, name): Outcome(
                kinds(graph, names), [found[n] for n in names], [item.expected[n] for n in names]
            )
            for name, names in item.outputs.items()
        }


def _example(table: Table) -> str:
    return f"predict_{table.name}"


def _flat(results: Any) -> list[np.ndarray]:
    return [np.asarray(r) for r in (results if isinstance(results, (list, tuple)) else [results])]


def check(outcome: Outcome, item: Case) -> None:
    """Checks shapes, dtypes, numbers and layers."""
    for found, expected in zip(outcome.found, outcome.expected, strict=True):
        assert found.shape == expected.shape
        if expected.dtype.kind == "O":
            assert found.tolist() == np.char.decode(expected.astype(bytes)).tolist()
            continue
        assert found.dtype == expected.dtype
        wide = expected.astype(np.float64)
        finite = np.isfinite(wide)
        tolerance = (
            RELATIVE_TOLERANCE * max(1.0, np.abs(wide[finite]).max(initial=0.0)) if expected.dtype.kind == "f" else 0.0
        )
        assert np.array_equal(found[~finite], expected[~finite], equal_nan=expected.dtype.kind == "f")
        assert np.abs(found[finite].astype(np.float64) - wide[finite]).max(initial=0.0) <= tolerance
    if item.becomes is not None:
        assert outcome.kinds == list(item.becomes)


def parametrised(tables: Sequence[Table]) -> list[Any]:
    """All cases of some tables as pytest parameters: the table's name, the case's name, and the case."""
    return [pytest.param(t.name, name, item, id=name) for t in tables for name, item in t.cases.items()]
