"""The new nodes, states and weights of a model that takes sequences in chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper, numpy_helper

from tf2rust.onnx_import.infer import Analysis
from tf2rust.onnx_import.tidy import graphs, tidy
from tf2rust.ops.core.dims import Dim, DimExpr
from tf2rust.ops.core.inference import Node
from tf2rust.ops.core.layer import State

_TO_THE_END = np.iinfo(np.int64).max
_MOST_PADDED = 1 << 24
"""The maximum number of elements of padding that is not zero."""


class RefusedError(Exception):
    """Why a node cannot run in chunks."""


class StreamRewrite:
    """Replaces nodes of ``proto`` by nodes with states."""

    def __init__(self, proto: onnx.ModelProto, analysis: Analysis) -> None:
        self.proto, self.analysis = proto, analysis
        self.nodes = {node.output[0]: node for node in proto.graph.node if node.output}
        self.replaced: dict[str, list[onnx.NodeProto]] = {}
        """The new nodes, by the first output of the node that they replace."""
        self.states: list[State] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._taken = _names(proto)
        self.histories: dict[tuple[str, int, int, float], str] = {}
        """The values with the steps before the chunk, by the value, the axis, the number of steps and their start."""

    def node(self, node: Node) -> onnx.NodeProto:
        """The node in the file. Raises RefusedError if the file has another operator, whose definition contains it."""
        found: onnx.NodeProto | None = self.nodes.get(node.y.name or "")
        if found is None or found.op_type != node.op:
            raise RefusedError("it is part of the definition of another operator")
        return found

    def name(self, wanted: str) -> str:
        """A name that no value of the model has: ``wanted``, or ``wanted_1``, ``wanted_2`` …"""
        name = next(n for i in count() if (n := f"{wanted}_{i}" if i else wanted) not in self._taken)
        self._taken.add(name)
        return name

    def weight(self, wanted: str, array: np.ndarray) -> str:
        """Adds an initializer, and returns its name."""
        name = self.name(wanted)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def last(self, value: str, result: str, steps: int, axis: int, name: str) -> onnx.NodeProto:
        """The Slice of the last ``steps`` steps."""
        bounds = [
            self.weight(f"{result}/{role}", np.array([number], np.int64))
            for role, number in (("starts", -steps), ("ends", _TO_THE_END), ("axes", axis))
        ]
        made: onnx.NodeProto = helper.make_node("Slice", [value, *bounds], [result], f"{name}/last")
        return made

    def history(self, value: ir.Value, axis: int, steps: int, number: float) -> tuple[str, list[onnx.NodeProto]]:
        """``value`` with the ``steps`` steps before the chunk, and the nodes that make it unless they exist."""
        key = (value.name or "", axis, steps, number)
        if key in self.histories:
            return self.histories[key], []
        info = self.analysis.infos[value]
        shape = list(info.shape)
        shape[axis] = steps
        initial = None
        if number:
            if (elements := math.prod(d for d in shape if isinstance(d, int))) > _MOST_PADDED:
                raise RefusedError(
                    f"it pads with {elements} elements that are not 0; at most {_MOST_PADDED} are supported"
                )
            if any(isinstance(dim, DimExpr) for dim in shape):
                raise RefusedError("it pads with another number than 0; bind the other symbolic dimensions with --dim")
            initial = np.full([int(str(d)) for d in shape], number, info.dtype)
        kept, new = self.state(f"{value.name}/history", info.dtype, tuple(shape), initial)
        extended = self.name(f"{kept}_and_chunk")
        joined = helper.make_node("Concat", [kept, value.name or ""], [extended], f"{kept}/concat", axis=axis)
        self.histories[key] = extended
        return extended, [joined, self.last(extended, new, steps, axis, kept)]

    def state(self, wanted: str, dtype: str, shape: tuple[Dim, ...], initial: np.ndarray | None) -> tuple[str, str]:
        """Declares a state. Returns the names of its input and its output."""
        for dim in shape:
            if isinstance(dim, DimExpr) and str(dim) not in self.analysis.symbolic:
                raise RefusedError(f"its state would have the size {dim}; bind these dimensions with --dim")
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        dims = [dim if isinstance(dim, int) else str(dim) for dim in shape]
        name = self.name(wanted)
        output = self.name(f"{name}_next")
        self.inputs.append(helper.make_tensor_value_info(name, kind, dims))
        self.outputs.append(helper.make_tensor_value_info(output, kind, dims))
        self.states.append(State(name, output, initial))
        return name, output

    def model(self) -> onnx.ModelProto:
        """The new model."""
        made = onnx.ModelProto()
        made.CopyFrom(self.proto)
        graph = made.graph
        nodes = list(self._replaced(graph.node))
        del graph.node[:], graph.value_info[:]
        graph.node.extend(nodes)
        # The states must name the dimensions as the inputs do.
        for value in self.analysis.graph.inputs:
            info = next(i for i in graph.input if i.name == value.name)
            if value in self.analysis.infos:
                for dim, size in zip(info.type.tensor_type.shape.dim, self.analysis.infos[value].shape, strict=True):
                    if isinstance(size, DimExpr):
                        dim.dim_param = str(size)
        graph.input.extend(self.inputs)
        graph.output.extend(self.outputs)
        graph.initializer.extend(self.weights)
        tidy(made)
        return made

    def _replaced(self, nodes: Sequence[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
        for node in nodes:
            yield from self.replaced.get(node.output[0] if node.output else "", [node])


def _names(proto: onnx.ModelProto) -> set[str]:
    """The names of all values."""
    found = set()
    for graph in graphs(proto.graph):
        found |= {named.name for field in (graph.input, graph.output, graph.initializer) for named in field}
        found |= {name for node in graph.node for name in (*node.input, *node.output)}
    return found
