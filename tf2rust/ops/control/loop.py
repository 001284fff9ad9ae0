"""Loop in its general form: any body, any number of steps, and an optional condition."""

from __future__ import annotations

import onnx_ir as ir

from tf2rust.ops.control.layers import CollectedSteps, Loop, ScanAxis, actual, body_graph, reads
from tf2rust.ops.control.loop_body import body_of, count_of, source, step_of
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.shape import Shape


def _is_used(value: ir.Value) -> bool:
    return value.is_graph_output() or bool(value.uses())


# Its name sorts after the rule for recurrent layers, which is tried first.
@rule(Op("Loop", more=True, name="loop"))
def repeated_loop(m: Match, b: Builder) -> RuleResult:
    """A loop over the layers of its body. Values that no step changes are read from outside."""
    m.root.has("body")
    graph, inputs, outputs = body_of(m.root), m.root.ir.inputs[2:], m.root.outputs
    initial = [v for v in inputs if v is not None]
    formals, after, condition = list(graph.inputs[2:]), list(graph.outputs[1:]), graph.outputs[0]
    states = [i for i, v in enumerate(formals) if source(after[i]) is not v]
    kept = [i for i in range(len(formals)) if i not in states]
    collected = [i for i in range(len(formals), len(after)) if _is_used(outputs[i])]
    count = count_of(m.root, b.infos)
    if count.steps is None and not count.tested:
        return m.reject("it has neither a number of steps nor a condition")
    wanted = [after[i] for i in (*states, *collected)] + [condition] * count.tested
    body = b.body(m.root, graph, wanted)
    handed = [i for i in kept if b.infos.const(formals[i]) is None]
    before: list[Layer] = []
    if reads(body, graph.inputs[0], wanted):
        before.append(Shape(dims=(step_of(m.root),), inputs=[], outputs=[body.value(graph.inputs[0])]))
    given = [body.value(formals[i]) for i in (*states, *handed)]
    first = m.root.input(1)
    started = first is not None and (count.tested or count.data_dependent) and not _holds(first, b)
    results = [b.value(outputs[i]) for i in collected]
    layers: list[Layer] = []
    if count.tested and results:
        done = b.temporary(results[0], (), "int64")
        kept_for = [b.temporary(v, (count.steps or 0, *v.shape[1:])) for v in results]
        layers += [
            CollectedSteps(inputs=[whole, done], outputs=[v]) for whole, v in zip(kept_for, results, strict=True)
        ]
        results = [*kept_for, done]
    if states or collected:
        loop_inputs = [b.value(initial[i]) for i in (*states, *handed)] + actual(body, b)
        loop_inputs += [b.value(v) for v in m.root.ir.inputs[:1] if count.data_dependent and v is not None]
        loop_inputs += [b.value(first)] if started and first is not None else []
        loop = Loop(
            body=body_graph(body, given, wanted, before),
            states=len(states),
            sequences=(),
            collected=(ScanAxis(),) * len(collected),
            step=str(step_of(m.root)),
            steps=count.steps,
            tested=count.tested,
            counted=count.data_dependent,
            started=started,
            reports=count.tested and bool(collected),
            inputs=loop_inputs,
            outputs=[*(b.value(outputs[i]) for i in states), *results],
        )
        layers.insert(0, loop)
    layers += [
        Reshape(inputs=[b.value(initial[i])], outputs=[b.value(outputs[i])]) for i in kept if _is_used(outputs[i])
    ]
    return layers


def _holds(value: ir.Value, b: Builder) -> bool:
    info = b.infos.known(value)
    return info is not None and info.fill == 1
