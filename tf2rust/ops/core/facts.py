"""What is known of every ONNX value before anything is matched: dtype, symbolic shape, and contents where constant."""

from __future__ import annotations

import re
import zlib
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.dims import Expr
from tf2rust.ops.core.layer import Dims


@dataclass(frozen=True)
class Fact:
    """One value's facts.

    ``const`` holds the contents of a constant. ``dims`` holds those of a small integer tensor that is computed from
    shapes: an object array of integers and expressions, of at most two axes. ``fill`` is the number that a tensor is
    filled with, where that is known although its size is not.
    """

    dtype: str
    shape: Dims
    const: np.ndarray | None = None
    dims: np.ndarray | None = None
    fill: float | None = None

    @staticmethod
    def of_const(array: np.ndarray) -> Fact:
        array = np.asarray(array)
        fill = None
        if array.size and array.dtype.kind in "fiub":
            # Few weights are filled with one number, and those that are not show it soon.
            same = all((part == array.flat[0]).all() for part in (array.flat[:_FEW], array))
            fill = float(array.flat[0]) if same else None
        dims = array.astype(object) if array.dtype.kind in "iu" and array.ndim <= 1 and array.size <= 64 else None
        return Fact(array.dtype.name, array.shape, array, dims, fill)

    @staticmethod
    def of_dims(dims: np.ndarray, dtype: str = "int64") -> Fact:
        """The fact of an integer tensor whose elements are dimensions; a constant if they are all numbers."""
        dims = np.asarray(dims, dtype=object)
        if all(not isinstance(d, Expr) for d in dims.flat):
            try:
                return Fact.of_const(dims.astype(dtype))
            except OverflowError:
                raise InferenceError(f"a number that it computes from shapes is too large for {dtype}") from None
        return Fact(dtype, dims.shape, dims=dims)


_FEW = 1024
"""Elements that are looked at before all are."""


class InferenceError(Exception):
    """Shapes or contents of a node's outputs cannot be found; the message says why."""


def label(node: ir.Node) -> str:
    """What a node is called in listings and reasons: its name or, where it has none, its operator and outputs."""
    made = ", ".join(f'"{value.name}"' for value in node.outputs if value.name)
    return node.name or f"{node.op_type} node that makes {made or 'nothing'}"


class Node:
    """An ONNX node as rules and shape functions see it; it remembers which attributes were read.

    An attribute that nobody read was not understood, and a rule that did not understand its nodes must not match.
    """

    def __init__(self, node: ir.Node) -> None:
        self.ir = node
        self.read: set[str] = set()

    @property
    def op(self) -> str:
        return self.ir.op_type

    @property
    def name(self) -> str:
        """What the node is called in listings and reasons."""
        return label(self.ir)

    @property
    def inputs(self) -> tuple[ir.Value | None, ...]:
        """The inputs, with trailing absent ones cut off."""
        inputs = list(self.ir.inputs)
        while inputs and inputs[-1] is None:
            inputs.pop()
        return tuple(inputs)

    @property
    def version(self) -> int:
        """The operator set version this node was written for."""
        return self.ir.version or 18

    @property
    def outputs(self) -> Sequence[ir.Value]:
        return self.ir.outputs

    @property
    def x(self) -> ir.Value:
        """The first input."""
        return self.operand(0)

    @property
    def y(self) -> ir.Value:
        """The first output."""
        return self.ir.outputs[0]

    def input(self, index: int) -> ir.Value | None:
        """The input, or None if it is absent."""
        return self.ir.inputs[index] if index < len(self.ir.inputs) else None

    def operand(self, index: int) -> ir.Value:
        """The input; raises InferenceError if it is absent."""
        value = self.input(index)
        if value is None:
            raise InferenceError(f"its input {index} is absent")
        return value

    def operands(self, count: int | None = None) -> list[ir.Value]:
        """The first ``count`` inputs, or all; raises InferenceError if one of them is absent."""
        return [self.operand(i) for i in range(len(self.inputs) if count is None else count)]

    def has(self, name: str) -> bool:
        self.read.add(name)
        return name in self.ir.attributes

    def attr(self, name: str, default: Any = None) -> Any:
        """The attribute's value as a plain Python or NumPy value, ``default`` if it is absent."""
        self.read.add(name)
        attribute = self.ir.attributes.get(name)
        if attribute is None:
            return default
        value = attribute.value
        if attribute.type == ir.AttributeType.TENSOR:
            return value.numpy()
        return list(value) if isinstance(value, (list, tuple)) else value

    def unread(self) -> list[str]:
        return sorted(set(self.ir.attributes) - self.read)


class Facts:
    """The facts of one graph."""

    def __init__(self, facts: MutableMapping[ir.Value, Fact] | None = None) -> None:
        self._facts = {} if facts is None else facts

    def layer(self) -> Facts:
        """Facts that hold what these do, and take new ones without these knowing."""
        return Facts(ChainMap({}, self._facts))

    def __contains__(self, value: ir.Value) -> bool:
        return value in self._facts

    def __getitem__(self, value: ir.Value) -> Fact:
        try:
            return self._facts[value]
        except KeyError:
            raise InferenceError(f"nothing is known of its input `{value.name}`") from None

    def __setitem__(self, value: ir.Value, fact: Fact) -> None:
        self._facts[value] = fact

    def known(self, value: ir.Value | None) -> Fact | None:
        return self._facts.get(value) if value is not None else None

    def shape(self, value: ir.Value) -> Dims:
        return self[value].shape

    def dtype(self, value: ir.Value) -> str:
        return self[value].dtype

    def const(self, value: ir.Value | None) -> np.ndarray | None:
        """The contents of a constant, else None."""
        fact = self.known(value)
        return fact.const if fact is not None else None

    def dims(self, value: ir.Value | None) -> list[int | Expr] | None:
        """The elements of a shape tensor of at most one dimension, else None."""
        fact = self.known(value)
        if fact is None or fact.dims is None or fact.dims.ndim > 1:
            return None
        return list(np.atleast_1d(fact.dims))

    def ints(self, node: Node, name: str, index: int, default: Sequence[int] | None = None) -> list[int] | None:
        """A list of integers that newer operator sets give as input ``index`` and older ones as attribute ``name``."""
        value = node.input(index)
        if value is None:
            given = node.attr(name)
            given = default if given is None else given
            return None if given is None else list(given)
        node.has(name)
        array = self.const(value)
        if array is None:
            raise InferenceError(f"its input {index} (`{name}`) is not a constant")
        if array.ndim > 1 or array.dtype.kind not in "iub":
            given = f"{array.dtype} of shape {list(array.shape)}"
            raise InferenceError(f"its input {index} (`{name}`) is {given} where a list of integers is expected")
        return [int(i) for i in np.atleast_1d(array)]


KNOWN_DOMAINS = ("", "ai.onnx", "tf2rust")
"""The operator sets that rules know: ONNX' own, and the functions that we write for operators of TensorFlow."""

ShapeFunction = Callable[[Node, Facts], Sequence[Fact]]
_shape_functions: dict[str, ShapeFunction] = {}


def infers(*ops: str) -> Callable[[ShapeFunction], ShapeFunction]:
    """Registers the function that finds the facts of the outputs of these ONNX operators."""

    def register(function: ShapeFunction) -> ShapeFunction:
        for op in ops:
            if op in _shape_functions:
                raise ValueError(f"two shape functions for {op}")
            _shape_functions[op] = function
        return function

    return register


def shape_function(op: str) -> ShapeFunction | None:
    """The registered shape function of an ONNX operator."""
    return _shape_functions.get(op)


def not_as_defined(error: Exception) -> str:
    """The reason for what was raised where a node's inputs or attributes were taken for what ONNX defines.

    Raises the error again if the machine is short of memory.
    """
    if isinstance(error, (MemoryError, RecursionError)):
        raise error
    said = " ".join(str(error).split())
    return f"its inputs or attributes are not what ONNX defines, or are misread ({type(error).__name__}: {said[:120]})"


_body_functions: dict[str, ShapeFunction] = {}


def enters(*ops: str) -> Callable[[ShapeFunction], ShapeFunction]:
    """Registers the function that finds the facts of the inputs of these operators' bodies."""

    def register(function: ShapeFunction) -> ShapeFunction:
        for op in ops:
            _body_functions[op] = function
        return function

    return register


def body_function(op: str) -> ShapeFunction | None:
    """The registered function that finds what the body of an ONNX operator is given."""
    return _body_functions.get(op)


def same_shape(node: Node, facts: Facts) -> Sequence[Fact]:
    """The shape function of elementwise operators with one input."""
    fact = facts[node.x]
    return [Fact(fact.dtype, fact.shape)]


def broadcast(shapes: Iterable[Dims]) -> Dims:
    """The shape that these shapes broadcast to, by NumPy's rules.

    A free dimension against a number is taken to have that size, as exporters do: the generated code checks lengths.
    """
    shapes = list(shapes)
    rank = max((len(s) for s in shapes), default=0)
    result: list[int | Expr] = []
    for axis in range(-rank, 0):
        sizes = list(dict.fromkeys(s[axis] for s in shapes if len(s) >= -axis and s[axis] != 1))
        numbers = [d for d in sizes if isinstance(d, int)]
        if len(numbers) > 1 or (len(sizes) > 1 and not numbers):
            raise InferenceError(f"the shapes {', '.join(map(str, shapes))} do not broadcast")
        result.append(numbers[0] if numbers else sizes[0] if sizes else 1)
    return tuple(result)


def measured(value: ir.Value, name: str = "count") -> Expr:
    """A dimension of ``value`` that is known only when the model runs; a layer must measure it.

    Its name can be that of no free dimension; what is no identifier in the value's name is told by a checksum.
    """
    given = value.name or ""
    folded = re.sub(r"\W+", "_", given, flags=re.ASCII)
    plain = folded if folded == given else f"{folded}_{zlib.crc32(given.encode()):08x}"
    return Expr.symbol(f"{name}({plain})")


def normal_axis(axis: int, rank: int) -> int:
    """``axis`` counted from the front."""
    if not -rank <= axis < max(rank, 1):
        raise InferenceError(f"axis {axis} does not exist in a tensor of rank {rank}")
    return axis + rank if axis < 0 else axis


def bodies_of(node: ir.Node) -> list[ir.Graph]:
    """The graphs inside of a node: a loop's body, the branches of an If."""
    found: list[ir.Graph] = []
    for attribute in node.attributes.values():
        found += [attribute.value] if attribute.type == ir.AttributeType.GRAPH else []
        found += attribute.value if attribute.type == ir.AttributeType.GRAPHS else []
    return found


def read_by(node: ir.Node) -> Iterator[ir.Value]:
    """The values that the node reads: its inputs, and those that its bodies capture."""
    yield from (v for v in node.inputs if v is not None)
    for graph in bodies_of(node):
        inside = {v for inner in graph for v in inner.outputs} | {*graph.inputs, *graph.initializers.values()}
        read = {v: None for inner in graph for v in read_by(inner)} | dict.fromkeys(graph.outputs)
        yield from (v for v in read if v not in inside)
