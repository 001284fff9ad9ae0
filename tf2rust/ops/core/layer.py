"""The graph of layers, which the rules build from an ONNX graph and the code generator reads.

This module depends neither on ONNX nor on Rust: the Rust calls are in each family's ``rust.py``. Layers with channels
are channels-last.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from tf2rust.ops.core.dims import Condition, Dim, DimExpr, format_shape, symbols
from tf2rust.ops.core.dtypes import NARROW, shown
from tf2rust.ops.core.packing import VECTOR, Packing

Dims = tuple[Dim, ...]
Perm = tuple[int, ...]


@dataclass(eq=False)
class Value:
    """A tensor between layers: its dtype (NumPy name) and its shape."""

    name: str
    dtype: str
    shape: Dims

    @property
    def rank(self) -> int:
        return len(self.shape)

    def __str__(self) -> str:
        return f"{shown(self.dtype)} {format_shape(self.shape)}"


@dataclass(frozen=True)
class Weight:
    """An array that a layer owns, with its Keras name as ``role`` and the packing that the kernels need."""

    role: str
    array: np.ndarray
    packing: Packing = VECTOR


@dataclass(frozen=True)
class Origin:
    """The initializer that a weight is: ``weight = initializer.transpose(axes).reshape(weight.shape)``."""

    initializer: str
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Columns:
    """A range of the last axis of ``whole`` that begins at ``first``."""

    whole: Value
    first: int


@dataclass(eq=False, kw_only=True)
class Layer:
    """One call in the generated model.

    Subclasses are dataclasses whose fields are the layer's parameters. ``name`` is the Keras layer's name if it is
    known. ``nodes`` are the ONNX nodes that the layer replaces, ``anchor`` is the main one of them, and ``rules`` are
    the rules that created the layer. ``sources`` are the initializers and Keras
    layers that its weights come from, and ``origins`` are the initializers that its weights are, by role.
    """

    is_data_movement: ClassVar[bool] = False
    """Whether it supports storage dtypes such as float16, because it only moves or converts numbers."""
    refused_dtypes: ClassVar[Container[str]] = frozenset(NARROW)
    """The storage dtypes that a layer that computes does not support."""
    takes_text: ClassVar[bool] = False
    """Whether it computes with strings. Layers that only move elements support them without this."""
    splits_text: ClassVar[bool] = False
    """Whether it splits strings into words."""

    inputs: list[Value]
    outputs: list[Value]
    name: str = ""
    nodes: tuple[str, ...] = ()
    anchor: str = ""
    rules: tuple[str, ...] = ()
    sources: frozenset[str] = frozenset()
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The kind of layer, with its Keras name if there is one: ``Dense``, ``Conv1D``, …"""
        raise NotImplementedError(f"{type(self).__name__} has no kind")

    @property
    def x(self) -> Value:
        return self.inputs[0]

    @property
    def y(self) -> Value:
        return self.outputs[0]

    def params(self) -> dict[str, Any]:
        """The parameters for ``model_architecture.json``: numbers, strings and lists."""
        base = {f.name for f in fields(Layer)}
        own = [(f.name, getattr(self, f.name)) for f in fields(self) if f.name not in base]
        return {name: _plain(value) for name, value in own if not isinstance(value, np.ndarray)}

    def symbols(self) -> set[str]:
        """The names of the dimensions in the shapes of the outputs and in the parameters."""
        parameters = [getattr(self, f.name) for f in fields(self)]
        return symbols(_dims([[v.shape for v in self.outputs], parameters]))

    def weights(self) -> list[Weight]:
        """The layer's weights, in the order of their NPZ keys."""
        return []

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        """Moves this layer in front of the transposes of its inputs.

        ``perms[i]`` says that input i is ``transpose(base, perm)``; None says that it is not transposed. Returns a
        layer on the bases, and the perm that its first output needs afterwards, or None if the layer cannot be moved.
        Further outputs do not change.
        """
        del perms
        return None

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        """This layer with ``consumer``, the only reader of its first output, in its epilogue; None if not possible."""
        del consumer
        return None

    def fuse_producer(self, producer: Layer) -> Layer | None:
        """This layer with the work of ``producer``, whose output only it reads; None if that is not possible."""
        del producer
        return None

    def simplified(self) -> list[Layer] | None:
        """Simpler layers with the same inputs and outputs, or None."""
        return None

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        """Whether each sample of the output depends only on the same sample of the inputs, for any batch size.

        A sample is what belongs to one index of the batch, which is the first axis or a factor of it. ``batched[i]``
        says whether input i has samples, as the output has; otherwise none of its axes is the batch. False means that
        independence is not known.
        """
        del batched
        return False

    def keeps_batch(self, batched: Sequence[bool]) -> bool:
        """Whether the batch is the first axis of all inputs and of the output."""
        return all(batched) and all(v.shape[:1] == self.y.shape[:1] for v in self.inputs)

    def gemm_rows(self) -> Dim:
        """The number of rows (M) of the matrix product with the layer's kernels."""
        return 0

    def multiply_adds(self) -> Dim:
        """The multiply-adds of the layer's products with kernels or between inputs, for one call; 0 without products.

        Work per element, such as an activation or a scale, does not count.
        """
        return 0

    def scratch_size(self) -> Dim:
        """The number of float32 elements of scratch memory that the call uses."""
        return 0

    def inplace_input(self) -> Value | None:
        """The input that the first output can overwrite, with the same dtype and length; None if there is none."""
        return None

    def sample_elements(self) -> np.ndarray | None:
        """Elements of the first input that the layer distinguishes, such as the keys of a table; None if it has none.

        Seeded samples consist of them.
        """
        return None

    def bodies(self) -> list[LayerGraph]:
        """The subgraphs that this layer runs: the body of a loop, the branches of an If."""
        return []

    def captured(self) -> list[tuple[Value, Value]]:
        """Pairs of a body input and the layer input that is passed to it."""
        return []

    def index_limits(self) -> dict[int, Dim]:
        """For inputs that hold indices, the size of the axis that they index."""
        return {}

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        """For inputs that decide about sizes or axes, elements that suit the shapes of the other inputs."""
        return {}

    @property
    def takes_columns(self) -> bool:
        """Whether the layer can write its output into a range of columns of a wider tensor."""
        return False


def broadcasts_batch(y: Value, operands: Sequence[Value], batched: Sequence[bool]) -> bool:
    """Whether, by NumPy's broadcasting, each sample of ``y`` is made of one sample of each batched operand.

    Operands without a batch are shared by all samples; see ``Layer.is_batch_independent``.
    """
    for operand, rows in zip(operands, batched, strict=True):
        same = operand.rank == y.rank and operand.shape[:1] == y.shape[:1]
        all_of_it = operand.rank < y.rank or operand.shape[:1] == (1,)
        if not (same if rows else all_of_it):
            return False
    return True


def _dims(value: Any) -> Iterator[Dim]:
    """The symbolic dimensions in nested sequences."""
    if isinstance(value, DimExpr):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _dims(item)


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if isinstance(value, DimExpr):
        return str(value)
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    return getattr(value, "plain", lambda: str(value))()


@dataclass(frozen=True)
class State:
    """What a model keeps between two calls: the next call gets the output ``output`` as the input ``input``.

    ``initial`` is the input of the first call; None stands for zeros.
    """

    input: str
    output: str
    initial: np.ndarray | None = None

    @property
    def is_uniform(self) -> bool:
        """Whether all elements of the first input are the same."""
        return self.initial is None or not self.initial.size or bool(np.all(self.initial == self.initial.flat[0]))


@dataclass(frozen=True)
class Stream:
    """The time of a model that takes a sequence in chunks.

    ``dimension`` is the symbolic dimension, or None if it is bound to a size; ``axes`` are the axes of time by the
    names of the inputs and outputs.
    """

    dimension: str | None
    axes: Mapping[str, int]


@dataclass(frozen=True)
class Departure:
    """A layer at which a graph of integers continues in float32, and the reason as a clause."""

    layer: Layer
    reason: str


@dataclass
class LayerGraph:
    """Layers in topological order."""

    inputs: list[Value]
    outputs: list[tuple[str, Value]]
    layers: list[Layer] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    """What the sizes of the model's inputs must satisfy. Generated code checks it before it runs the layers."""
    states: list[State] = field(default_factory=list)
    """The inputs that the next call gets from an output."""
    stream: Stream | None = None
    """The time of the inputs and outputs if the model takes a sequence in chunks."""
    departures: list[Departure] = field(default_factory=list)
    """Where a quantized model leaves the integers; without those of bodies."""
    ties_away: bool = False
    """Whether averages of integers are rounded away from zero if they are halfway between two, as in TFLite."""

    def walk(self) -> Iterator[Layer]:
        """All layers, each followed by the layers of its bodies."""
        for layer in self.layers:
            yield layer
            for body in layer.bodies():
                yield from body.walk()

    def all_departures(self) -> Iterator[Departure]:
        """Where the graph and the bodies of its layers leave the integers."""
        yield from self.departures
        for layer in self.layers:
            for body in layer.bodies():
                yield from body.all_departures()

    def consumers(self) -> dict[Value, list[Layer]]:
        """The layers that read each value, including layers in bodies."""
        readers: dict[Value, list[Layer]] = {}
        for layer in self.walk():
            for value in dict.fromkeys(layer.inputs):
                readers.setdefault(value, []).append(layer)
        return readers

    def is_output(self, value: Value) -> bool:
        return any(out is value for _, out in self.outputs)

    def given_inputs(self) -> list[Value]:
        """The inputs that the caller gives: all except the states."""
        states = {state.input for state in self.states}
        return [value for value in self.inputs if value.name not in states]
