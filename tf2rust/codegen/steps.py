"""The Rust of each layer's call, and of what a call refers to."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.codegen.dims import DimWriter
from tf2rust.codegen.names import words
from tf2rust.codegen.nested import Block, nested
from tf2rust.codegen.variables import Variables
from tf2rust.codegen.weights import WeightTable
from tf2rust.ops.core.dims import Expr, format_shape
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.core.rust import rust_comment
from tf2rust.ops.generator.constant import Constant
from tf2rust.ops.shape.concat import Concatenate
from tf2rust.planning.tiles import Tiling


@dataclass(frozen=True)
class Step:
    """One layer of the model: its field, and the lines that run it."""

    name: str
    ident: str
    kind: str
    comment: tuple[str, ...]
    fields: tuple[tuple[str, str, str], ...]
    """The fields of the layer and of those in its bodies: name, type and initialiser."""
    lines: tuple[str, ...]
    """With those of the layers in its bodies, further to the right."""


@dataclass(frozen=True)
class Tiles:
    """The rows that go through all layers together, as Rust."""

    thread_rows: int
    """The rows for which a thread pays."""
    split_rows: int
    """The rows for which one layer is worth several threads."""
    batch: str
    """The variable of the batch."""
    height: str
    """How many rows a tile has; ``constant`` if that is known before the model runs."""
    constant: bool
    type: str
    """The type of a tile's slices of all inputs and outputs, in their order."""
    names: str
    """The pattern that names them."""
    values: str
    """The slices of the whole batch, of outputs resized for it."""


_GROUP = 8
"""The elements of the largest tuple that ``tf_layers::Rows`` is there for; more are tuples of tuples."""


def nest(parts: Sequence[str]) -> str:
    """A Rust tuple of ``parts``, or of tuples of them."""
    while len(parts) > _GROUP:
        parts = [nest(parts[i : i + _GROUP]) for i in range(0, len(parts), _GROUP)]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


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


class Writer(Variables):
    """Writes the Rust of each layer's call."""

    def tiles(self, tiled: Tiling, steps: Sequence[Step]) -> Tiles:
        """The rows that go through ``steps`` together."""
        used = words("\n".join(line for step in steps for line in step.lines))
        names = [name if name in used else "_" for name in [*self.read_slices.values(), *self.written_slices.values()]]
        values = [f"inputs.{p.field}.data()" for p in self.inputs.values()]
        values += [f"outputs.{p.field}.resize(&{self.dims.dims(p.shape)})?" for p in self.outputs.values()]
        types = [f"&'a [{p.rust_type}]" for p in self.inputs.values()]
        types += [f"&'a mut [{p.rust_type}]" for p in self.outputs.values()]
        height = f"tile_rows({self.dims.dim(tiled.row_bytes)}, {tiled.least})"
        constant = isinstance(tiled.row_bytes, int)
        batch = self.dims.names[tiled.batch]
        rows = (tiled.thread_rows, tiled.split_rows)
        return Tiles(*rows, batch, height, constant, nest(types), nest(names), nest(values))

    def step(self, layer: Layer, table: WeightTable) -> Step:
        """The layer's field and call, and those of the layers in its bodies."""
        ident, name = self.idents[layer], self.layer_names[layer]
        lines: list[str] = []
        rust_field = None if layer in self.memory.aliases else layer.rust_field(table.refs(layer))
        fields = [] if rust_field is None else [(ident, *rust_field)]
        constant = self.memory.places[layer.y].constant is layer
        if isinstance(layer, Constant):
            self.constants[layer] = layer.rust_value(f"self.{ident}")
        if layer not in self.memory.aliases and not constant:
            call = self._prepare(layer, ident, lines)
            if layer.bodies():
                inner = nested(self, layer, call, lambda body: self._body(body, table))
                lines += inner.lines
                fields += inner.fields
            else:
                lines += f"{self._run(layer, call)}?;".split("\n")
        shapes = f"{_shapes(layer.inputs)} → {_shapes(layer.outputs)}"
        note = ", in place" if layer in self.memory.inplace else ""
        if columns := self.memory.columns.get(layer.y):
            note = f", into {rust_comment(self.layer_names[self.made[columns.whole]])}"
        note = ", no work: the same elements" if layer in self.memory.aliases else note
        note = ", read where it lies" if constant else note
        comment = (f"{rust_comment(name)} ({layer.kind}): {shapes}{note}", *_source_lines(layer.nodes))
        return Step(name, ident, layer.kind, comment, tuple(fields), tuple(lines))

    def _body(self, graph: LayerGraph, table: WeightTable) -> Block:
        """The layers of a body, each below its comment."""
        block = Block()
        for layer in graph.layers:
            step = self.step(layer, table)
            block.lines += [*([""] if block.lines else []), *(f"// {line}" for line in step.comment), *step.lines]
            block.fields += step.fields
        return block

    def _prepare(self, layer: Layer, ident: str, lines: list[str]) -> _Call:
        """What the layer's call refers to; ``lines`` get the variables that it takes."""
        inputs = [self.read(v) for v in layer.inputs]
        for symbol, text in layer.measures(_Call(self.dims, f"self.{ident}", inputs, [])).items():
            self.names[symbol] = self._variable(symbol)
            lines.append(f"let {self.names[symbol]} = {text}?;")
        if columns := self.memory.columns.get(layer.y):
            lines += self.sized(columns.whole, self.idents[self.made[columns.whole]], is_own=True)
            return _Call(self.dims, f"self.{ident}", inputs, [self.write(columns.whole)])
        for i, value in enumerate(layer.outputs):
            lines += self.sized(value, ident if i == 0 else f"{ident}_{i}", is_own=i == 0)
        return _Call(self.dims, f"self.{ident}", inputs, [self.write(v) for v in layer.outputs])

    def _run(self, layer: Layer, call: _Call) -> str:
        """The expression that runs a layer where the planner wants its output."""
        if columns := self.memory.columns.get(layer.y):
            return layer.rust_call_columns(call, columns)
        written = self.memory.columns.keys() & set(layer.inputs)
        if written and isinstance(layer, Concatenate):
            return layer.rust_call_rest(call, written)
        return layer.rust_call_inplace(call) if layer in self.memory.inplace else layer.rust_call(call)


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
