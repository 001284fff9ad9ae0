"""Loop, Scan and If as exporters may write them, compared with ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.graphs import node
from tests.ops.bodies import COLLECTING, COUNTING, DOUBLING, SAME, STEP, TWO_STATES, B, F, Graph, I, X, Y, body, number
from tests.ops.conftest import Results
from tests.ops.nodes import check_node, floats, named

ROWS = floats(5, 2, 3, seed=3)

FIBONACCI = body(
    {**STEP, "a": F, "b": F},
    [SAME, node("Identity", ["b"], ["a1"]), node("Add", ["a", "b"], ["b1"]), node("Identity", ["a"], ["z"])],
    ["d", "a1", "b1", "z"],
)
SWAPPED_SUM = body(
    {**STEP, "a": F, "b": F},
    [SAME, node("Identity", ["b"], ["a1"]), node("Add", ["a", "b"], ["b1"])],
    ["d", "a1", "b1"],
)
INNER = body(
    {"j": I, "cc": B, "t": F},
    [node("Identity", ["cc"], ["dd"]), node("Add", ["t", "s"], ["ts"]), node("Add", ["ts", "x"], ["t1"])],
    ["dd", "t1"],
)
OUTER = body({**STEP, "s": F}, [SAME, node("Loop", ["two", "", "s"], ["s1"], body=INNER)], ["d", "s1", "s1_"])
OUTER.node.append(node("Neg", ["s1"], ["s1_"]))
NEGATE = body({}, [node("Neg", ["x"], ["n"]), node("Identity", ["x"], ["as_it_is"])], ["n", "as_it_is"])
RESCALE = body({}, [node("MatMul", ["x", "w"], ["e"]), node("Relu", ["e"], ["r"])], ["r", "five"], five=Y)
CLIMB = body(
    {**STEP, "s": F},
    [
        SAME,
        node("ReduceSum", ["s"], ["total"], keepdims=0),
        node("Less", ["total", "limit"], ["small"]),
        node(
            "If",
            ["small"],
            ["s1"],
            then_branch=body({}, [node("Add", ["s", "x"], ["up"])], ["up"]),
            else_branch=body({}, [node("Sub", ["s", "x"], ["down"])], ["down"]),
        ),
    ],
    ["d", "s1", "total"],
)
SWAPPED = body(
    {**STEP, "a": F, "b": F, "k": F},
    [SAME, node("Identity", ["b"], ["a1"]), node("Add", ["a", "k"], ["b1"]), node("Identity", ["k"], ["k1"])],
    ["d", "a1", "b1", "k1"],
)
CONV = body(
    {**STEP, "s": F},
    [
        SAME,
        node("Conv", ["s", "kernel"], ["h"], pads=[1, 1, 1, 1]),
        node("Add", ["h", "bias"], ["hb"]),
        node("Relu", ["hb"], ["s1"]),
        node("MaxPool", ["s1"], ["z"], kernel_shape=[2, 2], strides=[2, 2]),
    ],
    ["d", "s1", "z"],
)
WINDOW = body(
    {**STEP, "s": F},
    [
        SAME,
        node("Add", ["i", "one"], ["next"]),
        node("Unsqueeze", ["i", "zero"], ["from"]),
        node("Unsqueeze", ["next", "zero"], ["to"]),
        node("Slice", ["rows", "from", "to", "zero"], ["part"]),
        node("Squeeze", ["part", "zero"], ["row"]),
        node("Mul", ["s", "row"], ["s1"]),
    ],
    ["d", "s1"],
)


def _counts(*values: int) -> list[dict[str, np.ndarray]]:
    return [{"m": number(v), "x": X} for v in values]


TABLE_NAME = "control"
NODES = {
    "constant": Graph(
        [node("Loop", ["m", "", "x", "y"], ["p", "q", "all"], body=FIBONACCI)],
        ["p", "q", "all"],
        [{"x": X, "y": Y}],
        {"m": number(5)},
    ),
    "computed": Graph(
        [node("Loop", ["m", "c0", "x", "y"], ["p", "q", "all"], body=FIBONACCI)],
        ["p", "q", "all"],
        [{"m": number(m), "c0": number(1, "bool"), "x": X, "y": Y} for m in (3, 1)],
    ),
    "computed_as_none": Graph(
        [node("Loop", ["m", "c0", "x", "y"], ["p", "q"], body=SWAPPED_SUM)],
        ["p", "q"],
        [{"m": number(m), "c0": number(c, "bool"), "x": X, "y": Y} for m, c in ((0, 1), (4, 0), (-2, 1), (2, 1))],
    ),
    "from_a_shape": Graph(
        [
            node("Shape", ["rows"], ["shape"]),
            node("Gather", ["shape", "zero"], ["m"], axis=0),
            node("Loop", ["m", "", "x"], ["z"], body=WINDOW),
        ],
        ["z"],
        [{"rows": ROWS, "x": X}],
        {"zero": np.asarray([0]), "one": number(1)},
        {"rows": ["t", 2, 3]},
    ),
    "counter": Graph([node("Loop", ["m", "", "x"], ["z"], body=COUNTING)], ["z"], _counts(0, 1, 4)),
    "while": Graph(
        [node("Loop", ["", "c0", "x"], ["z"], body=DOUBLING)],
        ["z"],
        [{"c0": number(c, "bool"), "x": np.abs(X), "limit": number(9, "float32")} for c in (True, False)],
    ),
    "while_at_most": Graph(
        [node("Loop", ["m", "c0", "x"], ["z"], body=DOUBLING)],
        ["z"],
        [{"m": number(m), "x": np.abs(X), "limit": number(900, "float32")} for m in (3, 99, -1)],
        {"c0": number(True, "bool")},
    ),
    "until": Graph(
        [node("Loop", ["ten", "c", "x"], ["z", "all"], body=COLLECTING), node("Shape", ["all"], ["size"])],
        ["z", "all", "size"],
        [{"c": number(1, "bool"), "x": np.abs(X), "limit": number(v, "float32")} for v in (0, 9, 9e9)],
        {"ten": number(10)},
    ),
    "until_at_once": Graph(
        [node("Loop", ["ten", "c", "x"], ["z", "all"], body=COLLECTING), node("ReduceSum", ["all"], ["s"], keepdims=0)],
        ["z", "s"],
        [{"c": number(c, "bool"), "x": np.abs(X), "limit": number(9, "float32")} for c in (0, 1)],
        {"ten": number(10)},
    ),
    "until_at_most": Graph(
        [node("Loop", ["m", "", "x"], ["z", "all"], body=COLLECTING), node("Neg", ["all"], ["minus"])],
        ["minus"],
        [{"m": number(m), "x": np.abs(X), "limit": number(9, "float32")} for m in (2, 99)],
    ),
    "nested": Graph(
        [node("Loop", ["three", "", "y"], ["z", "all"], body=OUTER)],
        ["z", "all"],
        [{"x": X, "y": Y}],
        {"two": number(2), "three": number(3)},
    ),
    "swapped": Graph(
        [node("Loop", ["m", "", "x", "y", "x"], ["p", "q", "r"], body=SWAPPED)],
        ["p", "q", "r"],
        [{"m": number(m), "x": X, "y": Y} for m in (0, 1, 2, 3)],
    ),
    "convolution": Graph(
        [node("Loop", ["m", "", "x"], ["z", "all"], body=CONV), node("Neg", ["z"], ["n"])],
        ["n", "all"],
        [{"x": floats(2, 3, 6, 6)}],
        {"m": number(3), "kernel": floats(3, 3, 3, 3, scale=0.3), "bias": floats(3, 1, 1)},
        {"x": ["n", 3, 6, 6]},
    ),
    "scan": Graph(
        [
            node(
                "Scan",
                ["x", "y", "u", "v"],
                ["p", "q", "all", "us"],
                body=TWO_STATES,
                num_scan_inputs=2,
                scan_input_axes=[1, -1],
                scan_input_directions=[0, 1],
                scan_output_axes=[2, 0],
                scan_output_directions=[1, 0],
            )
        ],
        ["p", "q", "all", "us"],
        [{"x": X, "y": Y, "u": floats(2, 4, 3), "v": floats(2, 3, 4)}],
    ),
    "scan_of_a_free_batch": Graph(
        [node("Scan", ["x", "y", "u", "v"], ["p", "q", "all", "us"], body=TWO_STATES, num_scan_inputs=2)],
        ["p", "all"],
        [{"x": X, "y": Y, "u": ROWS, "v": ROWS + 1}],
        symbolic={"x": ["n", 3], "y": ["n", 3], "u": ["t", "n", 3], "v": ["t", "n", 3]},
    ),
    "scan_8": Graph(
        [
            node(
                "Scan",
                ["", "x", "y", "u", "v"],
                ["p", "q", "all", "us"],
                body=TWO_STATES,
                num_scan_inputs=2,
                directions=[0, 1],
            )
        ],
        ["p", "q", "all", "us"],
        [{"x": floats(2, 3), "y": floats(2, 3), "u": floats(2, 4, 3), "v": floats(2, 4, 3)}],
        opset=8,
    ),
    "branches": Graph(
        [node("If", ["c"], ["z", "w1"], then_branch=NEGATE, else_branch=RESCALE), node("Tanh", ["z"], ["t"])],
        ["t", "w1"],
        [{"c": number(c, "bool"), "x": X} for c in (True, False)],
        {"w": floats(3, 3)},
    ),
    "branch_in_a_loop": Graph(
        [node("Loop", ["m", "", "y"], ["z", "all"], body=CLIMB)],
        ["z", "all"],
        [{"m": number(6), "x": np.abs(X), "y": Y, "limit": number(5, "float32")}],
    ),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_control(key: str, results: Results) -> None:
    check_node(results[key])
