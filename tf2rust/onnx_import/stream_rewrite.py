"""The new nodes, states and weights of a model that takes sequences in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper, numpy_helper

from tf2rust.onnx_import.infer import Analysis
from tf2rust.onnx_import.tidy import tidy
from tf2rust.ops.core.dims import Dim, DimExpr
from tf2rust.ops.core.inference import Node
from tf2rust.ops.core.layer import State

_TO_THE_END = np.iinfo(np.int64).max


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
        self.histories: dict[tuple[str, int, int, float], str] = {}
        """The values with the steps before the chunk, by the value, the axis, the number of steps and their start."""

    def node(self, node: Node) -> onnx.NodeProto:
        """The node in the file. Raises RefusedError if the file has another operator, whose definition contains it."""
        found: onnx.NodeProto | None = self.nodes.get(node.y.name or "")
        if found is None or found.op_type != node.op:
            raise RefusedError("it is part of the definition of another operator")
        return found

    def weight(self, name: str, array: np.ndarray) -> str:
        """Adds an initializer, and returns its name."""
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def last(self, value: str, result: str, count: int, axis: int, name: str) -> onnx.NodeProto:
        """The Slice of the last ``count`` steps."""
        bounds = [
            self.weight(f"{result}/{role}", np.array([number], np.int64))
            for role, number in (("starts", -count), ("ends", _TO_THE_END), ("axes", axis))
        ]
        made: onnx.NodeProto = helper.make_node("Slice", [value, *bounds], [result], f"{name}/last")
        return made

    def history(self, value: ir.Value, axis: int, count: int, number: float) -> tuple[str, list[onnx.NodeProto]]:
        """``value`` with the ``count`` steps before the chunk, and the nodes that make it unless they exist."""
        key = (value.name or "", axis, count, number)
        if key in self.histories:
            return self.histories[key], []
        info = self.analysis.infos[value]
        shape = list(info.shape)
        shape[axis] = count
        initial = None
        if number:
            if any(isinstance(dim, DimExpr) for dim in shape):
                raise RefusedError("it pads with another number than 0; bind the other symbolic dimensions with --dim")
            initial = np.full([int(str(d)) for d in shape], number, info.dtype)
        name = f"{value.name}/history"
        while name in {state.input for state in self.states}:
            name += "_"
        kept, new = self.state(name, info.dtype, tuple(shape), initial)
        extended = f"{name}_and_chunk"
        joined = helper.make_node("Concat", [kept, value.name or ""], [extended], f"{name}/concat", axis=axis)
        self.histories[key] = extended
        return extended, [joined, self.last(extended, new, count, axis, name)]

    def state(self, name: str, dtype: str, shape: tuple[Dim, ...], initial: np.ndarray | None) -> tuple[str, str]:
        """Declares a state. Returns the names of its input and its output."""
        for dim in shape:
            if isinstance(dim, DimExpr) and str(dim) not in self.analysis.symbolic:
                raise RefusedError(f"its state would have the size {dim}; bind these dimensions with --dim")
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        dims = [dim if isinstance(dim, int) else str(dim) for dim in shape]
        output = f"{name}_next"
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
