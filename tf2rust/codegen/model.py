"""The generated model as data: what the templates of ``model.rs`` and its neighbours are filled with."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tf2rust.codegen.buffers import Place, Plan, plan
from tf2rust.codegen.dims import FUNCTIONS, DimWriter
from tf2rust.codegen.names import Names, snake_case
from tf2rust.codegen.weights import WeightTable
from tf2rust.ops.constant import Constant
from tf2rust.ops.core.dims import Expr, format_shape, symbols
from tf2rust.ops.core.layer import Dims, Layer, LayerGraph, Value
from tf2rust.ops.core.rust import rust_comment, rust_str, rust_type

_ALWAYS = ("Aligned", "Blob", "FreeDims", "Isa", "Npz", "Result", "Tensor", "TensorView", "pack")
_LOCALS = ("isa", "inputs", "outputs", "workspace", "self", "dims", "blob", "pack")


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


@dataclass(frozen=True)
class Step:
    """One layer of the model: its field, and the lines that run it."""

    name: str
    ident: str
    kind: str
    comment: tuple[str, ...]
    field: tuple[str, str] | None
    lines: tuple[str, ...]


@dataclass
class Model:
    """Everything about a model that the templates need."""

    inputs: list[Port]
    outputs: list[Port]
    free: list[str]
    """The free dimensions, by name."""
    variables: list[str]
    """The variables that hold them."""
    steps: list[Step]
    buffers: list[str]
    weights: WeightTable
    names: dict[Layer, str]
    imports: list[str] = field(default_factory=list)

    @property
    def borrows(self) -> bool:
        """Whether any layer borrows weights."""
        return any(step.field and "'w" in step.field[0] for step in self.steps)


def build(graph: LayerGraph, *, inplace: bool, memdrop: bool) -> Model:
    """Turns a finished graph of layers into Rust."""
    names = _layer_names(graph)
    memory = plan(graph, inplace=inplace, memdrop=memdrop)
    ports = Names(["n"])
    inputs = [Port(v.name, ports.unique(snake_case(v.name, "input")), v.dtype, v.shape) for v in graph.inputs]
    fields = Names()
    outputs = [Port(name, fields.unique(snake_case(name, "output")), v.dtype, v.shape) for name, v in graph.outputs]
    free = sorted(symbols(d for v in graph.inputs for d in v.shape))
    table = WeightTable.of(graph, names)
    writer = _Writer(graph, memory, dict(zip(graph.inputs, inputs, strict=True)), {p.name: p for p in outputs}, free)
    steps = [writer.step(layer, names[layer], table) for layer in graph.layers]
    variables = [writer.dims.names[name] for name in free]
    model = Model(inputs, outputs, free, variables, steps, [rust_type(d) for d in memory.buffers], table, names)
    model.imports = _imports(graph, memory, model)
    return model


def _layer_names(graph: LayerGraph) -> dict[Layer, str]:
    """Every layer's own name: the second ``dense`` is ``dense_2``."""
    names = Names()
    return {layer: names.unique(layer.name or snake_case(layer.kind)) for layer in graph.layers}


def _imports(graph: LayerGraph, memory: Plan, model: Model) -> list[str]:
    used = set(_ALWAYS)
    if model.buffers:
        used.add("Buffer")
    if any(isinstance(d, int) for p in model.inputs for d in p.shape) or model.free:
        used.add("Extent")
    text = "\n".join(line for step in model.steps for line in step.lines) + "\n".join(
        " ".join(step.field) for step in model.steps if step.field
    )
    for layer in graph.layers:
        if layer not in memory.aliases:
            used |= layer.rust_imports()
    candidates = used | set(FUNCTIONS)
    plain = {*_ALWAYS, "Buffer", "Extent"}
    return sorted(name for name in candidates if name in plain & used or mentions(text, name))


def mentions(text: str, name: str) -> bool:
    """Whether ``name`` occurs in Rust source as a name of its own, not as a field or a part of another."""
    return re.search(rf"(?<![\w.]){name}\b", text) is not None


def _shapes(values: Sequence[Value]) -> str:
    return ", ".join(format_shape(v.shape) for v in values)


def _source_lines(nodes: Sequence[str]) -> list[str]:
    """``from scope/: a, b, …``: the nodes with the scope they share said once, in lines of readable length."""
    if not nodes:
        return []
    paths = [n.split("/")[:-1] for n in nodes]
    shared = [parts[0] for parts in zip(*paths, strict=False)]
    while any(path[: len(shared)] != shared for path in paths):
        shared.pop()
    scope = "/".join(shared) if len(nodes) > 1 else ""
    names = [n[len(scope) + 1 :] if scope else n for n in nodes]
    text = f"from {scope}: {', '.join(names)}" if scope else f"from {', '.join(names)}"
    return textwrap.wrap(
        rust_comment(text), 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


class _Writer:
    """Writes the Rust of each layer's call."""

    def __init__(
        self,
        graph: LayerGraph,
        memory: Plan,
        inputs: Mapping[Value, Port],
        outputs: Mapping[str, Port],
        free: list[str],
    ) -> None:
        self.graph, self.memory, self.inputs, self.outputs = graph, memory, inputs, outputs
        functions = {name for layer in graph.layers for name in layer.rust_imports()}
        self.locals = Names({*_LOCALS, *FUNCTIONS, *functions})
        self.names = {name: self.locals.unique(snake_case(name, "dim")) for name in free}
        self.dims = DimWriter(self.names)
        self.lengths: dict[Place, str] = {}
        self.constants: dict[Layer, str] = {}

    def step(self, layer: Layer, name: str, table: WeightTable) -> Step:
        ident = self.locals.unique(snake_case(name, "layer"))
        lines: list[str] = []
        rust_field = None if layer in self.memory.aliases else layer.rust_field(table.refs(layer))
        constant = self.memory.places[layer.y].constant is layer
        if isinstance(layer, Constant):
            self.constants[layer] = layer.rust_value(f"self.{ident}")
        if layer not in self.memory.aliases and not constant:
            lines = self._call(layer, ident)
        shapes = f"{_shapes(layer.inputs)} → {_shapes(layer.outputs)}"
        note = ", in place" if layer in self.memory.inplace else ""
        note = ", no work: the same elements" if layer in self.memory.aliases else note
        note = ", read where it lies" if constant else note
        comment = (f"{rust_comment(name)} ({layer.kind}): {shapes}{note}", *_source_lines(layer.nodes))
        return Step(name, ident, layer.kind, comment, rust_field, tuple(lines))

    def _call(self, layer: Layer, ident: str) -> list[str]:
        lines: list[str] = []
        inputs = [self._read(v) for v in layer.inputs]
        for symbol, text in layer.measures(_Call(self.dims, f"self.{ident}", inputs, [])).items():
            self.names[symbol] = self.locals.unique(snake_case(symbol, "dim"))
            lines.append(f"let {self.names[symbol]} = {text}?;")
        for i, value in enumerate(layer.outputs):
            place = self.memory.places[value]
            if place.is_buffer and place not in self.lengths:
                length = ident if i == 0 else self.locals.unique(f"{ident}_{i}")
                self.lengths[place] = length
                lines.append(f"let {length} = len(&{self.dims.dims(value.shape)})?;")
        call = _Call(
            self.dims,
            f"self.{ident}",
            inputs,
            [self._write(v) for v in layer.outputs],
        )
        text = layer.rust_call_inplace(call) if layer in self.memory.inplace else layer.rust_call(call)
        lines.append(f"{text}?;")
        return lines

    def _read(self, value: Value) -> str:
        place = self.memory.places[value]
        if place.input is not None:
            return f"inputs.{self.inputs[place.input].field}.data()"
        if place.output is not None:
            return f"outputs.{self.outputs[place.output].field}.data()"
        if place.constant is not None:
            return self.constants[place.constant]
        return f"workspace.b{place.buffer}.read({self.lengths[place]})?"

    def _write(self, value: Value) -> str:
        place = self.memory.places[value]
        if place.output is not None:
            shape = next(v for name, v in self.graph.outputs if name == place.output).shape
            return f"outputs.{self.outputs[place.output].field}.resize(&{self.dims.dims(shape)})?"
        return f"workspace.b{place.buffer}.write({self.lengths[place]})?"


@dataclass(frozen=True)
class _Call:
    """The Rust expressions of one call; see ``tf2rust.ops.core.layer.RustCall``."""

    writer: DimWriter
    field: str
    inputs: Sequence[str]
    outputs: Sequence[str]

    def dim(self, dim: int | Expr) -> str:
        return self.writer.dim(dim)

    def dims(self, dims: Sequence[int | Expr]) -> str:
        return self.writer.dims(dims)

    def scratch(self) -> str:
        return "&mut workspace.scratch"
