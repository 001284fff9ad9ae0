"""Edge cases of graphs: each becomes a crate without warnings that passes its own tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.crates import Crates
from tests.models.graphs import graph, node, save
from tf2rust.source import open_onnx

F = TensorProto.FLOAT
ROWS = (F, ["n", 4])


def identity() -> onnx.ModelProto:
    return graph([node("Identity", ["x"], ["y"])], {"x": ROWS}, {"y": ROWS})


def one_value_as_three_outputs() -> onnx.ModelProto:
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("Identity", ["r"], ["y"]),
        node("Identity", ["r"], ["z"]),
        node("Reshape", ["r", "shape"], ["w"]),
    ]
    return graph(nodes, {"x": ROWS}, {"y": ROWS, "z": ROWS, "w": (F, ["n", 2, 2])}, {"shape": np.array([-1, 2, 2])})


def scalar_output() -> onnx.ModelProto:
    return graph([node("ReduceMean", ["x"], ["y"], keepdims=0)], {"x": ROWS}, {"y": (F, [])})


def scalar_input() -> onnx.ModelProto:
    return graph([node("Add", ["x", "x"], ["y"])], {"x": (F, [])}, {"y": (F, [])})


def scalar_among_rows() -> onnx.ModelProto:
    return graph([node("Mul", ["s", "x"], ["y"])], {"s": (F, []), "x": ROWS}, {"y": ROWS})


def input_is_output() -> onnx.ModelProto:
    return graph([node("Relu", ["x"], ["y"])], {"x": ROWS}, {"y": ROWS, "x": ROWS})


def no_free_dimension() -> onnx.ModelProto:
    return graph([node("Relu", ["x"], ["y"])], {"x": (F, [2, 4])}, {"y": (F, [2, 4])})


def outputs_behind_transposes() -> onnx.ModelProto:
    nodes = [node("Transpose", ["x"], [name], perm=[0, 2, 1]) for name in ("y", "z")]
    turned = (F, ["n", 5, 4])
    return graph(nodes, {"x": (F, ["n", 4, 5])}, {"y": turned, "z": turned})


def batch_summed_away() -> onnx.ModelProto:
    nodes = [node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)]
    return graph(nodes, {"x": ROWS}, {"y": (F, [4])}, {"axes": np.array([0])})


def unused_input() -> onnx.ModelProto:
    return graph([node("Relu", ["x"], ["y"])], {"x": ROWS, "u": (F, ["m", 4])}, {"y": ROWS})


def dimensions_named_as_locals() -> onnx.ModelProto:
    nodes = [node("MatMul", ["inputs", "w"], ["len"]), node("Softmax", ["len"], ["outputs"], axis=2)]
    shape = ["isa", "workspace"]
    return graph(
        nodes,
        {"inputs": (F, [*shape, 4])},
        {"outputs": (F, [*shape, 3]), "len": (F, [*shape, 3])},
        {"w": np.ones((4, 3), np.float32)},
    )


def no_inputs() -> onnx.ModelProto:
    weights = {"a": np.arange(12, dtype=np.float32).reshape(3, 4), "b": np.ones(4, np.float32)}
    return graph([node("Add", ["a", "b"], ["y"])], {}, {"y": (F, [3, 4]), "a": (F, [3, 4])}, weights)


CASES: list[Callable[[], onnx.ModelProto]] = [
    identity,
    one_value_as_three_outputs,
    scalar_output,
    scalar_input,
    scalar_among_rows,
    input_is_output,
    no_free_dimension,
    outputs_behind_transposes,
    batch_summed_away,
    unused_input,
    dimensions_named_as_locals,
    no_inputs,
]


GIVEN: dict[Callable[[], onnx.ModelProto], dict[str, np.ndarray]] = {
    scalar_input: {"x": np.array(2, np.float32)},
    scalar_among_rows: {"s": np.array(2, ">f4"), "x": np.asfortranarray(np.ones((3, 4), np.float32))},
}
"""User samples for some of the cases."""


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("edges"))
    for build in CASES:
        options = {}
        if build in GIVEN:
            options["path_to_fv"] = made.folder / f"{build.__name__}.npz"
            np.savez(options["path_to_fv"], **GIVEN[build])
        made.add(build.__name__, open_onnx(save(build(), made.folder / f"{build.__name__}.onnx")), **options)
    made.build()
    return made


@pytest.mark.parametrize("build", CASES, ids=lambda b: b.__name__)
def test_crate_passes_its_own_tests(crates: Crates, build: Callable[[], onnx.ModelProto]) -> None:
    assert "0 failed" in crates.test(build.__name__)
