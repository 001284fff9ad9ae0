"""Everything that the report of a conversion shows, as one JSON object."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from tf2rust.codegen.figures import sizes_of_one_sample, workspace_bytes
from tf2rust.codegen.model import Model
from tf2rust.codegen.report.graph import GraphData, Origin, plain, short_name
from tf2rust.codegen.report.memory import memory_over_time
from tf2rust.errors import one_line
from tf2rust.ops.core.dtypes import shown
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.proof.proof import Proof


def report_data(title: str, model: Model, graph: LayerGraph, proof: Proof, origin: Origin) -> dict[str, Any]:
    """The report as JSON. Figures are for one sample, with the sizes of the proof's samples otherwise."""
    sizes = sizes_of_one_sample(model.symbolic, proof.sizes)
    made = GraphData(graph, model.names, model.weights, sizes, origin, model.plan)
    found = made.about(title)
    found["totals"]["workspace_bytes"] = workspace_bytes(model, graph, sizes)
    layers = made.layers()
    ports = zip(model.all_inputs, graph.inputs, strict=True)
    inputs = [made.port(port.name, value) for port, value in ports]
    outputs = [made.port(name, value) for name, value in graph.outputs]
    return found | {
        "inputs": inputs,
        "outputs": outputs,
        "layers": layers,
        "values": made.values(),
        "weights": made.weights,
        "tree": made.tree(graph),
        "nodes": made.other_nodes(),
        "proof": _proof(proof),
        "memory": memory_over_time(model, graph, made.numbers, sizes),
        "quantization": None if origin.quantization is None else plain(origin.quantization, whole=True),
        "notes": [one_line(note) for note in origin.notes],
    }


def _proof(proof: Proof) -> dict[str, Any]:
    outputs = []
    for name, array in proof.outputs.items():
        found, own = proof.differences.get(name), proof.elements.get(name)
        output: dict[str, Any] = {
            "name": short_name(name),
            "dtype": shown(array.dtype.name),
            "elements": array.size,
            "tolerance": float(proof.tolerances[name]),
            "reason": one_line(proof.reasons[name]),
        }
        if own is not None:
            output["own_tolerances"] = {"elements": int(np.count_nonzero(own)), "largest": float(own.max())}
        if found is not None:
            output["difference"] = asdict(found)
        outputs.append(output)
    unit = "step" if proof.steps else "sample"
    return {
        "about": one_line(proof.about()),
        "reference": one_line(proof.reference),
        "samples": proof.samples,
        "unit": unit,
        "outputs": outputs,
    }
