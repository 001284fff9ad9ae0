"""A node of ONNX Runtime's domain while its definition is built, and the table of definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper

from tf2rust.ops.core.function_body import Body
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos
from tf2rust.ops.core.layer import Dims

DOMAIN = "com.microsoft"
OPSET = 24
"""The version of ONNX's operator set that the definitions use."""
_OUTSIDE_DOMAIN = frozenset({"SimplifiedLayerNormalization"})
"""Operators that ONNX Runtime adds to ONNX's own domain."""
_BLOCKED = "com.microsoft.nchwc"
"""The domain of operators that depend on the processor."""
_BLOCKED_REASON = (
    "ONNX Runtime saved the model with a layout for one processor; save it again with a graph optimization level up to "
    "ORT_ENABLE_EXTENDED, or convert the original model"
)


class Call(Node):
    """A node whose definition is built in ``body``.

    It records which inputs and attributes the definition reads. A node with others is refused, so that none is ignored.
    """

    def __init__(self, node: ir.Node, infos: ValueInfos) -> None:
        super().__init__(node)
        self.infos, self.body = infos, Body()
        self.read_inputs: set[int] = set()

    def given(self, index: int) -> bool:
        """Whether the input is present."""
        self.read_inputs.add(index)
        return self.input(index) is not None

    def arg(self, index: int) -> str:
        """The name of an input in the body. Raises InferenceError if the input is absent."""
        if not self.given(index):
            raise InferenceError(f"its input {index} is absent")
        return f"x{index}"

    def maybe(self, index: int) -> str | None:
        """The name of an optional input in the body; None if it is absent."""
        return self.arg(index) if self.given(index) else None

    def info(self, index: int) -> ValueInfo:
        self.read_inputs.add(index)
        return self.infos[self.operand(index)]

    def shape(self, index: int) -> Dims:
        return self.info(index).shape

    def rank(self, index: int) -> int:
        return len(self.shape(index))

    def dtype(self, index: int) -> str:
        return self.info(index).dtype

    def size(self, index: int, axis: int) -> int:
        """A size that must be known at conversion. Raises InferenceError if it is symbolic."""
        size = self.shape(index)[axis]
        if not isinstance(size, int):
            raise InferenceError(f"the size of axis {axis} of its input {index} is `{size}`, but must be a number")
        return size

    def constant_input(self, index: int) -> np.ndarray:
        """The contents of an input that must be a constant. Raises InferenceError if it is not."""
        array = self.info(index).const
        if array is None:
            raise InferenceError(f"its input {index} is not a constant")
        return array

    def required(self, name: str) -> Any:
        """The value of an attribute. Raises InferenceError if it is absent."""
        if not self.has(name):
            raise InferenceError(f"it lacks the attribute `{name}`, which {self.op} requires")
        return self.attr(name)

    def only(self, name: str, *values: Any) -> None:
        """Raises InferenceError if an attribute is present and none of ``values``."""
        value = self.attr(name, values[0])
        if value not in values:
            raise InferenceError(f"its attribute `{name}` is {value}, but only {values[0]} is supported")

    def wants(self, index: int) -> bool:
        """Whether the output at ``index`` has a name, so that other nodes may read it."""
        return index < len(self.outputs) and bool(self.outputs[index].name)


Definition = Callable[[Call], Sequence[str | None]]
"""Adds nodes to the body of a call, and returns the names of its outputs; None means that an output is not computed."""
_definitions: dict[str, Definition] = {}


def definitions() -> Mapping[str, Definition]:
    """The definitions by operator."""
    return _definitions


def defines(*ops: str) -> Callable[[Definition], Definition]:
    """Registers a function as the definition of these operators."""

    def register(make: Definition) -> Definition:
        for op in ops:
            if op in _definitions:
                raise ValueError(f"two definitions of {op}")
            _definitions[op] = make
        return make

    return register


def is_contrib(node: ir.Node) -> bool:
    """Whether the node has one of ONNX Runtime's operators."""
    return node.domain in (DOMAIN, _BLOCKED) or (node.domain in ("", "ai.onnx") and node.op_type in _OUTSIDE_DOMAIN)


def is_defined(node: ir.Node) -> bool:
    """Whether the node has one of ONNX Runtime's operators, and a definition or a reason for having none."""
    return is_contrib(node) and (node.op_type in _definitions or node.domain == _BLOCKED)


def definition(node: ir.Node, infos: ValueInfos) -> onnx.FunctionProto:
    """The function body of the node. Raises InferenceError with the reason if there is none."""
    if node.domain == _BLOCKED:
        raise InferenceError(_BLOCKED_REASON)
    make = _definitions.get(node.op_type)
    if make is None:
        raise InferenceError("no rule supports this operator")
    for value in node.inputs:
        if value is not None and value not in infos:
            raise InferenceError(f"its input `{value.name}` comes from a node that is not supported")
    call = Call(node, infos)
    results = list(make(call))
    if reason := next(_ignored(call, results), None):
        raise InferenceError(reason)
    inputs = [f"x{i}" for i in range(len(node.inputs))]
    made = [name or f"absent_{i}" for i, name in enumerate(results)]
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_function(DOMAIN, node.op_type, inputs, made, call.body.nodes, opsets)


def _ignored(call: Call, results: Sequence[str | None]) -> Iterator[str]:
    """What the definition does not read or compute, as reasons."""
    yield from (f"its attribute `{name}` is not supported" for name in call.unread())
    for i, value in enumerate(call.inputs):
        if value is not None and i not in call.read_inputs:
            yield f"its input {i} (`{value.name}`) is not supported"
    for i in range(len(call.outputs)):
        if call.wants(i) and (i >= len(results) or results[i] is None):
            yield f"its output {i} (`{call.outputs[i].name}`) is not supported"
