"""The generated model as data: what the templates of ``model.rs`` and its neighbours are filled with."""

from __future__ import annotations

from dataclasses import dataclass, field

from tf2rust.codegen.dims import FUNCTIONS
from tf2rust.codegen.names import Names, snake_case, words
from tf2rust.codegen.steps import Step, Tiles, Writer
from tf2rust.codegen.variables import Port
from tf2rust.codegen.weights import WeightTable
from tf2rust.ops.core.dims import symbols
from tf2rust.ops.core.layer import Layer, LayerGraph
from tf2rust.ops.core.rust import rust_type
from tf2rust.planning.buffers import Plan, plan
from tf2rust.planning.tiles import tiling

_ALWAYS = ("Aligned", "Blob", "FreeDims", "Isa", "Npz", "Result", "Tensor", "TensorView", "pack")


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
    tiles: Tiles | None
    imports: list[str] = field(default_factory=list)

    @property
    def borrows(self) -> bool:
        """Whether any layer borrows weights."""
        return any("'w" in kind for _, kind, _ in self.fields)

    @property
    def fields(self) -> list[tuple[str, str, str]]:
        """The fields of all layers: name, type and initialiser."""
        return [item for step in self.steps for item in step.fields]

    @property
    def text(self) -> str:
        """The lines of all layers, without the comments among them."""
        lines = [line for step in self.steps for line in step.lines]
        return "\n".join(line for line in lines if not line.lstrip().startswith("//"))


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
    tiled = tiling(graph)
    writer = Writer(graph, memory, dict(zip(graph.inputs, inputs, strict=True)), {p.name: p for p in outputs}, free)
    writer.name_layers(names, tiled is not None)
    steps = [writer.step(layer, table) for layer in graph.layers]
    variables = [writer.dims.names[name] for name in free]
    tiles = None if tiled is None else writer.tiles(tiled, steps)
    buffers = [rust_type(d) for d in memory.buffers]
    model = Model(inputs, outputs, free, variables, steps, buffers, table, names, tiles)
    model.imports = _imports(graph, memory, model)
    return model


def _layer_names(graph: LayerGraph) -> dict[Layer, str]:
    """Every layer's own name: the second ``dense`` is ``dense_2``."""
    names = Names()
    return {layer: names.unique(layer.name or snake_case(layer.kind)) for layer in graph.walk()}


def _imports(graph: LayerGraph, memory: Plan, model: Model) -> list[str]:
    used = set(_ALWAYS)
    if model.buffers:
        used.add("Buffer")
    if any(isinstance(d, int) for p in model.inputs for d in p.shape) or model.free:
        used.add("Extent")
    text = model.text + "\n".join(" ".join(item) for item in model.fields)
    if model.tiles is not None:
        used.add("tile_rows")
        text += model.tiles.values + model.tiles.height
    for layer in graph.walk():
        if layer not in memory.aliases:
            used |= layer.rust_imports()
    candidates = used | set(FUNCTIONS) | {"F16"}
    plain = {*_ALWAYS, "Buffer", "Extent"}
    if "F16" in (*model.buffers, *(p.rust_type for p in (*model.inputs, *model.outputs))):
        plain.add("F16")
        used.add("F16")
    return sorted(candidates & (plain & used | words(text)))
