"""Graphs of quantized layers, node by node: operators between DequantizeLinear and QuantizeLinear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.models.graphs import node
from tests.ops.nodes import Node, integers


def small(*shape: int, dtype: str = "uint8", seed: int = 3) -> np.ndarray:
    """Seeded integers over the whole range of a dtype."""
    limits = np.iinfo(dtype)
    return integers(*shape, low=int(limits.min), high=int(limits.max) + 1, seed=seed, dtype=dtype)


def weights(*shape: int, most: int = 127, seed: int = 4, dtype: str = "int8") -> np.ndarray:
    """Seeded weights from −``most`` to ``most``."""
    return integers(*shape, low=-most, high=most + 1, seed=seed, dtype=dtype)


@dataclass
class Quantized:
    """A graph under construction. Each method adds nodes and returns the name of their output."""

    opset: int = 13
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    feeds: dict[str, np.ndarray] = field(default_factory=dict)
    results: list[str] = field(default_factory=list)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(node(kind, inputs, [name], **attributes))
        return name

    def constant(self, values: Any, dtype: str) -> str:
        return self.tensor(numpy_helper.from_array(np.asarray(values, dtype)))

    def tensor(self, tensor: onnx.TensorProto) -> str:
        tensor.name = f"constant_{len(self.constants)}"
        self.constants.append(tensor)
        return tensor.name

    def input(self, array: np.ndarray) -> str:
        """An input whose first axis is symbolic."""
        name = f"x{len(self.feeds)}"
        self.feeds[name] = array
        return name

    def dequantize(self, x: str, scale: Any, zero: Any, dtype: str = "uint8", **axis: int) -> str:
        return self.op("DequantizeLinear", x, self.constant(scale, "float32"), self.constant(zero, dtype), **axis)

    def quantize(self, x: str, scale: Any = 0.05, zero: Any = 128, dtype: str = "uint8") -> str:
        return self.op("QuantizeLinear", x, self.constant(scale, "float32"), self.constant(zero, dtype))

    def real(self, array: np.ndarray, scale: float = 0.02, zero: int = 100) -> str:
        """A dequantized input."""
        return self.dequantize(self.input(array), scale, zero, array.dtype.name)

    def kernel(self, array: np.ndarray, scale: Any = 0.01, axis: int = 0, zero: Any = None) -> str:
        """Dequantized weights; the scales of ``axis``, if there are several."""
        zeros = np.zeros_like(np.asarray(scale, "float32")) if zero is None else zero
        attributes = {"axis": axis} if np.ndim(scale) else {}
        return self.dequantize(self.constant(array, array.dtype.name), scale, zeros, array.dtype.name, **attributes)

    def bias(self, count: int, scale: Any, seed: int = 5) -> str:
        """A dequantized int32 bias; ``scale`` is that of the sums."""
        scales = np.broadcast_to(np.asarray(scale, np.float32), (count,))
        array = integers(count, low=-3000, high=3000, seed=seed)
        return self.dequantize(self.constant(array, "int32"), scales, np.zeros(count), "int32", axis=0)

    def model(self) -> onnx.ModelProto:
        """The model of the nodes so far, with ``results`` as outputs."""
        inputs = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), ["batch", *array.shape[1:]]
            )
            for name, array in self.feeds.items()
        ]
        outputs = [onnx.ValueInfoProto(name=name) for name in self.results]
        graph = helper.make_graph(self.nodes, "quantized", inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=10)
        return onnx.shape_inference.infer_shapes(model)


Build = Callable[[Quantized], str | Sequence[str]]


@dataclass(frozen=True)
class Graph(Node):
    """A graph of a table of nodes, and the layers that it becomes. ``leaves`` are the layers that compute in float32
    behind integers, each with the first words of the reason.
    """

    op: str = ""
    inputs: Sequence[Any] = ()
    build: Build = None  # type: ignore[assignment]
    becomes: str = ""
    leaves: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)

    def _built(self) -> Quantized:
        made = Quantized(self.opset)
        results = self.build(made)
        made.results = [results] if isinstance(results, str) else list(results)
        return made

    def model(self, name: str) -> onnx.ModelProto:
        del name
        return self._built().model()

    def _feeds(self) -> dict[str, np.ndarray]:
        return self._built().feeds


def quantized(becomes: str, build: Build, opset: int = 13, **leaves: str | tuple[str, ...]) -> Graph:
    """A case: the kinds of layers without Constant and Reshape, in order, and what builds the graph."""
    return Graph(build=build, becomes=becomes, opset=opset, leaves=leaves)


def packed_int4(array: np.ndarray) -> onnx.TensorProto:
    """Integers from −8 to 7 as a tensor of int4."""
    return helper.make_tensor("", TensorProto.INT4, array.shape, array.reshape(-1))
