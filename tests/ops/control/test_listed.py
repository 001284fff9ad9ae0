"""Refusals of loops and branches with their messages, and the listing of nodes in bodies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.graphs import node
from tests.ops.bodies import COLLECTING, COUNTING, SAME, STEP, TWO_STATES, F, Graph, X, body, number
from tests.ops.control import test_loop_scan_if
from tf2rust.conversion import match_layers
from tf2rust.source import Source

GROWING = body({**STEP, "s": F}, [SAME, node("Concat", ["s", "x"], ["s1"], axis=0)], ["d", "s1"])
RANDOM = body({**STEP, "s": F}, [SAME, node("RandomNormalLike", ["s"], ["s1"])], ["d", "s1"])
AROUND = body({**STEP, "s": F}, [SAME, node("Loop", ["m", "", "s"], ["s2"], body=RANDOM)], ["d", "s2"])
MEASURING = body({**STEP, "s": F}, [SAME, node("NonZero", ["s"], ["k"]), node("Neg", ["s"], ["s1"])], ["d", "s1", "k"])
FLAT = body({}, [node("Flatten", ["x"], ["f"], axis=0)], ["f"])
ONLY_X = [{"m": number(3), "x": X, "c": number(1, "bool"), "limit": number(9, "float32")}]

REFUSED = {
    "a_state_that_grows": (
        Graph([node("Loop", ["m", "", "x"], ["z"], body=GROWING)], ["z"], ONLY_X),
        "node `node/z`: Loop(body=<graph>) is not supported: a loop-carried value changes its shape "
        "from [2, 3] to [4, 3], but all steps share its memory (nearest rule: repeated_loop)",
    ),
    "an_operator_inside": (
        Graph([node("Loop", ["m", "", "x"], ["z"], body=RANDOM)], ["z"], ONLY_X),
        "node `node/s1` in the body of `node/z` (Loop): RandomNormalLike() is not supported: "
        "no rule supports this operator",
    ),
    "an_operator_further_inside": (
        Graph([node("Loop", ["m", "", "x"], ["z"], body=AROUND)], ["z"], ONLY_X),
        "node `node/s1` in the body of `node/s2` (Loop) in the body of `node/z` (Loop): "
        "RandomNormalLike() is not supported: no rule supports this operator",
    ),
    "no_end": (
        Graph([node("Loop", ["", "c", "x"], ["z"], body=COUNTING)], ["z"], ONLY_X),
        "node `node/z`: Loop(body=<graph>) is not supported: it has neither a number of steps nor a condition "
        "(nearest rule: repeated_loop)",
    ),
    "an_end_at_any_step": (
        Graph([node("Loop", ["", "c", "x"], ["z", "all"], body=COLLECTING)], ["z", "all"], ONLY_X),
        "node `node/z`: Loop(body=<graph>) is not supported: it collects a value in every step until a condition "
        "from its body ends it, and the number of steps has no limit; give the Loop a maximum of at most 65536 steps "
        "(nearest rule: repeated_loop)",
    ),
    "results_of_any_size": (
        Graph([node("Loop", ["m", "", "x"], ["z", "all"], body=MEASURING)], ["z", "all"], ONLY_X),
        "node `node/z`: Loop(body=<graph>) is not supported: a result of its body has the shape [2, count(k)], which "
        "is known only inside the body; the memory must be known before the loop runs (nearest rule: repeated_loop)",
    ),
    "branches_of_two_shapes": (
        Graph(
            [node("If", ["c"], ["z"], then_branch=body({}, [node("Neg", ["x"], ["n"])], ["n"]), else_branch=FLAT)],
            ["z"],
            ONLY_X,
        ),
        "node `node/z`: If(else_branch=<graph>, then_branch=<graph>) is not supported: the output `z` of its "
        "branches is float32 [2, 3] in one and float32 [1, 6] in the other; they must agree, because the condition is "
        "known only at run time (nearest rule: if)",
    ),
    "a_body_that_does_not_fit": (
        Graph([node("Loop", ["m", "", "x", "x"], ["z", "all"], body=COUNTING)], ["z"], ONLY_X),
        "node `node/z`: Loop(body=<graph>) is not supported: its body has 3 inputs and 2 outputs, but must have "
        "4 and 3; the model is damaged (nearest rule: repeated_loop)",
    ),
    "lengths_of_their_own": (
        Graph(
            [node("Scan", ["m", "x", "x", "x", "x"], ["p", "q", "all", "us"], body=TWO_STATES, num_scan_inputs=2)],
            ["p"],
            ONLY_X,
            opset=8,
        ),
        "node `node/p`: Scan(body=<graph>, num_scan_inputs=2) is not supported: its sequences have lengths of their "
        "own; sequences of one length are supported (nearest rule: scan)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    item, sentence = REFUSED[name]
    found, _ = match_layers(Source(Path("model.onnx"), item.model(), "onnx", lambda _: {}))
    assert [u.sentence() for u in found.unmatched if u.blocked_by is None] == [sentence]


def test_the_nodes_of_bodies_are_listed() -> None:
    found, _ = match_layers(Source(Path("model.onnx"), test_loop_scan_if.NODES["nested"].model(), "onnx", lambda _: {}))
    assert sorted(found.nodes()) == sorted(f"node/{name}" for name in ("z", "s1", "ts", "t1", "dd", "s1_", "d"))
    assert [(row.kind, row.inside) for row in found.layers] == [
        ("Loop", ""),
        ("Loop", "node"),
        ("Add", "node"),
        ("Add", "node"),
        ("Unary", "node"),
    ]
    assert "in the body of node" in found.as_text()
