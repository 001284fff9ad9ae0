"""Names of nodes, values and weights that depend only on the graph and its layers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import onnx
from onnx import numpy_helper


@dataclass
class Names:
    """The names in use in the graph and all its subgraphs."""

    node_layers: Mapping[str, str]
    opsets: Mapping[str, int]
    taken_values: set[str]
    taken_nodes: set[str] = field(default_factory=set)
    layers: dict[str, str] = field(default_factory=dict)
    weights: dict[bytes, onnx.TensorProto] = field(default_factory=dict)

    def node(self, op_type: str, layer: str | None) -> str:
        """A new name for a node, from its layer, if it has one, and its op."""
        name = unused_name(f"{layer}/{op_type}" if layer else op_type, self.taken_nodes)
        if layer:
            self.layers[name] = layer
        return name

    def release(self, node: str) -> None:
        """Releases the name of a node that is not needed after all."""
        self.taken_nodes.remove(node)
        self.layers.pop(node, None)

    def value(self, wanted: str) -> str:
        """A new name for a value."""
        return unused_name(wanted, self.taken_values)

    def weight(self, tensor: onnx.TensorProto, wanted: str) -> str:
        """The name of the initializer with this content, which can exist already."""
        key = hashlib.sha256(stored_tensor(tensor, "").SerializeToString(deterministic=True)).digest()
        if key not in self.weights:
            self.weights[key] = stored_tensor(tensor, self.value(wanted))
        return self.weights[key].name

    def role(self, node: onnx.NodeProto, index: int) -> str:
        """The op's name for input ``index``, such as ``W`` or ``bias``; the number if the inputs are alike."""
        version = self.opsets.get(node.domain, 0)
        if onnx.defs.has(node.op_type, version, node.domain):
            inputs = onnx.defs.get_schema(node.op_type, version, node.domain).inputs
            if index < len(inputs) and inputs[index].option != onnx.defs.OpSchema.FormalParameterOption.Variadic:
                return inputs[index].name
        return str(index)


def stored_tensor(tensor: onnx.TensorProto, name: str) -> onnx.TensorProto:
    """The tensor in the form that ``numpy_helper`` writes; one without contents gets only the name."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        renamed = onnx.TensorProto()
        renamed.CopyFrom(tensor)
        renamed.name = name
        return renamed
    return numpy_helper.from_array(numpy_helper.to_array(tensor), name)


def unused_name(wanted: str, taken: set[str]) -> str:
    """The first of ``wanted``, ``wanted_1``, ``wanted_2`` … that is not ``taken``; adds it to ``taken``."""
    name, count = wanted, 0
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name)
    return name
