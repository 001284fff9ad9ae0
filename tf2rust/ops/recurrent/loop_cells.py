"""Keras's recurrent layers, matched in the Loop that tf2onnx writes for them.

The body computes gates: activations of sums of products with constant kernels. However the exporter split and ordered
these sums, they are normalised here: a kernel for each multiplied value, and a bias.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx_ir as ir

from tf2rust.ops.activation.activation import ActivationLayer
from tf2rust.ops.control.loop_body import LoopAnalysis, made_by, operands, source
from tf2rust.ops.core.activation import LINEAR, Activation
from tf2rust.ops.core.inference import Node, ValueInfos
from tf2rust.ops.core.registry import Applied, Builder, rules_by_op
from tf2rust.ops.indexing.slice import parts, ranges
from tf2rust.ops.recurrent.layers import Gru, Lstm, Recurrent, SimpleRnn


@dataclass
class Sum:
    """Σ value · kernel + bias, and other terms."""

    products: list[tuple[ir.Value, np.ndarray]] = field(default_factory=list)
    bias: np.ndarray | None = None
    rest: list[ir.Value] = field(default_factory=list)

    def plus(self, other: Sum) -> Sum:
        both = [b for b in (self.bias, other.bias) if b is not None]
        bias = None if not both else np.asarray(sum(b.astype(np.float64) for b in both))
        return Sum(self.products + other.products, bias, self.rest + other.rest)

    def part(self, start: int, end: int) -> Sum:
        kernels = [(value, kernel[:, start:end]) for value, kernel in self.products]
        return Sum(kernels, None if self.bias is None else self.bias[start:end])

    def kernel_of(self, value: ir.Value | None, like: np.ndarray) -> np.ndarray:
        """The kernel of one of the values; zeros if the value is not multiplied."""
        total = np.zeros_like(like, dtype=np.float32)
        for own, kernel in self.products:
            total = total + kernel if own is value else total
        return total


def sum_of(value: ir.Value, infos: ValueInfos) -> Sum:
    """The value as a sum of products."""
    value = source(value)
    width = infos.shape(value)[-1] if infos.shape(value) else 1
    constant = infos.const(value)
    if constant is not None and isinstance(width, int):
        row = _as_row(constant, width)
        return Sum(rest=[value]) if row is None else Sum(bias=row)
    node = value.producer()
    if node is None:
        return Sum(rest=[value])
    view, inputs = Node(node), [source(v) for v in node.inputs if v is not None]
    if node.op_type == "Add" and isinstance(width, int):
        return _of_width(sum_of(inputs[0], infos), width).plus(_of_width(sum_of(inputs[1], infos), width))
    if node.op_type == "MatMul" and (kernel := infos.const(inputs[1])) is not None and kernel.ndim == 2:
        return Sum([(inputs[0], kernel)])
    if node.op_type == "Gemm" and isinstance(width, int) and (product := _gemm(view, inputs, infos)) is not None:
        return product if len(inputs) == 2 else product.plus(_of_width(sum_of(inputs[2], infos), width))
    if node.op_type == "Squeeze" and infos.shape(inputs[0])[-1:] == infos.shape(value):
        return sum_of(inputs[0], infos)  # a batch of one, which an addition broadcasts back
    if node.op_type in ("Split", "Slice") and (found := _columns(view, value, infos)) is not None:
        inner = sum_of(inputs[0], infos)
        return Sum(rest=[value]) if inner.rest else inner.part(*found)
    return Sum(rest=[value])


def _gemm(node: Node, inputs: list[ir.Value], infos: ValueInfos) -> Sum | None:
    """The product of a Gemm with a constant kernel and no scaling, without its third input."""
    kernel = infos.const(inputs[1])
    plain = node.attr("alpha", 1.0) == 1 and node.attr("beta", 1.0) == 1 and not node.attr("transA", 0)
    if kernel is None or not plain:
        return None
    return Sum([(inputs[0], kernel.T if node.attr("transB", 0) else kernel)])


def _of_width(part: Sum, width: int) -> Sum:
    if part.bias is not None and part.bias.size == 1:
        part.bias = np.full(width, part.bias.reshape(()))
    return part


def _columns(node: Node, output: ir.Value, infos: ValueInfos) -> tuple[int, int] | None:
    """The range of the last axis that an output of a Split or Slice selects; None for other outputs."""
    data = infos.shape(node.x)
    last = len(data) - 1
    if node.op == "Split":
        if node.attr("axis", 0) not in (-1, last):
            return None
        sizes = parts(node, infos, last)
        start = sum(int(str(d)) for d in sizes[: output.index()])
        return start, start + int(str(sizes[output.index() or 0]))
    starts, steps, shape = ranges(node, infos)
    whole = all(s == 1 for s in steps) and shape[:-1] == data[:-1]
    first, size = starts[-1], shape[-1]
    return (first, first + size) if whole and isinstance(first, int) and isinstance(size, int) else None


def _as_row(array: np.ndarray, width: int) -> np.ndarray | None:
    """A constant as one number per column, if all rows are equal."""
    if array.size == 1:
        return np.full(width, array.reshape(()))
    return array.reshape(-1) if array.size == width and array.shape[-1] == width else None


@dataclass
class Cell:
    """One cell of the loop's body: its layer class and parameters, its states, its input and its results."""

    cls: type[Recurrent]
    x: ir.Value
    states: list[int]
    made: ir.Value
    parts: dict[str, Any]


class Cells:
    """Finds the cells of a loop's body."""

    def __init__(self, loop: LoopAnalysis, new: list[ir.Value], builder: Builder) -> None:
        self.loop, self.new, self.builder, self.infos = loop, new, builder, loop.infos

    def at(self, i: int) -> Cell | None:
        """The cell whose hidden state is the i-th carried value."""
        for find in (self._lstm, self._gru, self._simple):
            cell = next(find(i), None)
            if cell is not None:
                return cell
        return None

    def _activation(self, value: ir.Value) -> tuple[Activation, ir.Value]:
        """The activation function that computes the value, and its argument."""
        value = source(value)
        node = value.producer()
        if node is not None:
            for rule in rules_by_op().get(node.op_type, []):
                outcome = rule.apply(node, self.builder)
                if isinstance(outcome, Applied):
                    (layer, *more) = outcome.layers
                    if more or not isinstance(layer, ActivationLayer):
                        break
                    argument = self.builder.source(layer.x)
                    assert argument is not None
                    return layer.activation, argument
        return LINEAR, value

    def _gate(self, value: ir.Value) -> tuple[Activation, Sum] | None:
        activation, inner = self._activation(value)
        total = sum_of(inner, self.infos)
        return None if total.rest or not total.products else (activation, total)

    def _simple(self, i: int) -> Iterator[Cell]:
        gate = self._gate(self.new[i])
        if gate is not None and (cell := self._cell(SimpleRnn, i, [i], [gate[1]])) is not None:
            cell.parts["activation"] = gate[0]
            yield cell

    def _lstm(self, i: int) -> Iterator[Cell]:
        """h' = o · act(c'), c' = f · c + i · act(…)."""
        for output, squashed in operands(self.new[i], "Mul"):
            activation, c = self._activation(squashed)
            if c not in self.new or (at := self.new.index(c)) == i:
                continue
            for kept, added in operands(c, "Add"):
                for forget, old in operands(kept, "Mul"):
                    if old is not self.loop.carried[at]:
                        continue
                    for entry, candidate in operands(added, "Mul"):
                        gates = [self._gate(v) for v in (entry, forget, candidate, output)]
                        if any(g is None for g in gates):
                            continue
                        names, sums = zip(*(g for g in gates if g is not None), strict=True)
                        cell = self._cell(Lstm, i, [i, at], list(sums))
                        if cell is None or names[2] != activation or len({names[0], names[1], names[3]}) != 1:
                            continue
                        cell.parts |= {"activation": activation, "recurrent_activation": names[0]}
                        yield cell

    def _gru(self, i: int) -> Iterator[Cell]:
        """h' = z · h + (1 − z) · act(…)."""
        state = self.loop.carried[i]
        for kept, added in operands(self.new[i], "Add"):
            for update, old in operands(kept, "Mul"):
                for rest, candidate in operands(added, "Mul"):
                    minus = made_by(rest, "Sub")
                    if old is not state or minus is None or None in minus.inputs:
                        continue
                    one, other = minus.operands()
                    if source(other) is not update or self.infos[one].fill != 1:
                        continue
                    cell = self._gru_of(i, update, candidate)
                    if cell is not None:
                        yield cell

    def _gru_of(self, i: int, update: ir.Value, candidate: ir.Value) -> Cell | None:
        state = self.loop.carried[i]
        activation, inner = self._activation(candidate)
        total, z = sum_of(inner, self.infos), self._gate(update)
        if z is None:
            return None
        # A reset after the product multiplies a sum; otherwise the product contains the reset state.
        after = bool(total.rest)
        resets = total.rest if after else [v for v, _ in total.products if made_by(v, "Mul")]
        for product in resets[:1] if len(resets) == 1 else []:
            for reset, value in operands(product, "Mul"):
                r = self._gate(reset)
                if r is None or r[0] != z[0]:
                    continue
                bias = None
                if after:
                    inside = sum_of(value, self.infos)
                    if inside.rest or any(v is not state for v, _ in inside.products):
                        continue
                    bias = inside.bias
                    last = Sum(total.products + inside.products, total.bias)
                elif value is state:
                    last = Sum([(state if v is product else v, k) for v, k in total.products], total.bias)
                else:
                    continue
                cell = self._cell(Gru, i, [i], [z[1], r[1], last])
                if cell is not None:
                    recurrent = None
                    if bias is not None and bias.any():
                        recurrent = np.concatenate([np.zeros(2 * bias.size), bias]).astype(np.float32)
                    cell.parts |= {
                        "activation": activation,
                        "recurrent_activation": z[0],
                        "reset_after": after,
                        "recurrent_bias": recurrent,
                    }
                    return cell
        return None

    def _cell(self, cls: type[Recurrent], i: int, states: list[int], gates: list[Sum]) -> Cell | None:
        """The cell with these gates, if all of them read the state and the same other value."""
        state = self.loop.carried[i]
        others = {v for gate in gates for v, _ in gate.products if v is not state}
        units = self.infos.shape(state)[-1]
        if len(others) != 1 or not isinstance(units, int):
            return None
        (x,) = others
        if len(self.infos.shape(x)) != 2 or len(self.infos.shape(state)) != 2:
            return None  # one sample without a batch axis, which the layers do not support
        width = self.infos.shape(x)[-1]
        if not isinstance(width, int) or any(k.shape[1] != units for g in gates for _, k in g.products):
            return None
        own, recurrent = np.zeros((width, units), np.float32), np.zeros((units, units), np.float32)
        biases = [np.zeros(units) if g.bias is None else g.bias for g in gates]
        bias = np.concatenate(biases).astype(np.float32)
        parts: dict[str, Any] = {
            "kernel": np.concatenate([g.kernel_of(x, own) for g in gates], axis=1),
            "recurrent_kernel": np.concatenate([g.kernel_of(state, recurrent) for g in gates], axis=1),
            "bias": bias if bias.any() else None,
        }
        return Cell(cls, x, states, self.new[i], parts)
