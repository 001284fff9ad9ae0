"""The Rust of each layer: its field, and the statements that run it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.codegen.control_flow import LayerCode, ModelField, if_code, loop_code
from tf2rust.codegen.dims import DimWriter
from tf2rust.codegen.variables import Variables
from tf2rust.codegen.weights import WeightTable
from tf2rust.ops.control.layers import If, Loop
from tf2rust.ops.core.dims import Condition, Dim, format_shape
from tf2rust.ops.core.emit import CX, before_call, data_dependent_dims, layer_call, layer_field, result_pattern
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.generator.constant import Constant
from tf2rust.ops.shape.concat import Concatenate
from tf2rust.rust.literals import rust_comment
from tf2rust.rust.tree import Array, Binary, Blank, Comment, Expr, ExprStmt, Item, Stmt, Token, array, let


@dataclass(frozen=True)
class CallSite:
    """The expressions that one call refers to; see ``tf2rust.ops.core.emit.Site``."""

    writer: DimWriter
    field: Expr
    inputs: Sequence[Expr]
    outputs: Sequence[Expr]
    in_place: int | None = None

    def dim(self, dim: Dim) -> Expr:
        return self.writer.dim(dim)

    def dims(self, dims: Sequence[Dim]) -> Array:
        return self.writer.dims(dims)


class Writer(Variables):
    """Writes the Rust of each layer."""

    table: WeightTable
    timed: list[Layer]
    """The layers that a profile measures, in the order in which they end."""

    def steps(self, graph: LayerGraph, table: WeightTable) -> list[tuple[Layer, LayerCode]]:
        """The layers of the model, each with its statements, its field and the fields of its bodies."""
        self.table, self.timed = table, []
        return [(layer, self._timed_step(layer)) for layer in graph.layers]

    def _timed_step(self, layer: Layer) -> LayerCode:
        """The layer's field and statements, the last of which ends its time in a profile."""
        step = self.step(layer)
        if step.statements and layer not in self.memory.aliases:
            step.statements.append(ExprStmt(CX.method("lap", str(len(self.timed)))))
            self.timed.append(layer)
        return step

    def checks(self, conditions: Sequence[Condition]) -> list[Stmt]:
        """The statements that check the sizes of the inputs, before the layers run."""
        # The chunks of a batch run in a function of their own, which does not see the variables.
        writer = self.dims.inline() if self.chunked else self.dims
        statements: list[Stmt] = []
        for condition in conditions:
            check = ExprStmt(writer.check(condition))
            statements += [*writer.take_pending(), check]
        return statements

    def step(self, layer: Layer) -> LayerCode:
        """The layer's field and statements."""
        step = LayerCode()
        ident = self.idents[layer]
        if layer in self.memory.aliases:
            self._alias(layer, step)
            return step
        if (made := layer_field(layer, self.table.refs(layer))) is not None:
            step.fields.append(ModelField(ident, made.type, made.value))
        if self.memory.allocations[layer.y].constant is layer:
            assert isinstance(layer, Constant)
            self.views[layer.y] = Token("self").field(ident)
            return step
        # Inputs that were written directly into the Concatenate's output are not read.
        inputs = [self.read(value) for value in layer.inputs if value not in self.memory.columns]
        site = CallSite(self.dims, Token("self").field(ident), inputs, [])
        for symbol, size in data_dependent_dims(layer, site).items():
            step.statements += [*self.dims.take_pending(), let(self._names(symbol), size)]
        if isinstance(layer, Loop):
            inner = loop_code(self, layer, inputs, self.body)
        elif isinstance(layer, If):
            inner = if_code(self, layer, inputs, self.body)
        else:
            self._call(layer, inputs, step)
            return step
        step.fields += inner.fields
        step.statements += [*self.dims.take_pending(), *inner.statements]
        return step

    def _names(self, symbols: str | Sequence[str | None]) -> Expr:
        """The pattern of the variables for one data-dependent dimension, or for several with gaps."""
        if isinstance(symbols, str):
            return self.name_symbol(symbols, symbols)
        return array([Token("_") if name is None else self.name_symbol(name, name) for name in symbols])

    def body(self, graph: LayerGraph) -> LayerCode:
        """The layers of a body, each after its comment."""
        found = LayerCode(self.checks(graph.conditions))
        for layer in graph.layers:
            step = self._timed_step(layer)
            found.fields += step.fields
            if step.statements:
                found.statements += [*([Blank()] if found.statements else []), *self.comment(layer), *step.statements]
        return found

    def comment(self, layer: Layer) -> list[Stmt]:
        """The comment of a layer: its name, kind, shapes and ONNX nodes."""
        name = rust_comment(self.layer_names[layer])
        shapes = f"{_shapes(layer.inputs)} → {_shapes(layer.outputs)}"
        note = ", in place" if layer in self.memory.inplace else ""
        if columns := self.memory.columns.get(layer.y):
            note = f", into {rust_comment(self.layer_names[self.made[columns.whole]])}"
        return [Comment(line) for line in (f"{name} ({layer.kind}): {shapes}{note}", *_source_lines(layer.nodes))]

    def _alias(self, layer: Layer, step: LayerCode) -> None:
        """A view of the input's elements, or of an output whose parts are already written."""
        if isinstance(layer, Concatenate):
            whole = self.concat_outputs.pop(layer.y)
            if layer.y in self.read_values:
                step.statements.append(self.bind(layer.y, self.idents[layer], whole.method("into_view")))
            return
        if layer.y in self.read_values:
            view = self.read(layer.x).method("reshape", self.dims.dims(layer.y.shape)).tried()
            step.statements += [*self.dims.take_pending(), self.bind(layer.y, self.idents[layer], view)]

    def _call(self, layer: Layer, inputs: Sequence[Expr], step: LayerCode) -> None:
        """The statements that run the layer and write its outputs to their allocations."""
        ident = self.idents[layer]
        site = CallSite(
            self.dims, Token("self").field(ident), inputs, self._outputs(layer, step), self._in_place_input(layer)
        )
        if isinstance(layer, Concatenate) and layer.y in self.concat_outputs:
            self._copy_remaining(layer, inputs, step)
            return
        before, call = before_call(layer, site), layer_call(layer, site)
        step.statements += [*self.dims.take_pending(), *before]
        read = [value in self.read_values for value in layer.outputs]
        if layer.y in self.memory.columns or not any(read):
            step.statements.append(ExprStmt(call.tried()))
            return
        names = [
            self.variable(value, ident if i == 0 else f"{ident}_{i}") if read[i] else Token("_")
            for i, value in enumerate(layer.outputs)
        ]
        step.statements.append(let(result_pattern(layer, names), call.tried()))

    def _copy_remaining(self, layer: Concatenate, inputs: Sequence[Expr], step: LayerCode) -> None:
        """Copies the ``inputs`` that were not written directly into the output."""
        whole = self.concat_outputs.pop(layer.y)
        views = iter(inputs)
        first: Dim = 0
        for value in layer.inputs:
            last = first + value.shape[-1]
            if value not in self.memory.columns:
                columns = Binary(self.dims.dim(first), "..", self.dims.dim(last))
                part = whole.method("slice_columns", columns).tried()
                copied = Item("tf_layers::ops::copy")(CX, next(views), part).tried()
                step.statements += [*self.dims.take_pending(), ExprStmt(copied)]
            first = last
        if layer.y in self.read_values:
            step.statements.append(self.bind(layer.y, self.idents[layer], whole.method("into_view")))

    def _outputs(self, layer: Layer, step: LayerCode) -> list[Expr]:
        """The views that the layer writes to."""
        if columns := self.memory.columns.get(layer.y):
            return [self._concat_output(columns.whole, step).method("slice_columns", self._columns(layer.y)).tried()]
        if isinstance(layer, Concatenate) and self.memory.columns.keys() & set(layer.inputs):
            return [self._concat_output(layer.y, step)]
        return [self.write(value) for value in layer.outputs]

    def _concat_output(self, value: Value, step: LayerCode) -> Token:
        """The tensor of a Concatenate whose parts are being written."""
        if value not in self.concat_outputs:
            name = Token(self.locals.unique(self.idents[self.made[value]]))
            written = self.write(value)
            step.statements += [*self.dims.take_pending(), let(name, written, mutable=True)]
            self.concat_outputs[value] = name
        return self.concat_outputs[value]

    def _columns(self, value: Value) -> Expr:
        columns, width = self.memory.columns[value], value.shape[-1]
        assert isinstance(width, int)
        return Binary(Token(str(columns.first)), "..", Token(str(columns.first + width)))

    def _in_place_input(self, layer: Layer) -> int | None:
        over = layer.inplace_input() if layer in self.memory.inplace else None
        return None if over is None else layer.inputs.index(over)


def _shapes(values: Sequence[Value]) -> str:
    return ", ".join(format_shape(v.shape) for v in values)


def _source_lines(nodes: Sequence[str]) -> list[str]:
    """``from scope/: a, b, …``: the nodes, with their common scope first, wrapped to readable lines."""
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
