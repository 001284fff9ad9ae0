"""Symbolic dimensions with different names stay different, and each can be bound by its name."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from tf2rust.errors import ConversionError, UsageError
from tf2rust.onnx_import.expand import match_expanding
from tf2rust.onnx_import.infer import analyse

F = TensorProto.FLOAT
Dim = int | str | None


def model(*shapes: list[Dim], names: tuple[str, ...] = ("x", "y", "z")) -> onnx.ModelProto:
    """A model in which each input becomes an output."""
    inputs = [helper.make_tensor_value_info(name, F, shape) for name, shape in zip(names, shapes, strict=False)]
    nodes = [helper.make_node("Relu", [v.name], [f"{v.name}_out"]) for v in inputs]
    outputs = [helper.make_tensor_value_info(f"{v.name}_out", F, None) for v in inputs]
    return helper.make_model(helper.make_graph(nodes, "g", inputs, outputs), ir_version=8)


NAMES: list[tuple[list[list[Dim]], list[list[str]]]] = [
    ([["N", "T"], ["N", "t"]], [["n", "t_2"], ["n", "t"]]),
    ([["N", "t"], ["N", "T"]], [["n", "t"], ["n", "t_2"]]),
    ([["b", "s0 + 1"], ["b", "s0 - 1"], ["b", "s0*1"]], [["b", "s0_1"], ["b", "s0_1_2"], ["b", "s0_1_3"]]),
    ([["b", "seq-len"], ["b", "seq_len"]], [["b", "seq_len_2"], ["b", "seq_len"]]),
    ([["b", "a b"], ["b", "a_b"], ["b", "a_b_2"]], [["b", "a_b_3"], ["b", "a_b"], ["b", "a_b_2"]]),
    ([["b", "日"], ["b", "本"], ["b", "*"]], [["b", "d"], ["b", "d_2"], ["b", "d_3"]]),
    ([["b", "1"], ["b", "d1"]], [["b", "d1_2"], ["b", "d1"]]),
    # The same name is the same dimension, wherever it stands.
    ([["b", "T"], ["T", "b"]], [["b", "t"], ["t", "b"]]),
    # Nameless leading dimensions are the batch; other nameless ones are on their own.
    ([[None, None], ["?", "unk__3"], ["", "None"]], [["n", "x_1"], ["n", "y_1"], ["n", "z_1"]]),
    ([[None, "x_1"], [None, None]], [["n", "x_1"], ["n", "y_1"]]),
    ([[None, None], [None, "x_1"]], [["n", "x_1_2"], ["n", "x_1"]]),
    # A dimension that is called as the batch is here may be the batch only where it leads.
    ([[None, 4], ["n", 4]], [["n", "4"], ["n", "4"]]),
    ([["N", 4], ["n", 4]], [["n", "4"], ["n_2", "4"]]),
    ([[None, "n"], [None, "N"]], [["n", "n_2"], ["n", "n_3"]]),
    ([["b", "n"], ["b", 3]], [["b", "n"], ["b", "3"]]),
    # Sizes below 0 are free.
    ([[-1, -3], [-1, 0]], [["n", "x_1"], ["n", "0"]]),
]


@pytest.mark.parametrize(("given", "expected"), NAMES, ids=lambda value: str(value)[:40])
def test_names_that_differ_stay_apart(given: list[list[Dim]], expected: list[list[str]]) -> None:
    graph = model(*given)
    analysis = analyse(graph)
    assert [[str(d) for d in analysis.infos.shape(v)] for v in analysis.graph.inputs] == expected
    assert match_expanding(analysis).unmatched == []


def test_inputs_of_names_that_meet_have_dimensions_of_their_own() -> None:
    analysis = analyse(model(["b", None], ["b", None], names=("X", "x")))
    assert analysis.symbolic == ["b", "x_1", "x_1_2"]


@pytest.mark.parametrize(("name", "left"), [("T", ["n", "t"]), ("t", ["n", "t_2"]), ("t_2", ["n", "t"])])
def test_a_dimension_is_bound_by_the_models_name_or_by_ours(name: str, left: list[str]) -> None:
    analysis = analyse(model(["n", "T"], ["n", "t"]), {name: 5})
    assert sorted(analysis.symbolic) == left


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        (
            {"u": 5},
            "--dim u: the model has no such symbolic dimension; its symbolic dimensions are: `n`, `t_2` .`T`",
        ),
        ({"T": 5, "t_2": 6}, "--dim t_2: this dimension is bound twice"),
        ({"u" * 9999: 5}, "u…: the model has no such symbolic dimension"),
    ],
)
def test_a_name_that_is_none_is_refused(sizes: dict[str, int], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        analyse(model(["n", "T"], ["n", "t"]), sizes)


def test_a_name_that_was_changed_is_noted() -> None:
    notes = match_expanding(analyse(model(["n", "T"], ["n", "t"]))).notes
    (note,) = notes
    assert note.startswith("the model's dimension `T` is called `t_2` here, because the identifier `t` belongs to")
    assert match_expanding(analyse(model(["n", "T"], ["n", "T"]))).notes == []


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [([1] * 65, r"declared with 65 dimensions \(at most 64 are supported\)"), (None, "declared with no shape")],
)
def test_an_input_of_no_rank_that_an_array_can_have_is_refused(shape: list[Dim] | None, sentence: str) -> None:
    with pytest.raises(ConversionError, match=sentence):
        analyse(model(shape))  # type: ignore[arg-type]
