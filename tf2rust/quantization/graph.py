"""The graph of a float model while it is being quantized."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import count

import numpy as np
import onnx
from onnx import numpy_helper

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.infer import Analysis
from tf2rust.onnx_import.tidy import keep, read_names, tidy
from tf2rust.onnx_import.weights import split_weights
from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.inference import ValueInfo
from tf2rust.stages import brief

FLOAT = "float32"
_QUANTIZED = re.compile(r"Quantize|QLinear|Integer$|^QGemm$")
"""Operators on integers or between integers and floats."""


def is_standard(node: onnx.NodeProto) -> bool:
    """Whether ONNX' own domain has the operator."""
    return node.domain in ("", "ai.onnx")


def node_label(node: onnx.NodeProto) -> str:
    """The name of a node in listings, as :func:`tf2rust.ops.core.inference.label` gives it."""
    made = ", ".join(f'"{name}"' for name in node.output if name)
    return node.name or f"{node.op_type} node with the output {made or '(none)'}"


def _refuse_quantized(proto: onnx.ModelProto) -> None:
    quantized = next((node for node in proto.graph.node if _QUANTIZED.search(node.op_type)), None)
    if quantized is not None:
        raise ConversionError(
            f"The model is quantized already: node `{brief(node_label(quantized))}` is a {quantized.op_type}; convert "
            "it without --quantize, --weights and --precision, or give the float model that it was made from."
        )


class FloatGraph:
    """The nodes of the outermost graph, and what the analysis knows of their values.

    Nodes in bodies of loops and branches stay as they are; the values that they capture count as read. New constants
    are arrays by name until :meth:`model` writes them. Raises ConversionError if the model is quantized already.
    """

    def __init__(self, proto: onnx.ModelProto, weights: Mapping[str, np.ndarray], analysis: Analysis) -> None:
        _refuse_quantized(proto)
        self.proto = onnx.ModelProto()
        self.proto.CopyFrom(proto)
        self.weights = weights
        self.nodes = list(self.proto.graph.node)
        self.infos: dict[str, ValueInfo] = {}
        for value in [*analysis.graph.inputs, *analysis.graph.initializers.values()]:
            self._learn(value.name, analysis.infos.known(value))
        for node in analysis.graph:
            for value in node.outputs:
                self._learn(value.name, analysis.infos.known(value))
        self.outputs = [info.name for info in proto.graph.output]
        self.constants: dict[str, np.ndarray] = {}
        self._taken = {name for node in self.nodes for name in (*read_names(node), *node.output)} | self.infos.keys()
        self.index()

    def _learn(self, name: str | None, info: ValueInfo | None) -> None:
        if name and info is not None:
            self.infos[name] = info

    def copy(self) -> FloatGraph:
        """A copy whose nodes and constants can change independently."""
        other = copy.copy(self)
        other.nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in self.nodes]
        other.constants, other._taken = dict(self.constants), set(self._taken)
        other.index()
        return other

    def index(self) -> None:
        """Finds the makers and readers of all values, after nodes have changed."""
        self.makers = {name: node for node in self.nodes for name in node.output if name}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            for name in sorted(read_names(node)):
                self.readers.setdefault(name, []).append(node)

    def constant(self, name: str) -> np.ndarray | None:
        """The contents of a constant; None for other values."""
        if name in self.constants:
            return self.constants[name]
        info = self.infos.get(name)
        return None if info is None else info.const

    def shape(self, name: str) -> tuple[Dim, ...] | None:
        """The shape of a value; None if it is unknown."""
        info = self.infos.get(name)
        return None if info is None else info.shape

    def is_float(self, name: str) -> bool:
        """Whether a value is a float32 tensor that depends on the inputs."""
        info = self.infos.get(name)
        return info is not None and info.dtype == FLOAT and self.constant(name) is None

    def only_reader(self, name: str) -> onnx.NodeProto | None:
        """The node that reads ``name`` if nothing else does."""
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.outputs else None

    def new_name(self, wanted: str) -> str:
        """A name that no value of the graph has: ``wanted``, or ``wanted_1``, ``wanted_2`` …"""
        name = next(n for i in count() if (n := f"{wanted}_{i}" if i else wanted) not in self._taken)
        self._taken.add(name)
        return name

    def add_constant(self, wanted: str, array: np.ndarray) -> str:
        """Adds a constant, and returns its name."""
        name = self.new_name(wanted)
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def insert_after(self, node: onnx.NodeProto | None, new: Sequence[onnx.NodeProto]) -> None:
        """Adds nodes behind ``node``, or in front of all nodes."""
        position = 0 if node is None else next(i for i, known in enumerate(self.nodes) if known is node) + 1
        self.nodes[position:position] = new

    def model(self, outputs: Iterable[str] | None = None) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
        """The model and its large weights; ``outputs`` replaces its outputs by these float32 values."""
        made = onnx.ModelProto()
        made.CopyFrom(self.proto)
        made.graph.ClearField("node")
        made.graph.node.extend(self.nodes)
        made.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in self.constants.items())
        if outputs is not None:
            made.graph.ClearField("output")
            made.graph.output.extend(
                onnx.ValueInfoProto(name=name, type=onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, None))
                for name in outputs
            )
        # What shape inference of exporters noted no longer fits renamed values.
        keep(made.graph.value_info, lambda info: False)
        tidy(made)
        light, weights = split_weights(made, dict(self.weights))
        return light, weights
