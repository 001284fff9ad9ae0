"""The variables of the generated code: dimensions, and views that values are read from and written to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from tf2rust.codegen.dims import DimWriter
from tf2rust.codegen.names import Names, snake_case
from tf2rust.ops.core.dims import format_shape
from tf2rust.ops.core.dtypes import TEXT, shown
from tf2rust.ops.core.layer import Dims, Layer, LayerGraph, Value
from tf2rust.ops.linear.affine import Affine
from tf2rust.planning.buffers import Allocation, Plan
from tf2rust.rust.literals import rust_comment, rust_str, rust_type
from tf2rust.rust.tree import Expr, Let, Stmt, Token, let

_LOCALS = (
    "cx",
    "isa",
    "inputs",
    "outputs",
    "rows",
    "count",
    "workspace",
    "self",
    "sizes",
    "blob",
    "pack",
    "for_each_chunk",
)
_DIM_LENGTH = 16
"""The maximum length of the variable of a symbolic dimension, which is used often."""

WORKSPACE = Token("workspace")


@dataclass(frozen=True)
class Port:
    """An input or an output of the model."""

    name: str
    """The name in the source model."""
    field: str
    dtype: str
    shape: Dims
    is_input: bool
    is_state: bool = False
    """Whether the crate keeps it between two calls."""

    @property
    def place(self) -> Expr:
        """The tensor in the generated code."""
        if self.is_state:
            state = Token("state")
            return (state if self.is_input else state.field("next")).field(self.field)
        return Token("inputs" if self.is_input else "outputs").field(self.field)

    @property
    def is_text(self) -> bool:
        return self.dtype == TEXT

    @property
    def rust_type(self) -> str:
        """The element type. The caller's strings are not those of the layers, which are in the arena of a run."""
        if self.is_text:
            return "&'a str" if self.is_input else "String"
        return rust_type(self.dtype)

    @property
    def literal(self) -> str:
        return rust_str(self.name)

    @property
    def about(self) -> str:
        """``int32 [n, 82]``."""
        return f"{shown(self.dtype)} {format_shape(self.shape)}"

    @property
    def comment(self) -> str:
        return rust_comment(self.name)


class Variables:
    """Assigns names in the generated code, and the expressions that read and write values.

    A value that is read has a variable for its view. ``chunked`` says that the layers run on batch chunks, so that
    inputs and outputs are views too.
    """

    def __init__(
        self,
        graph: LayerGraph,
        memory: Plan,
        inputs: Mapping[Value, Port],
        outputs: Mapping[str, Port],
        symbolic: list[str],
        layer_names: Mapping[Layer, str],
        *,
        chunked: bool,
    ) -> None:
        self.graph, self.memory, self.inputs, self.outputs = graph, memory, inputs, outputs
        self.layer_names, self.chunked = layer_names, chunked
        self.locals = Names((*_LOCALS, "state") if graph.states else _LOCALS)
        self.names = {name: self.locals.unique(snake_case(name, "dim")[:_DIM_LENGTH]) for name in symbolic}
        self.dims = DimWriter(self.names, self.locals)
        self.idents: dict[Layer, str] = {}
        fields = Names(["isa", "weights"])
        for layer in graph.walk():
            self.idents[layer] = fields.unique(snake_case(layer_names[layer], "layer"))
        self.made = {value: layer for layer in graph.walk() for value in layer.outputs}
        self.read_values = set(graph.consumers()) | {v for g in _bodies(graph) for _, v in g.outputs}
        self.views: dict[Value, Expr] = {}
        self.ports = {port: Token(self.locals.unique(port.field)) for port in inputs.values()}
        self.written = {port: Token(self.locals.unique(port.field)) for port in outputs.values()} if chunked else {}
        self.concat_outputs: dict[Value, Token] = {}
        """The outputs of Concatenates whose parts are being written."""
        for value, port in inputs.items():
            self.views[value] = self.ports[port]

    def name_symbol(self, symbol: str, name: str) -> Token:
        """Assigns a variable to a dimension that becomes known inside the model."""
        self.names[symbol] = self.locals.unique(snake_case(name, "dim"))
        return Token(self.names[symbol])

    def variable(self, value: Value, wanted: str) -> Token:
        """A new variable for the view of ``value``."""
        name = Token(self.locals.unique(snake_case(wanted, "x")))
        self.views[value] = name
        return name

    def view_inputs(self) -> list[Stmt]:
        """The definitions of the views of all inputs that are read."""
        found: list[Stmt] = []
        for value, port in self.inputs.items():
            if value in self.read_values:
                view = port.place.method("to_view", self.dims.dims(value.shape))
                found += [*self.dims.take_pending(), let(self.ports[port], view.tried())]
        return found

    def read(self, value: Value) -> Expr:
        """The view of a value."""
        return self.views[value]

    def write(self, value: Value) -> Expr:
        """The ``ViewMut`` that a value is written to."""
        allocation = self.memory.allocations[value]
        if allocation.output is None:
            return self._buffer(allocation).method("tensor", self.dims.dims(value.shape)).tried()
        port = self.outputs[allocation.output]
        if self.chunked:
            found: Expr = self.written[port]
            if allocation.output in self.reborrowed_outputs:
                found = found.method("reborrow")
        else:
            found = port.place.method("tensor", self.dims.dims(port.shape)).tried()
        return found if value.shape == port.shape else found.method("reshape", self.dims.dims(value.shape)).tried()

    def reread(self, value: Value) -> Expr:
        """A new view of the memory that ``value`` was written to."""
        allocation = self.memory.allocations[value]
        dims = self.dims.dims(value.shape)
        if allocation.output is None:
            return self._buffer(allocation).method("view", dims).tried()
        port = self.outputs[allocation.output]
        if self.chunked:
            found = self.written[port].method("view")
            return found if value.shape == port.shape else found.method("reshape", dims).tried()
        return port.place.method("to_view", dims).tried()

    @cached_property
    def reborrowed_outputs(self) -> set[str]:
        """The names of the chunked outputs whose views are needed again after they were written."""
        allocations = {a.output: a for a in self.memory.allocations.values() if a.output is not None}
        return {name for name, allocation in allocations.items() if self._is_rewritten(allocation)}

    def _is_rewritten(self, allocation: Allocation) -> bool:
        makers = [self.made[v] for v in allocation.values if v in self.made and self.made[v] not in self.memory.aliases]
        return len(makers) > 1 or any(layer.bodies() or self._copies_first(layer) for layer in makers)

    def _copies_first(self, layer: Layer) -> bool:
        """Whether the residual input is copied to the output before the layer adds to it, which writes the output
        twice.
        """
        return isinstance(layer, Affine) and layer.residual is not None and layer not in self.memory.inplace

    def bind(self, value: Value, wanted: str, call: Expr) -> Let:
        """Binds the result of ``call`` to a variable, as the view of ``value``."""
        return let(self.variable(value, wanted), call)

    @staticmethod
    def _buffer(allocation: Allocation) -> Expr:
        return WORKSPACE.field(f"b{allocation.buffer}")


def _bodies(graph: LayerGraph) -> list[LayerGraph]:
    return [body for layer in graph.walk() for body in layer.bodies()]
