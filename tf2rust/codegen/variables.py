"""The variables of the generated code: of dimensions, of lengths, and of what values are read from and written to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tf2rust.codegen.dims import FUNCTIONS, DimWriter
from tf2rust.codegen.names import Names, snake_case
from tf2rust.ops.core.dims import format_shape
from tf2rust.ops.core.layer import Dims, Layer, LayerGraph, Value
from tf2rust.ops.core.rust import rust_comment, rust_str, rust_type
from tf2rust.planning.buffers import Place, Plan

_LOCALS = ("isa", "inputs", "outputs", "rows", "workspace", "self", "dims", "blob", "pack", "each_tile", "tile_rows")
_DIM_LENGTH = 16
"""The characters of a free dimension's variable, which stands in many places."""


@dataclass(frozen=True)
class Port:
    """An input or an output of the model."""

    name: str
    """As the source model calls it."""
    field: str
    dtype: str
    shape: Dims

    @property
    def rust_type(self) -> str:
        return rust_type(self.dtype)

    @property
    def literal(self) -> str:
        return rust_str(self.name)

    @property
    def about(self) -> str:
        """``int32 [n, 82]``."""
        return f"{self.dtype} {format_shape(self.shape)}"

    @property
    def comment(self) -> str:
        return rust_comment(self.name)


class Variables:
    """Gives everything in the generated code a name, and values the expressions that read and write them."""

    def __init__(
        self,
        graph: LayerGraph,
        memory: Plan,
        inputs: Mapping[Value, Port],
        outputs: Mapping[str, Port],
        free: list[str],
    ) -> None:
        self.graph, self.memory, self.inputs, self.outputs = graph, memory, inputs, outputs
        functions = {name for layer in graph.walk() for name in layer.rust_imports()}
        self.locals = Names({*_LOCALS, *FUNCTIONS, *functions})
        self.names = {name: self._variable(name) for name in free}
        self.dims = DimWriter(self.names)
        self.idents: dict[Layer, str] = {}
        self.layer_names: Mapping[Layer, str] = {}
        # An input and an output may be equal ports.
        self.read_slices: dict[Port, str] = {}
        self.written_slices: dict[Port, str] = {}
        self.lengths: dict[Place, str] = {}
        self.constants: dict[Layer, str] = {}
        self.made = {value: layer for layer in graph.walk() for value in layer.outputs}

    def _variable(self, symbol: str) -> str:
        return self.locals.unique(snake_case(symbol, "dim")[:_DIM_LENGTH])

    def name_symbol(self, symbol: str, name: str) -> str:
        """Gives a dimension that is known in the middle of the model a variable."""
        self.names[symbol] = self.locals.unique(name)
        return self.names[symbol]

    def name_layers(self, names: Mapping[Layer, str], tiled: bool) -> None:
        """Gives each layer its field and, where the batch is ``tiled``, each input and output the variable of its rows.

        A variable may be called like a field, but not like the length of what a layer makes.
        """
        free = Names(self.locals.taken)
        self.layer_names = names
        for layer in self.graph.walk():
            self.idents[layer] = self.locals.unique(snake_case(names[layer], "layer"))
            if any(self.memory.places[v].is_buffer for v in layer.outputs):
                free.unique(self.idents[layer])
        if tiled:
            self.read_slices = {port: free.unique(port.field) for port in self.inputs.values()}
            self.written_slices = {port: free.unique(port.field) for port in self.outputs.values()}
            for name in [*self.read_slices.values(), *self.written_slices.values()]:
                self.locals.take(name)

    def sized(self, value: Value, name: str, *, is_own: bool = False) -> list[str]:
        """The line that computes the length of a value whose buffer has none yet; ``name`` is for the variable."""
        place = self.memory.places[value]
        if not place.is_buffer or place in self.lengths:
            return []
        self.lengths[place] = name if is_own else self.locals.unique(snake_case(name, "length"))
        return [f"let {self.lengths[place]} = len(&{self.dims.dims(value.shape)})?;"]

    def read(self, value: Value) -> str:
        """The expression of type ``&[T]`` that reads a value."""
        place = self.memory.places[value]
        if place.input is not None and self.read_slices:
            return self.read_slices[self.inputs[place.input]]
        if place.output is not None and self.written_slices:
            return f"&*{self.written_slices[self.outputs[place.output]]}"
        if place.input is not None:
            return f"inputs.{self.inputs[place.input].field}.data()"
        if place.output is not None:
            return f"outputs.{self.outputs[place.output].field}.data()"
        if place.constant is not None:
            return self.constants[place.constant]
        return f"workspace.b{place.buffer}.read({self.lengths[place]})?"

    def write(self, value: Value) -> str:
        """The expression of type ``&mut [T]`` that a value is written to."""
        place = self.memory.places[value]
        if place.output is not None and self.written_slices:
            return self.written_slices[self.outputs[place.output]]
        if place.output is not None:
            port = self.outputs[place.output]
            return f"outputs.{port.field}.resize(&{self.dims.dims(port.shape)})?"
        return f"workspace.b{place.buffer}.write({self.lengths[place]})?"
