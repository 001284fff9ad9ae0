"""Sequences and optional values become tensors, if the number of their elements is known at conversion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.models.graphs import node, save
from tf2rust.conversion import Options, convert, match_layers
from tf2rust.errors import ConversionError
from tf2rust.source import Source, open_onnx

FLOAT = TensorProto.FLOAT
Build = Callable[[], onnx.ModelProto]


def _sequence(name: str, *dims: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_sequence_value_info(name, FLOAT, dims)


def _model(
    nodes: list[onnx.NodeProto],
    constants: dict[str, Any] | None = None,
    shape: tuple[int | str, ...] = ("n", 6),
    inputs: tuple[onnx.ValueInfoProto, ...] = (),
    outputs: tuple[onnx.ValueInfoProto, ...] = (),
) -> onnx.ModelProto:
    """A model from ``x`` and other inputs to ``y``, or to other outputs."""
    arrays = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    given = [helper.make_tensor_value_info("x", FLOAT, shape), *inputs]
    body = helper.make_graph(nodes, "sequences", given, outputs or [onnx.ValueInfoProto(name="y")], arrays)
    return onnx.shape_inference.infer_shapes(
        helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    )


def _split(*then: onnx.NodeProto, split: Any = (2, 4), **attributes: Any) -> onnx.ModelProto:
    first = node("SplitToSequence", ["x", "split"], ["parts"], axis=1, **attributes)
    return _model([first, *then], {"split": np.asarray(split), "zero": 0, "last": -1, "two": 2})


def _loop() -> onnx.ModelProto:
    """Appends x + i to a sequence in three steps, and concatenates them."""
    body = helper.make_graph(
        [
            node("Identity", ["on"], ["still"]),
            node("Cast", ["i"], ["number"], to=FLOAT),
            node("Add", ["x", "number"], ["sum"]),
            node("SequenceInsert", ["sofar", "sum"], ["more"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            _sequence("sofar", "n", 6),
        ],
        [helper.make_tensor_value_info("still", TensorProto.BOOL, []), _sequence("more", "n", 6)],
    )
    nodes = [
        node("SequenceEmpty", [], ["none"]),
        node("Loop", ["steps", "true", "none"], ["all"], body=body),
        node("ConcatFromSequence", ["all"], ["y"], axis=0),
    ]
    y = helper.make_tensor_value_info("y", FLOAT, ["m", 6])
    return _model(nodes, {"steps": 3, "true": True}, outputs=(y,))


CASES: dict[str, tuple[Build, list[str]]] = {
    "concatenated_again": (
        lambda: _split(node("ConcatFromSequence", ["parts"], ["y"], axis=1)),
        ["Slice", "Slice", "Concatenate"],
    ),
    "stacked": (
        lambda: _split(node("ConcatFromSequence", ["parts"], ["y"], axis=0, new_axis=1), split=3),
        ["Slice", "Slice", "Reshape", "Reshape", "Concatenate"],
    ),
    "one_element": (lambda: _split(node("SequenceAt", ["parts", "last"], ["y"])), ["Slice", "Reshape"]),
    "erased": (
        lambda: _split(node("SequenceErase", ["parts", "zero"], ["rest"]), node("SequenceAt", ["rest", "zero"], ["y"])),
        ["Slice", "Reshape"],
    ),
    "loop": (_loop, ["Add", "Add", "Add", "Concatenate"]),
    "optional": (
        lambda: _model([node("Optional", ["x"], ["o"]), node("OptionalGetElement", ["o"], ["y"])]),
        ["Reshape"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_layers_are_those_of_tensors(tmp_path: Path, name: str) -> None:
    build, kinds = CASES[name]
    found, layers = match_layers(_open(build(), tmp_path))
    assert not found.unmatched
    assert [layer.kind for layer in layers.layers if layer.kind != "Constant"] == kinds


def _open(model: onnx.ModelProto, tmp_path: Path) -> Source:
    return open_onnx(save(model, tmp_path / "model.onnx"))


def test_sequences_of_inputs_and_outputs_become_tensors(tmp_path: Path) -> None:
    body = helper.make_graph(
        [node("Add", ["a", "b"], ["sum"])],
        "body",
        [helper.make_tensor_value_info(name, FLOAT, ["n", 6]) for name in ("a", "b")],
        [helper.make_tensor_value_info("sum", FLOAT, ["n", 6])],
    )
    nodes = [node("SequenceMap", ["xs", "x"], ["sums"], body=body)]
    model = _model(nodes, inputs=(_sequence("xs", "n", 6),), outputs=(_sequence("sums", "n", 6),))
    done = convert(_open(model, tmp_path), Options(tmp_path / "out", "sums", dims={"xs": 2}))
    assert set(done.proof.inputs) == {"x", "xs_0", "xs_1"}
    for i in range(2):
        inputs = done.proof.inputs
        np.testing.assert_allclose(done.proof.outputs[f"sums_{i}"], inputs[f"xs_{i}"] + inputs["x"], rtol=1e-6)
    assert "output `sums` is a sequence; the crate returns its elements `sums_0`, `sums_1`." in done.notes


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (
            _model([node("SequenceLength", ["xs"], ["y"])], inputs=(_sequence("xs", 2),)),
            "is not known at conversion; if it is an input, set it with --dim xs=COUNT",
        ),
        (_split(node("SequenceAt", ["parts", "two"], ["y"])), "its position is 2, but the sequence has 2 elements"),
        (
            _model([node("SplitToSequence", ["x"], ["parts"]), node("SequenceLength", ["parts"], ["y"])]),
            "the number of parts is not known at conversion: its axis of size n is not constant",
        ),
    ],
)
def test_unknown_lengths_and_positions_are_reasons(tmp_path: Path, model: onnx.ModelProto, reason: str) -> None:
    found, _ = match_layers(_open(model, tmp_path))
    assert any(reason in item.reason for item in found.unmatched)


def test_an_output_of_unknown_length_is_refused(tmp_path: Path) -> None:
    model = _model([node("SplitToSequence", ["x"], ["parts"])], outputs=(_sequence("parts", 1, 6),))
    with pytest.raises(ConversionError, match="`parts` is a sequence whose number of elements is not known"):
        match_layers(_open(model, tmp_path))
