"""The generated model as data for the templates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tf2rust.codegen.control_flow import ModelField
from tf2rust.codegen.memory import Memory
from tf2rust.codegen.names import Names, snake_case
from tf2rust.codegen.states import StateField
from tf2rust.codegen.steps import Writer
from tf2rust.codegen.variables import WORKSPACE, Port
from tf2rust.codegen.weights import WeightTable
from tf2rust.ops.core.dims import symbols
from tf2rust.ops.core.dtypes import TEXT
from tf2rust.ops.core.layer import Layer, LayerGraph
from tf2rust.planning.buffers import Plan, plan
from tf2rust.planning.chunks import Chunking, chunking
from tf2rust.rust.literals import rust_type
from tf2rust.rust.tree import Blank, Expr, ExprStmt, Item, Stmt, Token, Tuple, names_in
from tf2rust.rust.unused import without_unused

_GROUP = 8
"""The size of the largest tuple that implements ``SplitRows`` in tf-layers; larger groups are tuples of tuples."""


@dataclass(frozen=True)
class Chunks:
    """The Rust of a model that runs in batch chunks."""

    thread_rows: int
    """The number of rows that justifies a thread."""
    split_rows: int
    """The number of rows for which one layer is worth several threads."""
    batch: str
    """The variable that holds the batch size."""
    rows: Expr
    """The number of rows per chunk; ``constant`` if it is known at compile time."""
    constant: bool
    type: Expr
    """The type of a chunk: the views of all inputs and outputs, in their order."""
    names: Expr
    """The pattern that names these views."""
    values: Expr
    """The views of the whole batch; outputs are resized for it."""


@dataclass
class Model:
    """All data of a model that the templates need."""

    all_inputs: list[Port]
    """All inputs of the graph of layers, in its order, including the states."""
    all_outputs: list[Port]
    symbolic: list[str]
    """The names of the symbolic dimensions."""
    variables: list[str]
    """The variables that hold them."""
    fields: list[ModelField]
    """The fields of all layers."""
    statements: list[Stmt]
    """The statements that run the layers, with comments."""
    buffers: list[str]
    weights: WeightTable
    names: dict[Layer, str]
    plan: Plan
    """Which buffer holds which value."""
    chunks: Chunks | None
    has_text: bool
    """Whether layers work with strings."""
    used: set[str] = field(default_factory=set)
    """The names that the statements read."""
    checks: list[Stmt] = field(default_factory=list)
    """Checks of the sizes of the inputs."""
    conditions: list[str] = field(default_factory=list)
    """What the checks require, as text."""
    states: list[StateField] = field(default_factory=list)
    memory: Memory | None = None
    """The arrays of a prediction whose sizes are all known."""
    timed: list[Layer] = field(default_factory=list)
    """The layers that a profile measures, in the order in which they end."""

    @property
    def inputs(self) -> list[Port]:
        """The inputs that the caller gives."""
        return [port for port in self.all_inputs if not port.is_state]

    @property
    def outputs(self) -> list[Port]:
        """The outputs that the caller gets."""
        return [port for port in self.all_outputs if not port.is_state]

    @property
    def borrows(self) -> bool:
        """Whether any layer borrows weights."""
        return any("'w" in str(item.type) for item in self.fields)

    def items(self) -> Iterator[Item]:
        """The items of tf-layers in fields and statements."""
        exprs = [e for item in self.fields for part in (item.type, item.value) for e in part.walk()]
        exprs += [e for statement in (*self.checks, *self.statements) for e in statement.exprs()]
        if self.chunks is not None:
            exprs += [e for part in (self.chunks.rows, self.chunks.type, self.chunks.values) for e in part.walk()]
        return (e for e in exprs if isinstance(e, Item))


def build(graph: LayerGraph, *, inplace: bool, memdrop: bool) -> Model:
    """Turns an optimised graph of layers into Rust."""
    names = layer_names(graph)
    memory = plan(graph, inplace=inplace, memdrop=memdrop)
    kept = {state.input for state in graph.states}
    states, own = Names(["n", "next"]), Names(["n"])
    inputs = [
        Port(
            v.name,
            (states if v.name in kept else own).unique(snake_case(v.name, "input")),
            v.dtype,
            v.shape,
            True,
            v.name in kept,
        )
        for v in graph.inputs
    ]
    fields = Names()
    replaced = {state.output: next(p.field for p in inputs if p.name == state.input) for state in graph.states}
    outputs = [
        Port(
            name,
            replaced.get(name) or fields.unique(snake_case(name, "output")),
            v.dtype,
            v.shape,
            False,
            name in replaced,
        )
        for name, v in graph.outputs
    ]
    symbolic = sorted(symbols(d for v in graph.inputs for d in v.shape))
    table = WeightTable.of(graph, names)
    chunked = chunking(graph)
    ports = dict(zip(graph.inputs, inputs, strict=True)), {p.name: p for p in outputs}
    writer = Writer(graph, memory, *ports, symbolic, names, chunked=chunked is not None)
    checks = writer.checks(graph.conditions)
    statements = [] if chunked is not None else writer.view_inputs()
    model_fields: list[ModelField] = []
    for layer, step in writer.steps(graph, table):
        model_fields += step.fields
        if step.statements:
            statements += [*([Blank()] if statements else []), *writer.comment(layer), *step.statements]
    statements = without_unused(statements)
    has_text = TEXT in {v.dtype for layer in graph.walk() for v in (*layer.inputs, *layer.outputs)}
    if has_text:
        statements.insert(0, ExprStmt(WORKSPACE.field("strings").method("clear")))
    variables = [writer.names[name] for name in symbolic]
    buffers = [rust_type(d) for d in memory.buffers]
    used = names_in([*statements, *checks] if chunked is None else statements)
    chunks = None if chunked is None else _chunks(writer, chunked, used)
    state_fields = _state_fields(graph, inputs, outputs)
    return Model(
        inputs,
        outputs,
        symbolic,
        variables,
        model_fields,
        statements,
        buffers,
        table,
        names,
        memory,
        chunks,
        has_text,
        used,
        checks,
        [str(condition) for condition in graph.conditions],
        state_fields,
        Memory.of(memory, inputs, outputs, state_fields),
        writer.timed,
    )


def _state_fields(graph: LayerGraph, inputs: Sequence[Port], outputs: Sequence[Port]) -> list[StateField]:
    read, written = {p.name: p for p in inputs}, {p.name: p for p in outputs}
    return [
        StateField(read[state.input], written[state.output], state.initial, not state.is_uniform)
        for state in graph.states
    ]


def _chunks(writer: Writer, chunked: Chunking, used: set[str]) -> Chunks:
    """The Rust of the chunks."""
    inline = writer.dims.inline()
    reads, writes = list(writer.inputs.values()), list(writer.outputs.values())
    reborrowed = writer.reborrowed_outputs
    names = [name if name.text in used else Token("_") for name in writer.ports.values()]
    for port, name in writer.written.items():
        mutable = Token(f"mut {name}") if port.name in reborrowed else name
        names.append(mutable if name.text in used else Token("_"))
    values = [p.place.method("to_view", inline.dims(p.shape)).tried() for p in reads]
    values += [p.place.method("tensor", inline.dims(p.shape)).tried() for p in writes]
    types = [Item("tf_layers::tensor::View", f"<'a, {p.rust_type}, {len(p.shape)}>") for p in reads]
    types += [Item("tf_layers::tensor::ViewMut", f"<'a, {p.rust_type}, {len(p.shape)}>") for p in writes]
    chunk_rows = Item("tf_layers::tensor::chunk_rows")(inline.dim(chunked.row_bytes), chunked.min_rows)
    constant = isinstance(chunked.row_bytes, int)
    thresholds = (chunked.thread_rows, chunked.split_rows)
    return Chunks(
        *thresholds, writer.names[chunked.batch], chunk_rows, constant, nest(types), nest(names), nest(values)
    )


def nest(parts: Sequence[Expr]) -> Tuple:
    """A tuple of ``parts``, or of nested tuples if there are too many."""
    while len(parts) > _GROUP:
        parts = [nest(parts[i : i + _GROUP]) for i in range(0, len(parts), _GROUP)]
    return Tuple(tuple(parts))


def layer_names(graph: LayerGraph) -> dict[Layer, str]:
    """A unique name for every layer: the second ``dense`` is ``dense_2``."""
    names = Names()
    return {layer: names.unique(layer.name or snake_case(layer.kind)) for layer in graph.walk()}
