"""Shape inference: the dtype, the symbolic shape and, for constants, the contents of every ONNX value."""

from __future__ import annotations

import re
import zlib
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_ir as ir

from tf2rust.errors import ConversionError
from tf2rust.ops.core.dims import (
    Condition,
    Dim,
    DimExpr,
    bind,
    can_be_equal,
    equals,
    format_shape,
    least,
    maximum,
    symbols,
)
from tf2rust.ops.core.layer import Dims


@dataclass(frozen=True)
class ValueInfo:
    """What is known about one value.

    ``const`` holds the contents of a constant. ``dims`` holds the contents of a small integer tensor computed from
    shapes: an object array of integers and expressions with at most two axes. ``fill`` is the number that fills the
    whole tensor; it can be known even if the tensor's size is not. ``condition`` tells when a boolean computed from
    shapes is true. ``scales`` are the scales of a constant that was dequantized; they broadcast to its shape.
    """

    dtype: str
    shape: Dims
    const: np.ndarray | None = None
    dims: np.ndarray | None = None
    fill: float | None = None
    condition: Condition | None = None
    scales: np.ndarray | None = None

    @staticmethod
    def of_const(array: np.ndarray) -> ValueInfo:
        array = np.asarray(array)
        array = texts(array) if array.dtype.kind in "OSU" else array
        fill = None
        if array.size and array.dtype.kind in "fiub":
            # Few weights are filled with one number, and the first elements usually show that they are not.
            same = all((part == array.flat[0]).all() for part in (array.flat[:_FEW], array))
            fill = float(array.flat[0]) if same else None
        dims = array.astype(object) if array.dtype.kind in "iu" and array.ndim <= 1 and array.size <= 64 else None
        return ValueInfo(array.dtype.name, array.shape, array, dims, fill)

    @staticmethod
    def of_dims(dims: np.ndarray, dtype: str = "int64") -> ValueInfo:
        """An integer tensor whose elements are dimensions; a constant if all of them are numbers."""
        dims = np.asarray(dims, dtype=object)
        if all(not isinstance(d, DimExpr) for d in dims.flat):
            try:
                return ValueInfo.of_const(dims.astype(dtype))
            except OverflowError:
                raise InferenceError(f"a number that it computes from shapes is too large for {dtype}") from None
        return ValueInfo(dtype, dims.shape, dims=dims)


def objects(elements: Sequence[object], shape: tuple[int, ...]) -> np.ndarray:
    """An object array of these elements."""
    made = np.empty(len(elements), dtype=object)
    made[:] = elements
    return made.reshape(shape)


def texts(array: np.ndarray) -> np.ndarray:
    """An array of strings with the dtype ``TEXT``, whose elements are ``str``.

    Raises ConversionError if an element is not UTF-8.
    """
    try:
        found = [item.decode() if isinstance(item, bytes) else str(item) for item in array.reshape(-1)]
    except UnicodeDecodeError:
        raise ConversionError(
            "A string of the model is not UTF-8, and crates support no other encoding; convert the model's strings to "
            "UTF-8 before exporting it."
        ) from None
    return objects(found, array.shape)


_FEW = 1024
"""The number of elements that are compared before the whole array is."""


class InferenceError(Exception):
    """The shapes or contents of a node's outputs cannot be inferred; the message says why."""


def label(node: ir.Node) -> str:
    """The name of a node in listings and messages, or its operator and outputs if it has no name."""
    made = ", ".join(f'"{value.name}"' for value in node.outputs if value.name)
    return node.name or f"{node.op_type} node with the output {made or '(none)'}"


class Node:
    """An ONNX node for rules and shape functions. It records which attributes were read.

    An unread attribute was not understood, and a rule that does not understand its nodes must not match.
    """

    def __init__(self, node: ir.Node) -> None:
        self.ir = node
        self.read: set[str] = set()

    @property
    def op(self) -> str:
        return self.ir.op_type

    @property
    def name(self) -> str:
        """The name of the node in listings and messages."""
        return label(self.ir)

    @property
    def inputs(self) -> tuple[ir.Value | None, ...]:
        """The inputs without trailing absent ones."""
        inputs = list(self.ir.inputs)
        while inputs and inputs[-1] is None:
            inputs.pop()
        return tuple(inputs)

    @property
    def version(self) -> int:
        """The operator set version of the node."""
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
        """The input at ``index``, or None if it is absent."""
        return self.ir.inputs[index] if index < len(self.ir.inputs) else None

    def operand(self, index: int) -> ir.Value:
        """The input at ``index``. Raises InferenceError if it is absent."""
        value = self.input(index)
        if value is None:
            raise InferenceError(f"its input {index} is absent")
        return value

    def operands(self, count: int | None = None) -> list[ir.Value]:
        """The first ``count`` inputs, or all inputs. Raises InferenceError if one is absent."""
        return [self.operand(i) for i in range(len(self.inputs) if count is None else count)]

    def has(self, name: str) -> bool:
        self.read.add(name)
        return name in self.ir.attributes

    def attr(self, name: str, default: Any = None) -> Any:
        """The attribute as a plain Python or NumPy value, or ``default`` if it is absent."""
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


class Assumptions:
    """What a model assumes about the sizes of its inputs. The crate checks it before it runs the layers.

    Two dimensions that a node needs to be equal are one dimension from then on: the simpler expression stands for both.
    The branches of an If have assumptions of their own, in addition to those of the graph around them.
    """

    def __init__(self, outer: Assumptions | None = None) -> None:
        self.conditions: dict[Condition, None] = {}
        """The conditions, in the order of the nodes that need them."""
        self.node = ""
        """The node that is being inferred, as a noun phrase."""
        self.sizes: set[str] = set() if outer is None else outer.sizes
        """The symbolic dimensions of the inputs: conditions are about these only."""
        self._outer = outer
        self._simpler: dict[Dim, Dim] = {}
        self._branches: dict[ir.Graph, Assumptions] = {}

    def of_branch(self, branch: ir.Graph) -> Assumptions:
        """The assumptions of a branch of an If."""
        return self._branches.setdefault(branch, Assumptions(self))

    def count(self) -> int:
        """The number of conditions, including those of all branches."""
        return len(self.conditions) + sum(inner.count() for inner in self._branches.values())

    def simplest(self, dim: Dim) -> Dim:
        """The simplest expression that is known to be equal to ``dim``."""
        while dim in self._simpler:
            dim = self._simpler[dim]
        if self._outer is not None and (outer := self._outer.simplest(dim)) != dim:
            return self.simplest(outer)
        return dim

    def checks(self) -> list[Condition]:
        """The conditions to check, in terms of the dimensions that inputs still have.

        An input whose dimension is another one, or a number, has that one in its shape, which is checked anyway.
        """
        replaced = {name: self.simplest(DimExpr.symbol(name)) for name in self.sizes}
        found: dict[Condition, None] = {}
        for condition in self.conditions:
            left, right = bind(condition.left, replaced), bind(condition.right, replaced)
            checked = replace(condition, left=left, right=right)
            if not checked.known():
                found.setdefault(checked)
        return list(found)

    def require(self, left: Dim, relation: str, right: Dim) -> bool:
        """Adds a condition. Returns False if the crate cannot check it, because it depends on data or a loop."""
        if not symbols([left, right]) <= self.sizes:
            return False
        self.conditions.setdefault(Condition(left, relation, right, self.node))
        return True

    def in_range(self, dim: Dim, low: int, high: int) -> None:
        """Adds the conditions that the user gave as the range of a dimension."""
        self.node = "option `--dim`"
        self.require(dim, ">=", low)
        self.require(high, ">=", dim)

    def unify(self, a: Dim, b: Dim) -> Dim | None:
        """The dimension that both are, if they are equal or are assumed to be; None if they cannot be."""
        a, b = self.simplest(a), self.simplest(b)
        known = equals(a, b)
        if known:
            return a
        if known is False or not can_be_equal(a, b) or not self.require(a, "==", b):
            return None
        if _complexity(b) < _complexity(a):
            a, b = b, a
        self._simpler[b] = a
        return a

    def unify_all(self, dims: Sequence[Dim]) -> list[Dim]:
        """The dims without those that are equal, or are assumed to be equal, to another."""
        distinct: list[Dim] = []
        for dim in dims:
            same = next((i for i, other in enumerate(distinct) if self.unify(other, dim) is not None), None)
            if same is None:
                distinct.append(dim)
            else:
                distinct[same] = self.simplest(dim)
        return distinct


def _complexity(dim: Dim) -> int:
    return dim.size if isinstance(dim, DimExpr) else 0


class ValueInfos:
    """The infos of the values of one graph."""

    def __init__(
        self, infos: MutableMapping[ir.Value, ValueInfo] | None = None, assumptions: Assumptions | None = None
    ) -> None:
        self._infos = {} if infos is None else infos
        self.assumptions = assumptions or Assumptions()

    def layer(self) -> ValueInfos:
        """A copy-on-write view: it contains all infos of this table, and additions to it do not change this table."""
        return ValueInfos(ChainMap({}, self._infos), self.assumptions)

    @contextmanager
    def within(self, branch: ir.Graph) -> Iterator[None]:
        """Assumptions that are made inside the ``with`` block are those of a branch of an If."""
        outer, self.assumptions = self.assumptions, self.assumptions.of_branch(branch)
        yield
        self.assumptions = outer

    def __contains__(self, value: ir.Value) -> bool:
        return value in self._infos

    def __getitem__(self, value: ir.Value) -> ValueInfo:
        try:
            return self._infos[value]
        except KeyError:
            raise InferenceError(f"nothing is known about its input `{value.name}`") from None

    def __setitem__(self, value: ir.Value, info: ValueInfo) -> None:
        simplest = self.assumptions.simplest
        shape = tuple(map(simplest, info.shape))
        if shape != info.shape:
            info = replace(info, shape=shape)
        if info.dims is not None and info.const is None:
            dims = [simplest(d) if isinstance(d, DimExpr) else d for d in info.dims.flat]
            info = replace(info, dims=objects(dims, info.dims.shape))
        self._infos[value] = info

    def at_least(self, dim: Dim, low: Dim) -> None:
        """Assumes ``dim >= low`` unless it is known. Raises InferenceError if the crate cannot check it."""
        known = least(dim - low)
        if (known is None or known < 0) and not self.assumptions.require(dim, ">=", low):
            raise InferenceError(f"whether {dim} is at least {low} is known only while the model runs")

    def known(self, value: ir.Value | None) -> ValueInfo | None:
        return self._infos.get(value) if value is not None else None

    def shape(self, value: ir.Value) -> Dims:
        return self[value].shape

    def dtype(self, value: ir.Value) -> str:
        return self[value].dtype

    def const(self, value: ir.Value | None) -> np.ndarray | None:
        """The contents of a constant, otherwise None."""
        info = self.known(value)
        return info.const if info is not None else None

    def dims(self, value: ir.Value | None) -> list[Dim] | None:
        """The elements of a shape tensor with at most one axis, otherwise None."""
        info = self.known(value)
        if info is None or info.dims is None or info.dims.ndim > 1:
            return None
        return list(np.atleast_1d(info.dims))

    def ints(self, node: Node, name: str, index: int, default: Sequence[int] | None = None) -> list[int] | None:
        """A list of integers: input ``index`` in newer operator sets, and attribute ``name`` in older ones."""
        value = node.input(index)
        if value is None:
            given = node.attr(name)
            given = default if given is None else given
            return None if given is None else list(given)
        node.has(name)
        array = self.const(value)
        if array is None and self.shape(value) == (0,):
            return []
        if array is None:
            raise InferenceError(f"its input {index} (`{name}`) is not a constant")
        if array.ndim > 1 or array.dtype.kind not in "iub":
            given = f"{array.dtype} of shape {list(array.shape)}"
            raise InferenceError(f"its input {index} (`{name}`) is {given}, but a list of integers is expected")
        return [int(i) for i in np.atleast_1d(array)]


OWN_DOMAIN, OWN_VERSION = "tf2rust", 1
"""The domain of operators that ONNX lacks, and its version."""
_KNOWN_DOMAINS = ("", "ai.onnx", OWN_DOMAIN)
"""The domains of operators that shape functions and rules know by name alone."""

ShapeFunction = Callable[[Node, ValueInfos], Sequence[ValueInfo]]
_shape_functions: dict[str, ShapeFunction] = {}
_domains: dict[str, str] = {}
"""The domains of operators that belong to a single other domain."""


def infers(*ops: str, domain: str | None = None) -> Callable[[ShapeFunction], ShapeFunction]:
    """Registers a function as the shape function of these operators: it returns the infos of their outputs.

    ``domain`` is that of operators that neither ONNX nor tf2rust defines.
    """

    def register(function: ShapeFunction) -> ShapeFunction:
        for op in ops:
            if op in _shape_functions:
                raise ValueError(f"two shape functions for {op}")
            _shape_functions[op] = function
            if domain is not None:
                _domains[op] = domain
        return function

    return register


def is_known(node: ir.Node) -> bool:
    """Whether the shape functions and rules for the node's operator are meant for its domain."""
    domain = _domains.get(node.op_type)
    return node.domain in _KNOWN_DOMAINS if domain is None else node.domain == domain


def shape_function(op: str) -> ShapeFunction | None:
    """The registered shape function of an ONNX operator."""
    return _shape_functions.get(op)


def malformed_node(error: Exception) -> str:
    """The reason for an exception from a malformed node, or from one that a rule misreads.

    Raises the exception again if memory or the stack ran out.
    """
    if isinstance(error, (MemoryError, RecursionError)):
        raise error
    said = " ".join(str(error).split())
    return f"its inputs or attributes do not conform to ONNX, or are misread ({type(error).__name__}: {said[:120]})"


_body_functions: dict[str, ShapeFunction] = {}


def infers_body_inputs(*ops: str) -> Callable[[ShapeFunction], ShapeFunction]:
    """Registers a function that returns the infos of the inputs of these operators' bodies."""

    def register(function: ShapeFunction) -> ShapeFunction:
        for op in ops:
            _body_functions[op] = function
        return function

    return register


def body_input_function(op: str) -> ShapeFunction | None:
    """The registered function for the inputs of an ONNX operator's bodies."""
    return _body_functions.get(op)


def same_shape(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    """The shape function of elementwise operators with one input."""
    info = infos[node.x]
    return [ValueInfo(info.dtype, info.shape)]


def _joined(sizes: Sequence[Dim], infos: ValueInfos) -> Dim | None:
    """The dimension that these symbolic ones broadcast to; None if they do not."""
    if any(map(is_data_dependent, symbols(sizes))):
        return maximum(*sizes)
    found: Dim | None = sizes[0]
    for size in sizes[1:]:
        found = None if found is None else infos.assumptions.unify(found, size)
    return found


def broadcast(shapes: Iterable[Dims], infos: ValueInfos | None = None) -> Dims:
    """The shape that these shapes broadcast to, by NumPy's rules.

    A symbolic dimension that meets a number is assumed to be that number, as exporters do; generated code checks it.
    Two different expressions must be equal, unless ``infos`` may assume that they are. Data-dependent dimensions
    broadcast to the largest of them: the layer checks when it runs that they do.
    """
    shapes = list(shapes)
    rank = max((len(s) for s in shapes), default=0)
    result: list[Dim] = []
    for axis in range(-rank, 0):
        sizes = list(dict.fromkeys(s[axis] for s in shapes if len(s) >= -axis and s[axis] != 1))
        numbers = [d for d in sizes if isinstance(d, int)]
        if infos is not None and len(sizes) > 1 and not numbers:
            joined = _joined(sizes, infos)
            sizes = sizes if joined is None else [joined]
        if len(numbers) > 1 or (len(sizes) > 1 and not numbers):
            raise InferenceError(f"the shapes {', '.join(map(format_shape, shapes))} do not broadcast")
        result.append(numbers[0] if numbers else sizes[0] if sizes else 1)
    return tuple(result)


def data_dependent_dim(value: ir.Value, name: str = "count") -> DimExpr:
    """A dimension of ``value`` that depends on data: the layer determines it at run time.

    Its name cannot collide with a symbolic dimension. If the value's name is not an identifier, a checksum is appended.
    """
    given = value.name or ""
    folded = re.sub(r"\W+", "_", given, flags=re.ASCII)
    plain = folded if folded == given else f"{folded}_{zlib.crc32(given.encode()):08x}"
    return DimExpr.symbol(f"{name}({plain})")


def is_data_dependent(symbol: str) -> bool:
    """Whether a symbol is a data-dependent dimension of a value, rather than a symbolic dimension or a loop's step."""
    return symbol.endswith(")") and not symbol.startswith("step(")


def normal_axis(axis: int, rank: int) -> int:
    """``axis`` as a non-negative index."""
    if not -rank <= axis < max(rank, 1):
        raise InferenceError(f"axis {axis} does not exist in a tensor of rank {rank}")
    return axis + rank if axis < 0 else axis


def bodies_of(node: ir.Node) -> list[ir.Graph]:
    """The subgraphs of a node: the body of a loop, the branches of an If."""
    found: list[ir.Graph] = []
    for attribute in node.attributes.values():
        found += [attribute.value] if attribute.type == ir.AttributeType.GRAPH else []
        found += attribute.value if attribute.type == ir.AttributeType.GRAPHS else []
    return found


def read_by(node: ir.Node) -> Iterator[ir.Value]:
    """The values that the node reads: its inputs, and the outer values that its bodies capture."""
    yield from (v for v in node.inputs if v is not None)
    for graph in bodies_of(node):
        inside = {v for inner in graph for v in inner.outputs} | {*graph.inputs, *graph.initializers.values()}
        read = {v: None for inner in graph for v in read_by(inner)} | dict.fromkeys(graph.outputs)
        yield from (v for v in read if v not in inside)
