"""Scan: a loop over the parts of sequences."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from tf2rust.ops.control.layers import Loop, ScanAxis, actual, body_graph
from tf2rust.ops.control.loop_body import body_of, carried_info, check_body, check_element, step_of, symbol_of
from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.inference import (
    InferenceError,
    Node,
    ValueInfo,
    ValueInfos,
    infers,
    infers_body_inputs,
    normal_axis,
)
from tf2rust.ops.core.layer import Dims, LayerGraph, Value
from tf2rust.ops.core.pattern import Match, Op
from tf2rust.ops.core.registry import Builder, RuleResult, rule

_BATCHED = 8
"""The operator set in which every input has a batch before all else, which the body does not see."""


def _along(node: Node, side: str, values: Sequence[ir.Value], ranks: Sequence[int]) -> list[ScanAxis]:
    """How the sequences of one side, ``input`` or ``output``, are walked through."""
    if node.version <= _BATCHED:
        given = node.attr("directions", []) if side == "input" else []
        return [ScanAxis(0, bool(d)) for d in given or [0] * len(values)]
    axes = node.attr(f"scan_{side}_axes") or [0] * len(values)
    directions = node.attr(f"scan_{side}_directions") or [0] * len(values)
    return [ScanAxis(normal_axis(a, r), bool(d)) for a, d, r in zip(axes, directions, ranks, strict=True)]


class _Scan:
    """A Scan taken apart."""

    def __init__(self, node: Node, infos: ValueInfos) -> None:
        self.body, self.batched = body_of(node), node.version <= _BATCHED
        inputs = list(node.ir.inputs[1:] if self.batched else node.ir.inputs)
        if self.batched and node.input(0) is not None:
            raise InferenceError("its sequences have lengths of their own; sequences of one length are supported")
        count = node.attr("num_scan_inputs")
        if None in inputs or not 0 < count <= len(inputs):
            raise InferenceError(
                f"it goes through {count} sequences and has {len(inputs)} inputs; the model is damaged"
            )
        check_body(node, len(inputs), len(node.outputs))
        self.initial = [v for v in inputs[: len(inputs) - count] if v is not None]
        self.given = [v for v in inputs[len(inputs) - count :] if v is not None]
        states = len(self.initial)
        self.after, self.results = self.body.outputs[:states], self.body.outputs[states:]
        shapes = [self._of_one(infos.shape(v)) for v in self.given]
        self.inputs = _along(node, "input", self.given, [len(s) for s in shapes])
        self.steps = _length([s[a.axis] for s, a in zip(shapes, self.inputs, strict=True)])
        self.parts: list[Dims] = [(*s[: a.axis], *s[a.axis + 1 :]) for s, a in zip(shapes, self.inputs, strict=True)]
        self.batch = [infos.shape(v)[:1] for v in (*self.initial, *self.given)] if self.batched else [()]

    def _of_one(self, shape: Dims) -> Dims:
        return shape[1:] if self.batched else shape

    def outputs(self, node: Node, infos: ValueInfos) -> list[ScanAxis]:
        return _along(node, "output", self.results, [len(infos.shape(v)) + 1 for v in self.results])


def _length(sizes: Sequence[Dim]) -> Dim:
    """The length of all sequences."""
    if not sizes:
        raise InferenceError("it has no sequence to go through")
    if any(size != sizes[0] for size in sizes):
        raise InferenceError(f"its sequences are of different lengths: {', '.join(map(str, sizes))}")
    return sizes[0]


@infers_body_inputs("Scan")
def _given(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    scan = _Scan(node, infos)
    states = [ValueInfo(infos.dtype(v), infos.shape(v)[1:] if scan.batched else infos.shape(v)) for v in scan.initial]
    return [*states, *(ValueInfo(infos.dtype(v), part) for v, part in zip(scan.given, scan.parts, strict=True))]


@infers("Scan")
def _scan(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    scan = _Scan(node, infos)
    if any(batch != scan.batch[0] for batch in scan.batch):
        raise InferenceError("its inputs have batches of different sizes")
    batch = scan.batch[0]
    found = []
    for before, after in zip(scan.initial, scan.after, strict=True):
        first = infos[before]
        kept = carried_info(ValueInfo(first.dtype, first.shape[len(batch) :]), infos[after])
        found.append(ValueInfo(kept.dtype, (*batch, *kept.shape)))
    for value, along in zip(scan.results, scan.outputs(node, infos), strict=True):
        info = infos[value]
        check_element(info, scan.body, infos)
        shape = (*info.shape[: along.axis], scan.steps, *info.shape[along.axis :])
        found.append(ValueInfo(info.dtype, (*batch, *shape)))
    return found


@rule(Op("Scan", more=True))
def scan(m: Match, b: Builder) -> RuleResult:
    """A loop over the parts of the sequences; in operator set 8 one for each part of the batch."""
    m.root.has("body")
    found = _Scan(m.root, b.infos)
    states, outputs = len(found.initial), m.root.outputs
    along = found.outputs(m.root, b.infos)
    used = [i for i in range(len(outputs)) if i < states or outputs[i].is_graph_output() or outputs[i].uses()]
    wanted = [found.body.outputs[i] for i in used]
    body = b.body(m.root, found.body, wanted)
    graph = body_graph(body, [body.value(v) for v in found.body.inputs], wanted)
    given = [*(b.value(v) for v in (*found.initial, *found.given)), *actual(body, b)]
    loop = _repeat(
        m.root,
        graph,
        given,
        [b.value(outputs[i]) for i in used],
        states,
        found.inputs,
        [along[i - states] for i in used[states:]],
    )
    loop.steps = found.steps
    return _for_each(m.root, loop, states + len(found.given), found.batch[0][0]) if found.batched else loop


def _repeat(
    node: Node,
    graph: LayerGraph,
    inputs: list[Value],
    outputs: list[Value],
    states: int,
    sequences: Sequence[ScanAxis],
    collected: Sequence[ScanAxis],
) -> Loop:
    return Loop(
        body=graph,
        states=states,
        sequences=tuple(sequences),
        collected=tuple(collected),
        step=str(step_of(node)),
        steps=0,
        tested=False,
        counted=False,
        started=False,
        inputs=inputs,
        outputs=outputs,
    )


def _for_each(node: Node, loop: Loop, batched: int, batch: Dim) -> Loop:
    """The loop for each part of the batch: its first inputs and all outputs lose their first axis."""
    inner = [Value(f"{v.name}'", v.dtype, v.shape[1:] if i < batched else v.shape) for i, v in enumerate(loop.inputs)]
    made = [Value(f"{v.name}'", v.dtype, v.shape[1:]) for v in loop.outputs]
    outer = _repeat(
        node,
        LayerGraph(inner, [(v.name, v) for v in made], [loop]),
        loop.inputs,
        loop.outputs,
        0,
        [ScanAxis()] * batched,
        [ScanAxis()] * len(made),
    )
    outer.step, outer.steps = str(symbol_of(node, "part")), batch
    loop.inputs, loop.outputs = inner, made
    return outer
