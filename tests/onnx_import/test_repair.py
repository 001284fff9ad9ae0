"""Files that deviate from the ONNX format: each is repaired, and its crate computes what ONNX Runtime computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.conformance.judge import PASS, Result, judge
from tests.conformance.suite import Case, DataSet
from tests.models.graphs import save
from tf2rust.conversion import match_layers
from tf2rust.onnx_import.load import load_onnx, run_onnx
from tf2rust.onnx_import.weights import whole_model
from tf2rust.source import open_onnx

F, BOOL = TensorProto.FLOAT, TensorProto.BOOL
X_DATA = np.array([[1, -2, 3, -4], [-5, 6, -7, 8]], np.float32)
DOUBLED = numpy_helper.from_array(np.full(4, 2, np.float32), "s")
TRIPLED = numpy_helper.from_array(np.full(4, 3, np.float32), "s")


def info(name: str, shape: Sequence[int | str] = ("n", 4), dtype: int = F) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs, outputs, **attributes)


X, Y = info("x"), info("y")
RELU, NEG = node("Relu", ["x"], ["y"]), node("Neg", ["r"], ["y"])
FIRST = node("Relu", ["x"], ["r"])


def model(
    nodes: Sequence[onnx.NodeProto] = (RELU,),
    inputs: Sequence[onnx.ValueInfoProto] = (X,),
    outputs: Sequence[onnx.ValueInfoProto] = (Y,),
    weights: Sequence[onnx.TensorProto] = (),
    *,
    opsets: Mapping[str, int] | None = None,
    ir_version: int = 8,
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(weights))
    imports = [helper.make_opsetid(*item) for item in (opsets or {"": 17}).items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir_version)


def _output(elem_type: int | None, shape: Sequence[int | str] | None) -> onnx.ValueInfoProto:
    """A declaration of ``y`` that lacks a dtype, a shape, or both."""
    declared = onnx.ValueInfoProto(name="y")
    if elem_type is not None:
        declared.type.tensor_type.elem_type = elem_type
    if shape is not None:
        declared.type.tensor_type.shape.CopyFrom(info("y", shape).type.tensor_type.shape)
    return declared


def _long_domain(imports: Sequence[tuple[str, int]]) -> onnx.ModelProto:
    """Every node is of the domain ``ai.onnx``, including those of the branches."""
    found = _branches([])
    nodes = list(found.graph.node)
    for branch in (a.g for a in nodes[1].attribute):
        nodes += branch.node
    for item in nodes:
        item.domain = "ai.onnx"
    del found.opset_import[:]
    found.opset_import.extend(helper.make_opsetid(*item) for item in imports)
    return found


def _branches(captured: Sequence[onnx.ValueInfoProto]) -> onnx.ModelProto:
    """An If whose branches list the values ``captured`` as their inputs, though an If passes nothing to them."""
    then, other = (
        helper.make_graph([node(op, ["r", "s"], [op])], op, list(captured), [info(op)]) for op in ("Mul", "Add")
    )
    nodes = [FIRST, node("If", ["c"], ["y"], then_branch=then, else_branch=other)]
    return model(nodes, [X, info("c", (), BOOL)], weights=[DOUBLED])


def _named(*names: str) -> onnx.ModelProto:
    found = model([FIRST, NEG])
    for item, name in zip(found.graph.node, names, strict=True):
        item.name = name
    return found


def _changed(change: Callable[[onnx.ModelProto], object], found: onnx.ModelProto | None = None) -> onnx.ModelProto:
    found = found or model()
    change(found)
    return found


def _sizes_of_zero() -> onnx.ModelProto:
    kernel = numpy_helper.from_array(np.ones((2, 3, 1, 1), np.float32), "w")
    nodes = [node("Conv", ["x", "w"], ["c"]), node("GlobalAveragePool", ["c"], ["y"])]
    return model(nodes, [info("x", (0, 3, 0, 0))], [info("y", (0, 2, 1, 1))], [kernel])


SCALED = node("Scaler", ["x"], ["y"], domain="ai.onnx.ml", scale=[2.0] * 4, offset=[0.0] * 4)
UNKNOWN = node("Foo", ["x"], ["dead"], domain="com.example", name="unknown")
PRODUCT = node("Mul", ["x", "s"], ["y"])


@dataclass(frozen=True)
class Odd:
    """A file, the note on its repair, its inputs, and whether ONNX Runtime runs it only after the repair."""

    model: onnx.ModelProto
    note: str | None = None
    inputs: tuple[str, ...] = ("x",)
    refused: bool = False


CASES = {
    "negative_sizes": Odd(model(inputs=[info("x", (-1, 4))], outputs=[info("y", (-1, 4))])),
    "batch_of_zero": Odd(
        model(inputs=[info("x", (0, 4))], outputs=[info("y", (0, 4))]), "declares sizes of 0", refused=True
    ),
    "output_size_zero": Odd(model(outputs=[info("y", (0, 4))])),
    "output_without_type": Odd(model(outputs=[_output(None, None)])),
    "output_without_shape": Odd(model(outputs=[_output(F, None)])),
    "output_without_dtype": Odd(model(outputs=[_output(None, ("n", 4))]), refused=True),
    "output_of_other_rank": Odd(model(outputs=[info("y", ())])),
    "unsorted": Odd(model([NEG, FIRST]), "were not in topological order"),
    "long_domain_import": Odd(model(opsets={"ai.onnx": 17})),
    "long_domain_node": Odd(model([node("Relu", ["x"], ["y"], domain="ai.onnx")])),
    "long_domain_in_branches": Odd(_long_domain([("", 17)]), inputs=("x", "c"), refused=True),
    "long_domain_everywhere": Odd(_long_domain([("ai.onnx", 17)]), inputs=("x", "c"), refused=True),
    "both_domains": Odd(_long_domain([("", 13), ("ai.onnx", 17)]), inputs=("x", "c"), refused=True),
    "captured_as_branch_inputs": Odd(_branches([info("r"), info("s", (4,))]), inputs=("x", "c"), refused=True),
    "unknown_dead_node": Odd(model([RELU, UNKNOWN]), "`unknown` (Foo) was dropped", refused=True),
    "dead_weights": Odd(model([RELU, node("Mul", ["x", "s"], ["dead"])], weights=[DOUBLED])),
    "weight_that_is_no_input": Odd(model([PRODUCT], weights=[DOUBLED], ir_version=3)),
    "format_version_0": Odd(model(ir_version=0)),
    "format_version_2": Odd(model([PRODUCT], weights=[DOUBLED], ir_version=2)),
    "domain_without_import": Odd(model([SCALED])),
    "node_names_twice": Odd(_named("a", "a"), refused=True),
    "node_names_as_values": Odd(_named("r", "x")),
    "output_twice": Odd(model(outputs=[Y, Y]), "lists its output `y` more than once"),
    "weight_twice": Odd(model([PRODUCT], weights=[DOUBLED, TRIPLED]), "several weights named `s`; the last is used"),
    "graph_without_name": Odd(_changed(lambda m: m.graph.ClearField("name"))),
    "hint_of_old_operators": Odd(
        model([node("Relu", ["x"], ["y"], consumed_inputs=[0])], opsets={"": 1}), refused=True
    ),
    "split_with_unnamed_output": Odd(
        model([node("Split", ["x"], ["", "y"], axis=1, num_outputs=2)], outputs=[info("y", ("n", 2))], opsets={"": 18}),
        refused=True,
    ),
}
FEEDS = {"x": X_DATA, "c": np.array(True)}


def _runs(proto: onnx.ModelProto, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs of ONNX Runtime for the file as it is."""
    onnxruntime.set_default_logger_severity(4)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(feeds)))


def _case(name: str, folder: Path) -> Case:
    odd = CASES[name]
    loaded = load_onnx(save(odd.model, folder / f"{name}.onnx"))
    repaired = whole_model(loaded.proto, loaded.weights)
    feeds = {key: FEEDS[key] for key in odd.inputs}
    if name == "hint_of_old_operators":
        expected = {"y": np.maximum(X_DATA, 0)}  # ONNX Runtime has no Relu of operator set 1
    elif odd.refused:
        expected = run_onnx(repaired, feeds)
    else:
        expected = {"y": _runs(odd.model, feeds)[0]}
    return Case("odd", name, repaired, (DataSet(feeds, expected),), 1e-6, 1e-6)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    folder = tmp_path_factory.mktemp("odd")
    return judge([_case(name, folder) for name in CASES], folder)


@pytest.mark.parametrize("name", CASES)
def test_the_crate_of_an_odd_file_computes_what_onnx_runtime_computes(results: dict[str, Result], name: str) -> None:
    assert results[f"odd/{name}"] == Result(PASS)


@pytest.mark.parametrize("name", CASES)
def test_a_user_is_told_of_repairs_that_matter(tmp_path: Path, name: str) -> None:
    notes = load_onnx(save(CASES[name].model, tmp_path / "m.onnx")).notes
    expected = CASES[name].note
    assert len(notes) == (expected is not None)
    assert expected is None or expected in notes[0]


def test_sizes_of_zero_are_free_if_the_batch_is(tmp_path: Path) -> None:
    _, graph = match_layers(open_onnx(save(_sizes_of_zero(), tmp_path / "m.onnx")))
    assert str(graph.inputs[0]) == "float32 [n, 3, x_2, x_3]"


@pytest.mark.parametrize(
    ("shape", "output"), [((2, 0, 4), (2, 1, 4)), ((0, 3, 4), (3, 4, 0))], ids=["inner", "reshaped"]
)
def test_other_sizes_of_zero_are_kept(tmp_path: Path, shape: Sequence[int], output: Sequence[int]) -> None:
    """An empty tensor is meant where the outputs have a batch of another size."""
    size = numpy_helper.from_array(np.array(output), "size")
    reshape = node("Reshape", ["x", "size"], ["y"], allowzero=1)
    reduce = node("ReduceSum", ["x", "axis"], ["y"])
    axis = numpy_helper.from_array(np.array([1]), "axis")
    nodes, weight = ([reduce], axis) if output[0] == shape[0] else ([reshape], size)
    loaded = load_onnx(save(model(nodes, [info("x", shape)], [info("y", output)], [weight]), tmp_path / "m.onnx"))
    assert [d.dim_value for d in loaded.proto.graph.input[0].type.tensor_type.shape.dim] == list(shape)
    assert not loaded.notes
