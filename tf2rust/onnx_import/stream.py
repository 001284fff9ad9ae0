"""Streams: a model of whole sequences becomes one that takes them in chunks and keeps a state in between.

Only nodes that mix steps need a state. A convolution needs the steps before the chunk, which padding replaces in the
whole sequence:

    x ─ Pad(left p) ─ Conv   →   Concat(history, x) ─ Conv      the next history is the last p steps of the Concat

A recurrent layer needs the state that the layer had after the chunk before, and CumSum needs the last sum. All other
nodes must treat every step by itself, which the axes of their operator show. Everything else is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper

from tf2rust.errors import ConversionError, UsageError
from tf2rust.onnx_import.infer import Analysis
from tf2rust.onnx_import.stream_rewrite import RefusedError, StreamRewrite
from tf2rust.ops.core.dims import Dim, DimExpr, product, symbols
from tf2rust.ops.core.inference import Node, label, read_by
from tf2rust.ops.core.layer import State, Stream
from tf2rust.stages import brief

_ELEMENTWISE = frozenset(
    """
    Abs Acos Acosh Add And Asin Asinh Atan Atanh BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike
    Ceil Celu Clip Cos Cosh DequantizeLinear Div Dropout Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual
    HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or
    PRelu Pow QuantizeLinear Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum
    Swish Tan Tanh ThresholdedRelu Where Xor
    """.split()  # noqa: SIM905
)
_REDUCTIONS = frozenset(
    f"Reduce{kind}"
    for kind in "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare".split()  # noqa: SIM905
)
_OF_ONE_AXIS = {"ArgMax": 0, "ArgMin": 0, "Concat": 0, "Hardmax": -1, "LogSoftmax": -1, "Softmax": -1, "Split": 0}
"""Operators that mix the elements of one axis, and the default of the axis."""
_COMBINING = _ELEMENTWISE | {"Concat", "Gather", "Gemm", "MatMul"}
"""Operators for which other inputs than the first can have steps."""
_SAME_FOR_ALL_STEPS = _ELEMENTWISE | {"ConstantOfShape", "Expand", "Squeeze", "Transpose", "Unsqueeze"}
"""Operators that make no difference between the steps if their inputs make none."""
_SHAPES_FROM = {"ConstantOfShape": (0,), "Expand": (1,), "Pad": (1,), "Reshape": (1,), "Slice": (1, 2), "Tile": (1,)}
"""Inputs that only decide about the shape of the output."""
_SINGLE_AXIS = 13
"""The version since which Softmax and its relatives compute along a single axis."""
_RECURRENT = {"GRU": 1, "LSTM": 2, "RNN": 1}
"""Recurrent operators, and the number of their states."""


@dataclass(frozen=True)
class _Place:
    """Where the steps of a value are. It begins ``history`` steps before the chunk.

    ``outer`` is set if time is merged with another axis: the number of elements before it in a step of that axis.
    """

    axis: int
    history: int
    outer: Dim | None = None


def streamed(proto: onnx.ModelProto, analysis: Analysis, time: str) -> tuple[onnx.ModelProto, list[State], Stream]:
    """The model that takes chunks along the symbolic dimension ``time``, its states, and the time of its ports.

    Raises UsageError if there is no such dimension, and ConversionError with a reason for every node that mixes steps
    in a way that needs later steps or the whole sequence.
    """
    return _Streamer(proto, analysis, time).run()


def _dimension(analysis: Analysis, time: str) -> str:
    """The identifier of the dimension ``time``, which is its name, or an input and an axis, ``x:1``."""
    known = {own: own for own in analysis.symbolic} | {name: own for own, name in analysis.renamed.items()}
    for value in analysis.graph.inputs:
        if value in analysis.infos:
            for axis, dim in enumerate(analysis.infos[value].shape):
                known.setdefault(f"{value.name}:{axis}", str(dim))
    if known.get(time) not in analysis.symbolic:
        shown = brief(time) if time else "''"
        listed = ", ".join(f"`{name}`" for name in analysis.symbolic) or "none"
        raise UsageError(f"--stream {shown}: the model has no such symbolic dimension; it has: {listed}")
    return known[time]


class _Streamer:
    """Visits the nodes in their order, and finds where the steps of every value are."""

    def __init__(self, proto: onnx.ModelProto, analysis: Analysis, time: str) -> None:
        self.analysis, self.infos = analysis, analysis.infos
        self.time = _dimension(analysis, time)
        self.symbol = DimExpr.symbol(self.time)
        self.places: dict[ir.Value, _Place] = {}
        self.positions: set[ir.Value] = set()
        """Values that depend on the length of the sequence or on positions in it."""
        self.rewrite = StreamRewrite(proto, analysis)
        self.readers: dict[ir.Value, list[ir.Node]] = {}
        for node in analysis.graph:
            for value in node.inputs:
                if value is not None:
                    self.readers.setdefault(value, []).append(node)

        self.visitors: dict[str, Callable[[Node, _Place], None]] = {
            **dict.fromkeys(_ELEMENTWISE, self._elementwise),
            **dict.fromkeys(_REDUCTIONS, self._reduction),
            **dict.fromkeys(_OF_ONE_AXIS, self._of_one_axis),
            **dict.fromkeys(_RECURRENT, self._recurrent),
            **dict.fromkeys(("AveragePool", "Conv", "LpPool", "MaxPool"), self._window),
            **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), self._reshape),
            "BatchNormalization": self._batch_normalization,
            "CumSum": self._cumsum,
            "Gather": self._gather,
            "Gemm": self._gemm,
            "LayerNormalization": self._layer_normalization,
            "MatMul": self._matmul,
            "Pad": self._pad,
            "Slice": self._slice,
            "Transpose": self._transpose,
        }

    def run(self) -> tuple[onnx.ModelProto, list[State], Stream]:
        reasons = []
        for value in self.analysis.graph.inputs:
            if value in self.infos and self._has_time(value):
                if len(self._axes(value)) > 1:
                    dims = ", ".join(map(str, self.infos[value].shape))
                    reasons.append(f"the input `{brief(value.name or '')}` [{dims}] has more than one axis of steps.")
                self.places[value] = _Place(self._axes(value)[0], 0)
        for node in self.analysis.graph:
            try:
                self._visit(node)
            except RefusedError as error:
                reasons.append(f"node `{brief(label(node))}` ({node.op_type}) cannot run in chunks: {error}.")
                for value in node.outputs:  # Later nodes have reasons of their own.
                    if value in self.infos and self._has_time(value):
                        self.places[value] = _Place(self._axes(value)[0], 0)
        for value in self.analysis.graph.outputs:
            place = self.places.get(value)
            if not reasons and (place is None or place.history or place.outer is not None):
                reasons.append(
                    f"the output `{brief(value.name or '')}` has no axis with a step for each step of `{self.time}`, "
                    "so its chunks cannot be joined to the output of the whole sequence."
                )
        for value in self.analysis.graph.inputs:
            if value in self.infos and value not in self.places:
                name = brief(value.name or "")
                reasons.append(f"the input `{name}` has no axis `{self.time}`; bind it with --constants.")
        if not reasons and not self.rewrite.states:
            reasons.append("the model treats every step by itself and needs no state; convert it without --stream.")
        if reasons:
            raise ConversionError(reasons)
        return self.rewrite.model(), self.rewrite.states, self._stream()

    def _stream(self) -> Stream:
        graph = self.analysis.graph
        return Stream(
            self.time, {v.name or "": self.places[v].axis for v in (*graph.inputs, *graph.outputs) if v in self.places}
        )

    # Where the steps are

    def _axes(self, value: ir.Value) -> list[int]:
        return [i for i, dim in enumerate(self.infos[value].shape) if self.time in symbols([dim])]

    def _has_time(self, value: ir.Value) -> bool:
        return bool(self._axes(value))

    def _place(self, value: ir.Value, outer: Dim | None = None) -> _Place:
        """The place of the steps in a value. Raises RefusedError if there is none, or none alone."""
        shape, axes = self.infos[value].shape, self._axes(value)
        if len(axes) == 1:
            history = shape[axes[0]] - self.symbol
            if isinstance(history, int) and history >= 0:
                return _Place(axes[0], history)
            if outer is not None:
                return _Place(axes[0], 0, outer)
        dims = ", ".join(map(str, shape))
        raise RefusedError(f"the steps of its result [{dims}] are not those of `{self.time}`")

    def _visit(self, node: ir.Node) -> None:
        timed = [v for v in read_by(node) if v in self.places]
        if not timed:
            self._of_positions(node)
            return
        ignored = _SHAPES_FROM.get(node.op_type, ())
        if node.op_type == "Shape":
            self._of_positions(node)
            return
        for i, value in enumerate(node.inputs):
            if value in self.positions and i not in ignored:
                raise RefusedError("it uses the length of the sequence, or positions in it")
        if node in self.analysis.problems:
            raise RefusedError(self.analysis.problems[node])
        if node.op_type not in _COMBINING and any(v in self.places for v in node.inputs[1:]):
            raise RefusedError("it combines steps with other steps")
        visit = self.visitors.get(node.op_type)
        if visit is None or node.domain not in ("", "ai.onnx"):
            raise RefusedError("it is not known to treat every step by itself")
        visit(Node(node), self.places[timed[0]])

    def _of_positions(self, node: ir.Node) -> None:
        """Finds out whether a node that reads no steps depends on their number."""
        ignored = _SHAPES_FROM.get(node.op_type, ())
        reads = any(value in self.positions for i, value in enumerate(node.inputs) if i not in ignored)
        for value in node.outputs:
            info = self.infos.known(value)
            if info is None:
                continue
            if info.dims is not None:
                depends = self.time in symbols(d for d in info.dims.flat if isinstance(d, DimExpr))
            elif info.fill is not None or info.const is not None:
                depends = False
            else:
                # Such as a table of positions, cut to the length of the sequence.
                depends = reads or (self._has_time(value) and node.op_type not in _SAME_FOR_ALL_STEPS)
            if depends:
                self.positions.add(value)

    def _keep(self, node: Node, outer: Dim | None = None) -> None:
        """Sets the places of all results."""
        for value in node.outputs:
            if value in self.infos:
                self.places[value] = self._place(value, outer)

    # Nodes that treat every step by itself

    def _elementwise(self, node: Node, place: _Place) -> None:
        rank, axes = len(self.infos[node.y].shape), self._axes(node.y)
        for value in node.inputs:
            if value is None or value not in self.infos or not self._has_time(value):
                continue
            other = self.places.get(value)
            at = [rank - len(self.infos[value].shape) + axis for axis in self._axes(value)]
            if at != axes or (other is not None and other.outer != place.outer):
                raise RefusedError("it combines steps with other steps")
        self._keep(node, place.outer)

    def _reduction(self, node: Node, place: _Place) -> None:
        rank = len(self.infos[node.x].shape)
        given = self.infos.const(node.input(1)) if node.input(1) is not None else node.attr("axes")
        if node.input(1) is not None and given is None:
            raise RefusedError("its axes are not known")
        axes = [int(a) % rank for a in np.asarray(given).reshape(-1)] if given is not None else list(range(rank))
        self._mixes(axes, place)
        self._keep(node, place.outer)

    def _of_one_axis(self, node: Node, place: _Place) -> None:
        rank = len(self.infos[node.x].shape)
        # Before version 13, these operators joined all axes from `axis` on.
        joins = node.version < _SINGLE_AXIS and node.op in ("Hardmax", "LogSoftmax", "Softmax")
        axis = int(node.attr("axis", 1 if joins else _OF_ONE_AXIS[node.op])) % rank
        for value in node.inputs:
            if value is not None and self._has_time(value):
                own = self.places.get(value) or self._place(value, place.outer)
                self._mixes(range(axis, rank) if joins else [axis], own)
                if own.axis != place.axis:
                    raise RefusedError("it combines steps with other steps")
        self._keep(node, place.outer)

    def _mixes(self, axes: Sequence[int], place: _Place) -> None:
        if place.axis in axes:
            raise RefusedError("it computes with all steps of the sequence")

    def _layer_normalization(self, node: Node, place: _Place) -> None:
        rank = len(self.infos[node.x].shape)
        self._mixes(range(int(node.attr("axis", -1)) % rank, rank), place)
        self.places[node.y] = self._place(node.y, place.outer)

    def _batch_normalization(self, node: Node, place: _Place) -> None:
        self._mixes([1], place)
        self.places[node.y] = self._place(node.y, place.outer)

    def _matmul(self, node: Node, place: _Place) -> None:
        left, right = node.operands(2)
        if right in self.places or place.axis == len(self.infos[left].shape) - 1:
            raise RefusedError("it computes with all steps of the sequence")
        self._keep(node, place.outer)

    def _gemm(self, node: Node, place: _Place) -> None:
        if any(v in self.places for v in node.inputs[1:]) or place.axis != int(node.attr("transA", 0)):
            raise RefusedError("it computes with all steps of the sequence")
        self._keep(node, place.outer)

    def _gather(self, node: Node, place: _Place) -> None:
        data = node.x
        if data in self.places:
            self._mixes([int(node.attr("axis", 0)) % len(self.infos[data].shape)], place)
            if node.operand(1) in self.places:
                raise RefusedError("it combines steps with other steps")
        self._keep(node, place.outer)

    def _transpose(self, node: Node, place: _Place) -> None:
        if place.outer is not None:
            raise RefusedError("it moves an axis in which steps and other elements are merged")
        self._keep(node)

    def _reshape(self, node: Node, place: _Place) -> None:
        before, after = self.infos[node.x].shape, self.infos[node.y].shape
        outer = place.outer if place.outer is not None else product(before[: place.axis])
        if len(axes := self._axes(node.y)) != 1:
            raise RefusedError("it spreads the steps over several axes")
        found = self._place(node.y, outer)
        if found.outer is None and product(after[: axes[0]]) != outer:
            raise RefusedError("it mixes steps with other elements")
        if found.outer is not None and place.history:
            raise RefusedError("it merges steps before the chunk with another axis")
        self.places[node.y] = found

    def _slice(self, node: Node, place: _Place) -> None:
        rank = len(self.infos[node.x].shape)
        starts, axes, steps = (self.infos.const(node.input(i)) for i in (1, 3, 4))
        taken = range(len(starts)) if axes is None and starts is not None else axes
        if taken is None:
            raise RefusedError("its axes are not known")
        for i, axis in enumerate(taken):
            if int(axis) % rank != place.axis:
                continue
            known = starts is not None and int(starts[i]) >= 0 and (steps is None or int(steps[i]) == 1)
            if place.outer is not None or not known or (node.input(4) is not None and steps is None):
                raise RefusedError("it takes steps by their position in the sequence")
        self._keep(node, place.outer)

    # Nodes that need a state

    def _pad(self, node: Node, place: _Place) -> None:
        shape = self.infos[node.x].shape
        pads = self.infos.const(node.input(1)) if node.input(1) is not None else node.attr("pads")
        value = self.infos.const(node.input(2)) if node.input(2) is not None else node.attr("value")
        if pads is None or node.input(3) is not None:
            raise RefusedError("its padding is not known")
        if place.outer is not None:
            raise RefusedError("it mixes the steps with other elements")
        left, right = int(pads[place.axis]), int(pads[len(shape) + place.axis])
        if right > 0:
            raise RefusedError("it adds steps behind the sequence")
        if left < 0 or right < 0:
            raise RefusedError("it takes steps by their position in the sequence")
        if left and node.attr("mode", "constant") != "constant":
            raise RefusedError("it pads the beginning of the sequence with later steps")
        if left:
            number = 0 if value is None else _single(value, "padding value")
            own = self.rewrite.node(node)
            extended, made = self._history(node.x, place, left, number)
            rest = [0 if i % len(shape) == place.axis else int(p) for i, p in enumerate(pads)]
            if any(rest) and node.input(1) is None:
                raise RefusedError("it pads other axes too; export the model for a newer operator set")
            if any(rest):
                name = self.rewrite.weight(f"{own.output[0]}_pads", np.asarray(rest, np.int64))
                changed = onnx.NodeProto()
                changed.CopyFrom(own)
                changed.input[0], changed.input[1] = extended, name
                made = [*made, changed]
            else:
                made = [*made, helper.make_node("Identity", [extended], [own.output[0]], f"{own.name}/history")]
            self.rewrite.replaced[own.output[0]] = made
        self._keep(node)

    def _window(self, node: Node, place: _Place) -> None:
        """A convolution or pooling, whose windows begin at the left."""
        spatial = len(self.infos[node.x].shape) - 2
        i = place.axis - 2
        if place.outer is not None or i < 0:
            raise RefusedError("it mixes the steps with other elements")
        kernel = node.attr("kernel_shape")
        kernel = self.infos[node.operand(1)].shape[2:] if kernel is None else kernel
        stride, dilation = (node.attr(name) or [1] * spatial for name in ("strides", "dilations"))
        pads = list(node.attr("pads") or [0] * (2 * spatial))
        auto = node.attr("auto_pad", "NOTSET")
        if stride[i] != 1:
            raise RefusedError(f"it has stride {stride[i]} over time")
        reach = (int(str(kernel[i])) - 1) * int(dilation[i])
        if auto not in ("NOTSET", "VALID") and reach:
            raise RefusedError(f"its padding is {auto}, so that steps depend on later ones")
        if any(value in self.readers for value in node.outputs[1:]):
            raise RefusedError("it numbers the positions of its maxima")
        left, right = int(pads[i]), int(pads[spatial + i])
        crops = self._crops(node.y, self.symbol + place.history + left - reach) if right else []
        if right and not crops:
            raise RefusedError("it depends on later steps, because it pads the end of the sequence")
        averages = node.op == "AveragePool" and not node.attr("count_include_pad", 0)
        if left and (node.op == "MaxPool" or averages):
            raise RefusedError("its first windows are smaller, because it leaves out the padding")
        if left or crops:
            own = self.rewrite.node(node)
            extended, made = self._history(node.x, place, left, 0.0) if left else (own.input[0], [])
            changed = onnx.NodeProto()
            changed.CopyFrom(own)
            changed.input[0] = extended
            pads[i] = pads[spatial + i] = 0
            kept = [a for a in changed.attribute if a.name != "pads"]
            del changed.attribute[:]
            changed.attribute.extend([*kept, helper.make_attribute("pads", [int(p) for p in pads])])
            self.rewrite.replaced[own.output[0]] = [*made, changed]
        for crop in crops:
            own = self.rewrite.node(Node(crop))
            self.rewrite.replaced[own.output[0]] = [
                helper.make_node("Identity", [own.input[0]], [own.output[0]], f"{own.name}/all")
            ]
        if crops:
            self.places[node.y] = _Place(place.axis, 0)
        else:
            self._keep(node)

    def _crops(self, value: ir.Value, length: Dim) -> list[ir.Node]:
        """The Slices that are the only readers of ``value``, if all take its first ``length`` steps."""
        readers = self.readers.get(value, [])
        shape = list(self.infos[value].shape)
        axis = self._axes(value)[0]
        shape[axis] = length
        for reader in readers:
            starts = self.infos.const(reader.inputs[1]) if reader.op_type == "Slice" else None
            if starts is None or any(starts) or list(self.infos[reader.outputs[0]].shape) != shape:
                return []
        outputs = {id(v) for v in self.analysis.graph.outputs}
        return [] if id(value) in outputs else readers

    def _recurrent(self, node: Node, place: _Place) -> None:
        if node.attr("direction", "forward") != "forward":
            raise RefusedError("it reads the sequence backwards")
        if node.attr("layout", 0) or place != _Place(0, 0):
            raise RefusedError("time is not the first axis of its input")
        if node.input(4) is not None:
            raise RefusedError("it has sequence lengths")
        count = _RECURRENT[node.op]
        if any(value in self.readers or value in self.analysis.graph.outputs for value in node.outputs[1 : 1 + count]):
            raise RefusedError("its last state is used, which is that of the whole sequence")
        own = self.rewrite.node(node)
        changed = onnx.NodeProto()
        changed.CopyFrom(own)
        inputs = [*own.input, *[""] * (8 - len(own.input))]
        outputs = [*own.output, *[""] * (1 + count - len(own.output))]
        size = self.infos[node.operand(2)].shape[-1]
        batch = self.infos[node.x].shape[1]
        for i in range(count):
            given = node.input(5 + i)
            info = None if given is None else self.infos[given]
            if info is not None and info.const is None and info.fill != 0:
                raise RefusedError("its initial state is computed")
            initial = None if info is None or info.fill == 0 else info.const
            name = f"{own.name or own.output[0]}/{'hc'[i]}"
            inputs[5 + i], outputs[1 + i] = self.rewrite.state(
                name, self.infos[node.x].dtype, (1, batch, size), initial
            )
        del changed.input[:], changed.output[:]
        while inputs[-1] == "":
            inputs.pop()
        changed.input.extend(inputs)
        changed.output.extend(outputs)
        self.rewrite.replaced[own.output[0]] = [changed]
        self.places[node.y] = self._place(node.y)

    def _cumsum(self, node: Node, place: _Place) -> None:
        axis = self.infos.const(node.input(1))
        if axis is None:
            raise RefusedError("its axis is not known")
        if place.outer is not None:
            raise RefusedError("it mixes the steps with other elements")
        if _single(axis, "axis") % len(self.infos[node.x].shape) == place.axis:
            if node.attr("reverse", 0) or node.attr("exclusive", 0) or place.history:
                raise RefusedError("it sums in another way than forwards from the first step on")
            own = self.rewrite.node(node)
            shape = list(self.infos[node.x].shape)
            shape[place.axis] = 1
            name = own.name or own.output[0]
            kept, new = self.rewrite.state(f"{name}/sum", self.infos[node.x].dtype, tuple(shape), None)
            changed = onnx.NodeProto()
            changed.CopyFrom(own)
            changed.output[0] = self.rewrite.name(f"{name}/chunk")
            add = helper.make_node("Add", [changed.output[0], kept], [own.output[0]], f"{name}/add")
            self.rewrite.replaced[own.output[0]] = [
                changed,
                add,
                self.rewrite.last(own.output[0], new, 1, place.axis, name),
            ]
        self._keep(node, place.outer)

    def _history(self, value: ir.Value, place: _Place, count: int, number: float) -> tuple[str, list[onnx.NodeProto]]:
        if place.history:
            raise RefusedError("it pads a sequence that is already padded")
        return self.rewrite.history(value, place.axis, count, number)


def _single(value: object, what: str) -> Any:
    """The only element of an array or a number, as a number of Python. Raises RefusedError if there are several."""
    array = np.asarray(value)
    if array.size != 1:
        raise RefusedError(f"its {what} has {array.size} elements instead of one")
    return array.item()
