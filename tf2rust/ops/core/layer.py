"""The graph of layers: what the rules make of an ONNX graph, and what the code generator reads.

Nothing here knows ONNX, and nothing knows Rust: how a layer is called stands beside it, in its family's ``rust.py``.
Tensors are channels-last wherever a layer has channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from tf2rust.ops.core.dims import Expr, format_shape

Dims = tuple[int | Expr, ...]
Perm = tuple[int, ...]


def winograd_tile(width: int) -> int:
    """Neighbouring inputs t of a Winograd convolution, from which it computes t + 1 − ``width`` outputs at once."""
    return 8 if width > 3 else 6


@dataclass(eq=False)
class Value:
    """A tensor that flows between layers: its dtype (as NumPy names it) and its shape."""

    name: str
    dtype: str
    shape: Dims

    @property
    def rank(self) -> int:
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype} {format_shape(self.shape)}"


@dataclass(frozen=True)
class Weight:
    """An array that a layer owns: ``role`` as Keras calls it, and how the kernels want it packed.

    ``packing`` is ``vector`` (as it is), ``matrix`` (the last axis in panels of 16 columns), ``matrices`` (the same
    for each of ``groups`` equal parts of the last axis) or ``winograd`` (a kernel [height, width, c, filters]
    transformed for tf-layers' ``WinogradConv2d``).
    """

    role: str
    array: np.ndarray
    packing: str = "vector"
    groups: int = 1


@dataclass(frozen=True)
class Columns:
    """A part of the last axis of ``whole``, from ``first`` on."""

    whole: Value
    first: int


@dataclass(eq=False, kw_only=True)
class Layer:
    """One call in the generated model.

    Subclasses are dataclasses whose own fields are the layer's parameters. ``name`` is the Keras layer's name where it
    is known; ``nodes`` are the ONNX nodes the layer stands for, ``anchor`` the one that gave it its kind, ``rules``
    how it came to be. ``sources`` name what its weights come from: initializers and Keras layers.
    """

    only_moves: ClassVar[bool] = False
    """Whether it takes numbers that are stored only, as float16 is: it computes nothing, or it converts."""

    inputs: list[Value]
    outputs: list[Value]
    name: str = ""
    nodes: tuple[str, ...] = ()
    anchor: str = ""
    rules: tuple[str, ...] = ()
    sources: frozenset[str] = frozenset()

    @property
    def kind(self) -> str:
        """The layer's kind as Keras calls it, where Keras has it: ``Dense``, ``Conv1D``, …"""
        raise NotImplementedError(f"{type(self).__name__} has no kind")

    @property
    def x(self) -> Value:
        return self.inputs[0]

    @property
    def y(self) -> Value:
        return self.outputs[0]

    def params(self) -> dict[str, Any]:
        """The parameters for ``model_architecture.json``: plain numbers, strings, lists."""
        base = {f.name for f in fields(Layer)}
        own = [(f.name, getattr(self, f.name)) for f in fields(self) if f.name not in base]
        return {name: _plain(value) for name, value in own if not isinstance(value, np.ndarray)}

    def weights(self) -> list[Weight]:
        """The layer's weights in the order of their NPZ keys."""
        return []

    def transposed(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        """This layer moved in front of the transposes of its inputs.

        ``perms[i]`` says that input i is ``transpose(base, perm)`` (None: it is as it is). The answer is a layer on the
        bases, and the perm that its first output still needs; None if the layer cannot be moved. Further outputs stay
        as they are.
        """
        del perms
        return None

    def absorb(self, consumer: Layer) -> Layer | None:
        """This layer doing the work of ``consumer``, the only reader of its first output, too; None if it cannot."""
        del consumer
        return None

    def absorb_input(self, producer: Layer) -> Layer | None:
        """This layer doing the work of ``producer``, whose output it alone reads, as well; None if it cannot."""
        del producer
        return None

    def simplified(self) -> list[Layer] | None:
        """Simpler layers with the same inputs and outputs, or None."""
        return None

    def is_rowwise(self, by_row: Sequence[bool]) -> bool:
        """Whether each row of the output depends on the same row of the inputs alone, however many there are.

        A row is what belongs to one index of the batch, which is the first axis or a factor of it. ``by_row[i]`` says
        whether input i has such rows, as the output has; otherwise no axis of it is the batch. False: it is not known.
        """
        del by_row
        return False

    def keeps_rows(self, by_row: Sequence[bool]) -> bool:
        """Whether the first axis of all inputs is the batch, and is the output's first axis too."""
        return all(by_row) and all(v.shape[:1] == self.y.shape[:1] for v in self.inputs)

    def kernel_rows(self) -> int | Expr:
        """How many rows of a matrix are multiplied with the layer's kernels at once."""
        return 0

    def scratch_size(self) -> int | Expr:
        """How many float32 elements the layer takes of the scratch memory that its call names."""
        return 0

    def inplace_input(self) -> Value | None:
        """The input that the first output may be written over, of the same dtype and length; None if there is none."""
        return None

    def bodies(self) -> list[LayerGraph]:
        """The graphs of layers that this one runs: a loop's body, the branches of a condition."""
        return []

    def captured(self) -> list[tuple[Value, Value]]:
        """The inputs of its bodies that stand for one of its own inputs, each with that input."""
        return []

    def index_limits(self) -> dict[int, int | Expr]:
        """The inputs that hold indices, and the size of what they point into."""
        return {}

    @property
    def takes_columns(self) -> bool:
        """Whether the output may be some columns of something wider."""
        return False


def broadcasts_rows(y: Value, operands: Sequence[Value], by_row: Sequence[bool]) -> bool:
    """Whether each row of ``y`` is made of the same row of the operands that have rows, and of all of the others.

    By NumPy's broadcasting; see ``Layer.is_rowwise``.
    """
    for operand, rows in zip(operands, by_row, strict=True):
        same = operand.rank == y.rank and operand.shape[:1] == y.shape[:1]
        all_of_it = operand.rank < y.rank or operand.shape[:1] == (1,)
        if not (same if rows else all_of_it):
            return False
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if isinstance(value, Expr):
        return str(value)
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    return getattr(value, "plain", lambda: str(value))()


@dataclass
class LayerGraph:
    """Layers in an order in which they can run."""

    inputs: list[Value]
    outputs: list[tuple[str, Value]]
    layers: list[Layer] = field(default_factory=list)

    def walk(self) -> Iterator[Layer]:
        """All layers, each followed by those of its bodies."""
        for layer in self.layers:
            yield layer
            for body in layer.bodies():
                yield from body.walk()

    def consumers(self) -> dict[Value, list[Layer]]:
        """The layers, those in bodies too, that read each value."""
        readers: dict[Value, list[Layer]] = {}
        for layer in self.walk():
            for value in dict.fromkeys(layer.inputs):
                readers.setdefault(value, []).append(layer)
        return readers

    def is_output(self, value: Value) -> bool:
        return any(out is value for _, out in self.outputs)
