"""Tables of nodes of ONNX Runtime's domain: their definitions, and one model with all of them in Rust."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import onnx
import onnx_ir as ir
import onnxruntime as ort
from onnx import compose, helper

from tests.conformance.judge import difference
from tests.conformance.suite import Case, DataSet
from tests.ops.nodes import Node
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.inline import inline
from tf2rust.ops.contrib.call import OPSET, definition, is_contrib

_FORMAT = 11


def check_definition(item: Node) -> None:
    """Checks that the definition of a node computes what ONNX Runtime does, even if a rule matches the node."""
    case = item.case("definition")
    (data,) = case.sets
    analysis = analyse(case.model)
    assert not analysis.problems, list(analysis.problems.values())
    for node in [node for node in analysis.graph if is_contrib(node)]:
        inline(node, definition(node, analysis.infos), analysis.opsets)
    model = ir.to_proto(ir.Model(analysis.graph, ir_version=_FORMAT))
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", OPSET))
    assert not any(node.domain for node in model.graph.node)
    for name, found in zip(data.outputs, _as_written(model).run(list(data.outputs), data.inputs), strict=True):
        assert difference(found, data.outputs[name], case.rtol, case.atol) is None, name


def _as_written(model: onnx.ModelProto) -> ort.InferenceSession:
    """A session that does not fuse the nodes of the definition into the node that it replaces."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


@dataclass(frozen=True)
class Merged(Node):
    """All nodes of a table in one model, so that one crate computes them."""

    op: str = ""
    inputs: tuple[()] = ()
    table: Mapping[str, Node] = None  # type: ignore[assignment]

    def model(self, name: str) -> onnx.ModelProto:
        """The model of all nodes."""
        return self.case(name).model

    def case(self, name: str) -> Case:
        """The model of all nodes, and the expected outputs of each."""
        graphs, feeds, expected = [], {}, {}
        for key, item in self.table.items():
            case = item.case(key)
            graphs.append(compose.add_prefix(case.model, f"{key}_").graph)
            feeds |= {f"{key}_{n}": a for n, a in case.sets[0].inputs.items()}
            expected |= {f"{key}_{n}": a for n, a in case.sets[0].outputs.items()}
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        model.ClearField("graph")
        model.graph.name = name
        for graph in graphs:
            for field in ("node", "input", "output", "initializer"):
                getattr(model.graph, field).extend(getattr(graph, field))
        return Case("ops", name, model, (DataSet(feeds, expected),), 0.0, 0.0)
