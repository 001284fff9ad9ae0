"""Hand-made graphs with bodies, for tables that are judged against ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.conformance.suite import Case, DataSet
from tests.models.graphs import node
from tests.ops.nodes import floats
from tf2rust.onnx_import.load import run_onnx

F, I, B = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL  # noqa: E741
Shape = Sequence[int | str]


def body(
    inputs: Mapping[str, int], nodes: Sequence[onnx.NodeProto], outputs: Sequence[str], **constants: np.ndarray
) -> onnx.GraphProto:
    """A body whose inputs have these dtypes. Only the shapes of the step number and the condition are declared."""
    return helper.make_graph(
        list(nodes),
        "body",
        [helper.make_tensor_value_info(n, dtype, None if dtype == F else []) for n, dtype in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )


STEP = {"i": I, "c": B}
SAME = node("Identity", ["c"], ["d"])


@dataclass(frozen=True)
class Graph:
    """A model and several sets of inputs; axes named in ``symbolic`` by input are free."""

    nodes: Sequence[onnx.NodeProto]
    outputs: Sequence[str]
    feeds: Sequence[Mapping[str, np.ndarray]]
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    symbolic: Mapping[str, Sequence[str | int]] = field(default_factory=dict)
    opset: int = 18

    def model(self) -> onnx.ModelProto:
        infos = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), self.symbolic.get(name, array.shape)
            )
            for name, array in self.feeds[0].items()
        ]
        graph = helper.make_graph(
            list(self.nodes),
            "graph",
            infos,
            [onnx.ValueInfoProto(name=name) for name in self.outputs],
            [numpy_helper.from_array(np.asarray(array), name) for name, array in self.weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        return onnx.shape_inference.infer_shapes(model)

    def case(self, name: str) -> Case:
        model = self.model()
        sets = tuple(DataSet(dict(feed), run_onnx(model, feed)) for feed in self.feeds)
        return Case("ops", name, model, sets, 0.0, 0.0)


def number(value: float, dtype: str = "int64") -> np.ndarray:
    return np.asarray(value, dtype)


X, Y = floats(2, 3, seed=1), floats(2, 3, seed=2)

DOUBLING = body(
    {**STEP, "s": F},
    [
        node("Add", ["s", "s"], ["s1"]),
        node("ReduceMax", ["s1"], ["most"], keepdims=0),
        node("Less", ["most", "limit"], ["d"]),
    ],
    ["d", "s1"],
)
COLLECTING = body({**STEP, "s": F}, [*DOUBLING.node, node("Neg", ["s"], ["n"])], ["d", "s1", "n"])
COUNTING = body(
    {**STEP, "s": F},
    [SAME, node("Cast", ["i"], ["f"], to=F), node("Mul", ["s", "f"], ["p"]), node("Add", ["p", "x"], ["s1"])],
    ["d", "s1"],
)
TWO_STATES = body(
    {"a": F, "b": F, "u": F, "v": F},
    [
        node("Mul", ["a", "u"], ["au"]),
        node("Add", ["au", "v"], ["a1"]),
        node("Sub", ["b", "a1"], ["b1"]),
        node("Tanh", ["b1"], ["tb"]),
        node("Identity", ["u"], ["w"]),
    ],
    ["a1", "b1", "tb", "w"],
)
