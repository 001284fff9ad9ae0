"""Constant folding: folded values equal ONNX Runtime's; what exceeds the budget is left to layers or refused."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.models.graphs import graph, node
from tf2rust.onnx_import.expand import match_expanding
from tf2rust.onnx_import.fold import Budget, ConstantFolder
from tf2rust.onnx_import.infer import Analysis, analyse, reanalyse
from tf2rust.onnx_import.load import run_onnx

F = TensorProto.FLOAT
RNG = np.random.default_rng(7)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@dataclass(frozen=True)
class Case:
    """A node of constants in an operator set in which it has another meaning, or is not implemented."""

    op: str
    opset: int
    inputs: tuple[np.ndarray, ...]
    attributes: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.op}-{self.opset}"


INT8 = np.array([[1, -2], [3, 4], [-5, 6]], np.int8)
OLD = [
    *(Case("DequantizeLinear", opset, (INT8, np.float32(0.5), np.int8(3))) for opset in (10, 13, 18, 19, 21)),
    Case("DequantizeLinear", 13, (INT8, np.array([0.5, 0.25], np.float32)), {"axis": 1}),
    *(Case("QuantizeLinear", opset, (floats(3, 2), np.float32(0.1), np.int8(3))) for opset in (10, 13, 19)),
    *(Case("Softmax", opset, (floats(2, 3, 4),), {"axis": 1}) for opset in (11, 13)),
    Case("LogSoftmax", 11, (floats(2, 3, 4),), {"axis": 1}),
    Case("Hardmax", 11, (floats(2, 3, 4),), {"axis": 1}),
    *(Case("Scatter", opset, (floats(3, 3), np.array([[2, 0, 1]]), floats(1, 3)), {"axis": 0}) for opset in (9, 10)),
    Case("ScatterElements", 11, (floats(3, 3), np.array([[2, 0, 1]]), floats(1, 3)), {"axis": 0}),
    Case("GlobalLpPool", 13, (floats(1, 2, 3, 3),), {"p": 2}),
    Case("MaxRoiPool", 13, (floats(1, 2, 6, 6), np.array([[0, 0, 0, 4, 4]], np.float32)), {"pooled_shape": [2, 2]}),
    Case("Clip", 6, (floats(3, 2),), {"min": -0.5, "max": 0.5}),
    Case("Slice", 9, (floats(4, 5),), {"starts": [1], "ends": [3], "axes": [1]}),
    Case("Pad", 10, (floats(2, 2),), {"pads": [1, 0, 0, 1], "mode": "constant", "value": 2.0}),
    Case("Squeeze", 11, (floats(2, 1, 2),), {"axes": [1]}),
    Case("Unsqueeze", 11, (floats(2, 2),), {"axes": [1]}),
    Case("ReduceSum", 11, (floats(2, 3),), {"axes": [1], "keepdims": 0}),
    *(Case("ReduceMax", opset, (floats(2, 3),), {"axes": [1], "keepdims": 0}) for opset in (11, 13)),
    Case("Upsample", 9, (floats(1, 1, 2, 2), np.array([1, 1, 2, 2], np.float32)), {"mode": "nearest"}),
    Case("Resize", 10, (floats(1, 1, 2, 2), np.array([1, 1, 2, 2], np.float32)), {"mode": "nearest"}),
    Case("AveragePool", 11, (floats(1, 1, 5, 5),), {"kernel_shape": [2, 2], "ceil_mode": 1, "strides": [2, 2]}),
    Case("BatchNormalization", 9, (floats(2, 3), *(np.abs(floats(3)) for _ in range(4)))),
    Case("Gemm", 9, (floats(2, 3), floats(3, 4), floats(4))),
    Case("LpNormalization", 13, (floats(2, 3),), {"p": 1}),
    Case("LRN", 13, (floats(1, 4, 2, 2),), {"size": 3}),
    Case(
        "RoiAlign",
        10,
        (floats(1, 1, 5, 5), np.array([[0, 0, 3, 3]], np.float32), ints(0)),
        {"output_height": 2, "output_width": 2},
    ),
    Case("LSTM", 14, (floats(3, 1, 2), floats(1, 8, 2), floats(1, 8, 2)), {"hidden_size": 2}),
]


def folded(analysis: Analysis) -> dict[str, np.ndarray]:
    constants = {v.name or "": analysis.infos.const(v) for n in analysis.folded for v in n.outputs}
    return {name: array for name, array in constants.items() if array is not None}


@pytest.mark.parametrize("case", OLD, ids=str)
def test_a_node_is_folded_as_its_operator_set_has_it(case: Case) -> None:
    inputs = {f"c{i}": np.asarray(array) for i, array in enumerate(case.inputs)}
    nodes = [node(case.op, list(inputs), ["made"], **case.attributes), node("Cast", ["made"], ["y"], to=F)]
    outputs = [helper.make_tensor_value_info("y", F, None)]
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in inputs.items()]
    made = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", F, ["n"])], outputs, weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", case.opset)], ir_version=8)
    expected = run_onnx(model, {"x": np.zeros(1, np.float32)})["y"]
    found = folded(analyse(model))["y"]
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def summed(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    """A model that adds the sum of ``c``, which depends on no input, to its input."""
    ends = [node("ReduceSum", ["c"], ["r"], keepdims=0), node("Add", ["x", "r"], ["y"])]
    return graph([*nodes, *ends], {"x": (F, ["n", 4])}, {"y": (F, ["n", 4])}, weights)


def doubled(times: int) -> list[onnx.NodeProto]:
    names = ["v", *(f"d{i}" for i in range(times - 1)), "c"]
    return [node("Concat", [a, a], [b], axis=0) for a, b in pairwise(names)]


def filled(*sizes: tuple[str, str]) -> list[onnx.NodeProto]:
    return [node("ConstantOfShape", [size], [made]) for size, made in sizes]


def looped() -> onnx.GraphProto:
    nodes = [node("Add", ["s", "one"], ["next"]), node("Identity", ["go"], ["still"])]
    info = helper.make_tensor_value_info
    given = [info("i", TensorProto.INT64, []), info("go", TensorProto.BOOL, []), info("s", F, [2])]
    made = [info("still", TensorProto.BOOL, []), info("next", F, [2])]
    return helper.make_graph(nodes, "body", given, made, [onnx.numpy_helper.from_array(np.float32(1), "one")])


ONES, TRUE = np.ones((1, 1), np.float32), np.array(True)
REFUSED = {
    "ConstantOfShape": (filled(("s", "c")), {"s": ints(10**12)}, "takes 3,814,697 MiB"),
    "ConstantOfShape of more than 2^64": (
        filled(("s", "c")),
        {"s": ints(2**40, 2**40)},
        "more than the 512 MiB allowed",
    ),
    "ConstantOfShape of less than 0": (filled(("s", "c")), {"s": ints(-5)}, "the shape [-5], which no tensor can"),
    "Expand": ([node("Expand", ["v", "s"], ["c"])], {"v": ONES, "s": ints(10**6, 10**6)}, "takes 3,814,697 MiB"),
    "Tile": ([node("Tile", ["v", "s"], ["c"])], {"v": ONES, "s": ints(10**6, 10**6)}, "takes 3,814,697 MiB"),
    "Pad": ([node("Pad", ["v", "s"], ["c"])], {"v": ONES[0], "s": ints(10**9, 10**9)}, "takes 7,629 MiB"),
    "Concat": (doubled(60), {"v": ONES[0]}, "takes 1,024 MiB"),
    "OneHot": (
        [node("OneHot", ["i", "s", "v"], ["c"])],
        {"i": np.arange(1000), "s": ints(10**9), "v": np.float32([0, 1])},
        "takes 3,814,697 MiB",
    ),
    "Range": (
        [node("Range", ["a", "b", "v"], ["c"])],
        {"a": np.float32(0), "b": np.float32(1e12), "v": np.float32(1)},
        "takes 3,814,697 MiB",
    ),
    "Resize": (
        [node("Resize", ["v", "", "s"], ["c"], mode="nearest")],
        {"v": floats(1, 1, 2, 2), "s": np.float32([1, 1, 1e6, 1e6])},
        "takes 15,258,789 MiB",
    ),
    "MatMul": (
        [*filled(("s", "a")), node("MatMul", ["a", "a"], ["c"])],
        {"s": ints(8000, 8000)},
        "takes 1.3e+11 operations",
    ),
    "Einsum": (
        [*filled(("s", "a")), node("Einsum", ["a", "a"], ["c"], equation="ij,jk->ik")],
        {"s": ints(8000, 8000)},
        "takes 5.2e+11 operations",
    ),
    "Det": ([*filled(("s", "a")), node("Det", ["a"], ["c"])], {"s": ints(9000, 9000)}, "takes 7.3e+11 operations"),
    "EyeLike": ([*filled(("s", "a")), node("EyeLike", ["a"], ["c"])], {"s": ints(9000, 9000)}, "9000 × 9000"),
    "outer sum": (
        [*filled(("s", "a"), ("t", "b")), node("Add", ["a", "b"], ["c"])],
        {"s": ints(1, 20000), "t": ints(20000, 1)},
        "takes 1,526 MiB",
    ),
    "Loop of 10^18 steps": (
        [node("Loop", ["m", "go", "v"], ["c"], body=looped())],
        {"m": np.array(10**18), "go": TRUE, "v": np.zeros(2, np.float32)},
        "a loop over constants that does not end",
    ),
    "Loop without an end": (
        [node("Loop", ["", "go", "v"], ["c"], body=looped())],
        {"go": TRUE, "v": np.zeros(2, np.float32)},
        "a loop over constants that does not end",
    ),
    "strings": ([node("Abs", ["s"], ["c"])], {"s": np.array(["a"], object)}, "contains strings"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_model_may_take_is_refused_before_it_is_computed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes, weights, sentence = REFUSED[name]
    # The budget of a loop, so that it runs out at once.
    monkeypatch.setattr("tf2rust.onnx_import.fold._STEP", 1 << 30)
    matched = match_expanding(analyse(summed(nodes, weights)))
    reasons = [u.sentence() for u in matched.unmatched if u.blocked_by is None]
    assert any(sentence in reason for reason in reasons), reasons
    assert any(f"node `{nodes[-1].name}`" in reason or name == "Concat" for reason in reasons), reasons


def _with_budget(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], budget: Budget) -> Analysis:
    return reanalyse(replace(analyse(summed(nodes, weights)), folder=ConstantFolder(budget)))


KIB = 1 << 10
PLENTY = 1 << 40


def test_all_results_together_keep_to_the_budget() -> None:
    """The beginning of a chain of doublings is folded; the rest is left to layers."""
    budget = Budget(PLENTY, 4 * KIB, PLENTY)
    analysis = _with_budget(doubled(12), {"v": ONES[0]}, budget)
    sizes = sorted(array.nbytes for array in folded(analysis).values())
    assert sizes == [8 << i for i in range(9)]
    assert budget.total == 4 * KIB - sum(sizes)
    matched = match_expanding(analysis)
    assert matched.unmatched == []
    assert [layer.kind for layer in matched.graph.layers].count("Concatenate") == 3


def test_work_keeps_to_the_budget() -> None:
    budget = Budget(PLENTY, PLENTY, 4 * KIB)
    analysis = _with_budget(doubled(12), {"v": ONES[0]}, budget)
    assert 0 < len(folded(analysis)) < 8
    assert 0 <= budget.operations < 4 * KIB


def test_a_result_above_the_budget_is_refused_unless_its_shape_alone_is_asked_for() -> None:
    nodes = filled(("s", "c"))
    assert [u.op for u in match_expanding(analyse(summed(nodes, {"s": ints(10**10)}))).unmatched] == ["ConstantOfShape"]
    nodes = [*filled(("s", "a")), node("Shape", ["a"], ["b"]), node("Cast", ["b"], ["c"], to=F)]
    assert match_expanding(analyse(summed(nodes, {"s": ints(10**10)}))).unmatched == []


def test_a_loop_of_constants_is_folded_step_by_step() -> None:
    nodes = [node("Loop", ["m", "go", "v"], ["c"], body=looped())]
    weights = {"m": np.array(5), "go": TRUE, "v": np.zeros(2, np.float32)}
    assert folded(analyse(summed(nodes, weights)))["c"].tolist() == [5, 5]


@pytest.mark.parametrize("op", ["RandomNormalLike", "RandomUniformLike", "Bernoulli"])
def test_random_numbers_are_not_folded(op: str) -> None:
    assert "c" not in folded(analyse(summed([node(op, ["v"], ["c"])], {"v": ONES})))
