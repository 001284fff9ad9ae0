"""The memory of a model over time: which tensors an input, output or buffer holds, and from which layer to which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tf2rust.codegen.figures import value_bytes
from tf2rust.codegen.model import Model
from tf2rust.ops.core.layer import LayerGraph, Value
from tf2rust.planning.buffers import Allocation


def memory_over_time(
    model: Model, graph: LayerGraph, numbers: Mapping[Value, int], sizes: Mapping[str, int]
) -> dict[str, Any]:
    """The rows of the chart, and the bytes that are in use while each layer runs.

    A row is an input, an output or a buffer of the workspace, and holds spans: the tensors that share the memory
    without a copy, from the layer that writes the first to the last reader of any. Layers are numbered as they run; the
    tensors of a body belong to the layer that runs it. ``numbers`` are those of the values in the report.
    """
    steps, reads = _steps(graph)
    end = max(len(graph.layers) - 1, 0)
    spans: dict[Allocation, dict[str, Any]] = {}
    for value, allocation in model.plan.allocations.items():
        if allocation.constant is not None or value not in numbers:
            continue
        first, last = steps[value], max(reads.get(value, 0), steps[value])
        size = value_bytes(value, sizes)
        span = spans.setdefault(allocation, {"from": first, "to": last, "bytes": size, "values": []})
        span["from"], span["to"] = min(span["from"], first), max(span["to"], last)
        span["bytes"] = max(span["bytes"], size)
        span["values"].append(numbers[value])
    rows: dict[tuple[int, Any], dict[str, Any]] = {}
    for allocation, span in spans.items():
        if allocation.output is not None:
            span["to"] = end
        key, label = _row(allocation)
        row = rows.setdefault(key, {"label": label, "dtype": allocation.dtype, "bytes": 0, "spans": []})
        row["spans"].append(span)
        row["bytes"] = max(row["bytes"], span["bytes"])
    ordered = [rows[key] for key in sorted(rows, key=lambda key: key[0])]
    for row in ordered:
        row["spans"].sort(key=lambda span: (span["from"], span["to"]))
    return {"rows": ordered, "live": _live(spans.values(), len(graph.layers))}


def _row(allocation: Allocation) -> tuple[tuple[int, Any], str]:
    """The key of a row, which begins with its position, and its label."""
    if allocation.input is not None:
        return (0, allocation.input), f"input {allocation.input.name}"
    if allocation.output is not None:
        return (2, allocation.output), f"output {allocation.output}"
    return (1, allocation.buffer), f"buffer {allocation.buffer}"


def _steps(graph: LayerGraph) -> tuple[dict[Value, int], dict[Value, int]]:
    """The step in which each value is written, and the last step that reads it; steps are those of the outer graph."""
    written = dict.fromkeys(graph.inputs, 0)
    read: dict[Value, int] = {}
    for step, layer in enumerate(graph.layers):
        read.update(dict.fromkeys(layer.inputs, step))
        for value in layer.outputs:
            written[value] = step
        for body in layer.bodies():
            for value in (*body.inputs, *(v for inner in body.walk() for v in (*inner.inputs, *inner.outputs))):
                written.setdefault(value, step)
                read[value] = step
    return written, read


def _live(spans: Any, steps: int) -> list[int]:
    """The bytes in use during each step."""
    change = [0] * (steps + 1)
    for span in spans:
        change[span["from"]] += span["bytes"]
        change[span["to"] + 1 if steps else 0] -= span["bytes"]
    total, found = 0, []
    for step in range(steps):
        total += change[step]
        found.append(total)
    return found
