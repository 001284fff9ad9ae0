"""The generated model as data: what the templates of ``model.rs`` and its neighbours are filled with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tf2rust.codegen.names import Names, snake_case
from tf2rust.codegen.nested import ModelField
from tf2rust.codegen.steps import Writer
from tf2rust.codegen.variables import Port
from tf2rust.codegen.weights import WeightTable
from tf2rust.ops.core.dims import symbols
from tf2rust.ops.core.layer import Layer, LayerGraph
from tf2rust.planning.buffers import plan
from tf2rust.planning.tiles import Tiling, tiling
from tf2rust.rust.literals import rust_type
from tf2rust.rust.tree import Blank, Expr, Item, Stmt, Token, Tuple, names_in
from tf2rust.rust.unused import without_unused

_GROUP = 8
"""The elements of the largest tuple that ``tf_layers::tensor::SplitRows`` is there for; more are tuples of tuples."""


@dataclass(frozen=True)
class Tiles:
    """The rows that go through all layers together, as Rust."""

    thread_rows: int
    """The rows for which a thread pays."""
    split_rows: int
    """The rows for which one layer is worth several threads."""
    batch: str
    """The variable of the batch."""
    height: Expr
    """How many rows a tile has; ``constant`` if that is known before the model runs."""
    constant: bool
    type: Expr
    """The type of a tile's views of all inputs and outputs, in their order."""
    names: Expr
    """The pattern that names them."""
    values: Expr
    """The views of the whole batch, of outputs resized for it."""


@dataclass
class Model:
    """Everything about a model that the templates need."""

    inputs: list[Port]
    outputs: list[Port]
    free: list[str]
    """The free dimensions, by name."""
    variables: list[str]
    """The variables that hold them."""
    fields: list[ModelField]
    """The fields of all layers."""
    statements: list[Stmt]
    """What runs the layers, with comments."""
    buffers: list[str]
    weights: WeightTable
    names: dict[Layer, str]
    tiles: Tiles | None
    used: set[str] = field(default_factory=set)
    """The names that the statements read."""

    @property
    def borrows(self) -> bool:
        """Whether any layer borrows weights."""
        return any("'w" in str(item.type) for item in self.fields)

    def items(self) -> Iterator[Item]:
        """The items of tf-layers that fields and statements name."""
        exprs = [e for item in self.fields for part in (item.type, item.value) for e in part.walk()]
        exprs += [e for statement in self.statements for e in statement.exprs()]
        if self.tiles is not None:
            exprs += [e for part in (self.tiles.height, self.tiles.type, self.tiles.values) for e in part.walk()]
        return (e for e in exprs if isinstance(e, Item))


def build(graph: LayerGraph, *, inplace: bool, memdrop: bool) -> Model:
    """Turns a finished graph of layers into Rust."""
    names = _layer_names(graph)
    memory = plan(graph, inplace=inplace, memdrop=memdrop)
    fields = Names(["n"])
    inputs = [Port(v.name, fields.unique(snake_case(v.name, "input")), v.dtype, v.shape) for v in graph.inputs]
    fields = Names()
    outputs = [Port(name, fields.unique(snake_case(name, "output")), v.dtype, v.shape) for name, v in graph.outputs]
    free = sorted(symbols(d for v in graph.inputs for d in v.shape))
    table = WeightTable.of(graph, names)
    tiled = tiling(graph)
    ports = dict(zip(graph.inputs, inputs, strict=True)), {p.name: p for p in outputs}
    writer = Writer(graph, memory, *ports, free, names, tiled=tiled is not None)
    statements = [] if tiled is not None else writer.view_inputs()
    model_fields: list[ModelField] = []
    for layer, step in writer.steps(graph, table):
        model_fields += step.fields
        if step.statements:
            statements += [*([Blank()] if statements else []), *writer.comment(layer), *step.statements]
    statements = without_unused(statements)
    variables = [writer.names[name] for name in free]
    buffers = [rust_type(d) for d in memory.buffers]
    used = names_in(statements)
    tiles = None if tiled is None else _tiles(writer, tiled, used)
    return Model(
        inputs,
        outputs,
        free,
        variables,
        model_fields,
        statements,
        buffers,
        table,
        names,
        tiles,
        used,
    )


def _tiles(writer: Writer, tiled: Tiling, used: set[str]) -> Tiles:
    """The rows that go through the layers together."""
    inline = writer.dims.inline()
    reads, writes = list(writer.inputs.values()), list(writer.outputs.values())
    variables = [*writer.ports.values(), *writer.written.values()]
    names: list[Expr] = []
    for name in variables:
        lent = any(writer.written.get(port) is name and writer.lends_port(port) for port in writes)
        names.append(Token("_") if name.text not in used else Token(f"mut {name}") if lent else name)
    values = [Token("inputs").field(p.field).method("to_view", inline.dims(p.shape)).tried() for p in reads]
    values += [Token("outputs").field(p.field).method("tensor", inline.dims(p.shape)).tried() for p in writes]
    types = [Item("tf_layers::tensor::View", f"<'a, {p.rust_type}, {len(p.shape)}>") for p in reads]
    types += [Item("tf_layers::tensor::ViewMut", f"<'a, {p.rust_type}, {len(p.shape)}>") for p in writes]
    height = Item("tf_layers::tensor::chunk_rows")(inline.dim(tiled.row_bytes), tiled.least)
    constant = isinstance(tiled.row_bytes, int)
    rows = (tiled.thread_rows, tiled.split_rows)
    return Tiles(*rows, writer.names[tiled.batch], height, constant, nest(types), nest(names), nest(values))


def nest(parts: Sequence[Expr]) -> Tuple:
    """A tuple of ``parts``, or of tuples of them."""
    while len(parts) > _GROUP:
        parts = [nest(parts[i : i + _GROUP]) for i in range(0, len(parts), _GROUP)]
    return Tuple(tuple(parts))


def _layer_names(graph: LayerGraph) -> dict[Layer, str]:
    """Every layer's own name: the second ``dense`` is ``dense_2``."""
    names = Names()
    return {layer: names.unique(layer.name or snake_case(layer.kind)) for layer in graph.walk()}
