"""Sequences and optional values, which exist only until the analysis: their operators are replaced by those of tensors.

Every sequence becomes the output of a SequenceConstruct node, whose inputs are its elements:

    parts = SplitToSequence(x, split)          a, b = Split(x, sizes); parts = SequenceConstruct(a, b)
    y = ConcatFromSequence(parts, axis)   →    y = Concat(a, b, axis)

The number of elements must be known at conversion, and so must the positions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.inference import InferenceError, ValueInfos, bodies_of, label, normal_axis

_VERSION = 18
"""The operator set of the nodes that are made here."""
_MAX_STEPS = 256
"""The maximum number of steps of a loop that is unrolled because its state is a sequence."""


def resolve(node: ir.Node, infos: ValueInfos) -> list[ir.Node] | None:
    """Replaces an operator of sequences or optional values by operators of tensors, and returns those.

    Returns None for other nodes. Raises InferenceError if the number of elements or a position is not known.
    """
    if node.domain not in ("", "ai.onnx") or not isinstance(node.graph, ir.Graph):
        return None
    if node.op_type in _STRUCTURE:
        return []
    build = _OPERATORS.get(node.op_type)
    if build is None and any(_is_structure(v) for v in node.inputs):
        build = _WITH_SEQUENCES.get(node.op_type)
    if build is None:
        return None
    maker = _Maker(node)
    results = build(node, infos, maker)
    if results is None:
        return None
    # The outputs are replaced by new values, because an element keeps its own name.
    graph, given = node.graph, dict.fromkeys(v for v in node.inputs if _is_structure(v))
    ir.convenience.replace_nodes_and_values(graph, node, [node], maker.nodes, list(node.outputs), results)
    for value in given:
        _remove_unread(value)
    return maker.nodes


def _remove_unread(value: ir.Value | None) -> None:
    """Removes the node that makes a sequence which nothing reads any more, so that its elements can be unread too."""
    producer = None if value is None else value.producer()
    if producer is None or value is None or value.uses() or value.is_graph_output() or producer.graph is None:
        return
    producer.graph.remove(producer, safe=True)


_STRUCTURE = frozenset({"SequenceConstruct", "Optional"})
"""The operators that stay: they only say what their outputs consist of."""


def elements(value: ir.Value) -> list[ir.Value]:
    """The elements of a sequence. Raises InferenceError if they are not known."""
    producer = value.producer()
    if producer is None or producer.op_type != "SequenceConstruct":
        raise InferenceError(
            f"the number of elements of the sequence `{value.name}` is not known at conversion; if it is an input, "
            f"set it with --dim {value.name}=COUNT"
        )
    return [v for v in producer.inputs if v is not None]


def _is_structure(value: ir.Value | None) -> bool:
    producer = None if value is None else value.producer()
    return producer is not None and producer.op_type in _STRUCTURE


class _Maker:
    """Makes the nodes that take the place of a node."""

    def __init__(self, replaced: ir.Node) -> None:
        self.nodes: list[ir.Node] = []
        self._prefix = label(replaced)

    def node(self, op: str, inputs: Sequence[ir.Value | None], outputs: int = 1, **attributes: Any) -> list[ir.Value]:
        """The outputs of a new node."""
        name = f"{self._prefix}/{op}_{len(self.nodes)}"
        given = ir.convenience.convert_attributes(attributes)
        made = ir.Node("", op, inputs, given, num_outputs=outputs, version=_VERSION, name=name)
        for i, value in enumerate(made.outputs):
            value.name = f"{name}_{i}"
        self.nodes.append(made)
        return list(made.outputs)

    def integers(self, numbers: int | Sequence[int]) -> ir.Value:
        """A constant."""
        return self.node("Constant", [], value=ir.tensor(np.asarray(numbers, np.int64)))[0]

    def boolean(self, value: bool) -> ir.Value:
        """A constant."""
        return self.node("Constant", [], value=ir.tensor(np.asarray(value)))[0]

    def sequence(self, values: Sequence[ir.Value]) -> list[ir.Value]:
        return self.node("SequenceConstruct", values)

    def copy(self, value: ir.Value) -> list[ir.Value]:
        """The same tensor, or the same sequence."""
        if _is_structure(value):
            producer = value.producer()
            assert producer is not None
            return self.node(producer.op_type, producer.inputs)
        return self.node("Identity", [value])

    def stack(self, values: Sequence[ir.Value], axis: int) -> list[ir.Value]:
        """The values along a new axis."""
        axes = self.integers([axis])
        return self.node("Concat", [self.node("Unsqueeze", [v, axes])[0] for v in values], axis=axis)

    def inline(self, graph: ir.Graph, inputs: Sequence[ir.Value]) -> list[ir.Value]:
        """The outputs of a copy of ``graph`` for these inputs."""
        copied = graph.clone(allow_outer_scope_values=True)
        results = [dict(zip(copied.inputs, inputs, strict=True)).get(v, v) for v in copied.outputs]
        for formal, actual in zip(copied.inputs, inputs, strict=True):
            for use in tuple(formal.uses()):
                use.node.replace_input_with(use.idx, actual)
        copied.outputs.clear()
        values = [(v.name, v.const_value) for v in copied.initializers.values()]
        for (_, tensor), formal in zip(values, list(copied.initializers.values()), strict=True):
            (constant,) = self.node("Constant", [], value=tensor)
            results = [constant if v is formal else v for v in results]
            for use in tuple(formal.uses()):
                use.node.replace_input_with(use.idx, constant)
        inner = list(copied)
        copied.remove(inner)
        prefix = f"{self._prefix}/{len(self.nodes)}"
        for made in inner:
            made.name = f"{prefix}/{label(made)}"
            for value in made.outputs:
                value.name = f"{prefix}/{value.name}" if value.name else value.name
        self.nodes += inner
        return results


_Build = Callable[[ir.Node, ValueInfos, _Maker], list[ir.Value] | None]


def _given(node: ir.Node, index: int) -> ir.Value | None:
    return node.inputs[index] if index < len(node.inputs) else None


def _operand(node: ir.Node, index: int) -> ir.Value:
    value = _given(node, index)
    if value is None:
        raise InferenceError(f"its input {index} is absent")
    return value


def _attribute(node: ir.Node, name: str, default: int) -> int:
    found = node.attributes.get(name)
    return default if found is None else int(found.value)


def _position(node: ir.Node, index: int, infos: ValueInfos, first: int, last: int) -> int:
    """A position from ``first`` to ``last``, which is the default. Negative ones count from the end, as in Python."""
    value = _given(node, index)
    if value is None:
        return last
    array = infos.const(value)
    if array is None or array.size != 1:
        raise InferenceError(f"its position `{value.name}` is not a constant; bind it with --constants")
    position = int(array.reshape(()))
    if not first <= position <= last:
        raise InferenceError(f"its position is {position}, but the sequence has {-first} elements")
    return position


def _empty(node: ir.Node, infos: ValueInfos, maker: _Maker) -> list[ir.Value]:
    del node, infos
    return maker.sequence([])


def _insert(node: ir.Node, infos: ValueInfos, maker: _Maker) -> list[ir.Value]:
    given = elements(_operand(node, 0))
    given.insert(_position(node, 2, infos, -len(given), len(given)), _operand(node, 1))
    return maker.sequence(given)


def _erase(node: ir.Node, infos: ValueInfos, maker: _Maker) -> list[ir.Value]:
    given = elements(_operand(node, 0))
    del given[_position(node, 1, infos, -len(given), len(given) - 1)]
    return maker.sequence(given)


def _at(node: ir.Node, infos: ValueInfos, maker: _Maker) -> list[ir.Value]:
    given = elements(_operand(node, 0))
    return maker.copy(given[_position(node, 1, infos, -len(given), len(given) - 1)])


def _length(node: ir.Node, infos: ValueInfos, maker: _Maker) -> list[ir.Value]:
    del infos
    return [maker.integers(len(elements(_operand(node, 0))))]


def _concat(node: ir.Node, infos: ValueInfos, maker: _Maker) -> list[ir.Value]:
    del infos
    given = elements(_operand(node, 0))
    if not given:
        raise InferenceError("it concatenates an empty sequence")
    axis = _attribute(node, "axis", 0)
    return maker.stack(given, axis) if _attribute(node, "new_axis", 0) else maker.node("Concat", given, axis=axis)


def _split(node: ir.Node, infos: ValueInfos, maker: _Maker) -> list[ir.Value]:
    x, split = _operand(node, 0), _given(node, 1)
    axis = normal_axis(_attribute(node, "axis", 0), len(infos.shape(x)))
    size = infos.shape(x)[axis]
    if split is not None and len(shape := infos.shape(split)) == 1 and isinstance(shape[0], int):
        return maker.sequence(maker.node("Split", [x, split], shape[0], axis=axis))
    step = 1 if split is None else infos.const(split)
    if step is None or not isinstance(size, int):
        what = f"the sizes `{split.name}` are" if split is not None and step is None else f"its axis of size {size} is"
        raise InferenceError(f"the number of parts is not known at conversion: {what} not constant")
    step = int(np.asarray(step).reshape(()))
    if step < 1:
        raise InferenceError(f"its parts have the size {step}")
    sizes = [min(step, size - start) for start in range(0, size, step)]
    parts = maker.node("Split", [x, maker.integers(sizes)], len(sizes), axis=axis)
    if split is None and not _attribute(node, "keepdims", 1):
        axes = maker.integers([axis])
        parts = [maker.node("Squeeze", [part, axes])[0] for part in parts]
    return maker.sequence(parts)


def _map(node: ir.Node, infos: ValueInfos, maker: _Maker) -> list[ir.Value]:
    del infos
    (body,) = bodies_of(node)
    given = [_operand(node, i) for i in range(len(node.inputs))]
    count = len(elements(given[0]))
    columns = [elements(v) if i == 0 or _is_structure(v) else [v] * count for i, v in enumerate(given)]
    if any(len(column) != count for column in columns):
        raise InferenceError("its sequences have different numbers of elements")
    rows = [maker.inline(body, row) for row in zip(*columns, strict=True)]
    return [maker.sequence([row[i] for row in rows])[0] for i in range(len(node.outputs))]


def _loop(node: ir.Node, infos: ValueInfos, maker: _Maker) -> list[ir.Value]:
    (body,) = bodies_of(node)
    limit, start = infos.const(_given(node, 0)), infos.const(_given(node, 1))
    if limit is None or (_given(node, 1) is not None and start is None) or not _always_continues(body):
        raise InferenceError("the number of steps of a loop over a sequence is not known at conversion")
    steps = int(limit.reshape(())) if start is None or bool(start.reshape(())) else 0
    if steps > _MAX_STEPS:
        raise InferenceError(f"a loop over a sequence has {steps} steps, more than {_MAX_STEPS}")
    states = [_operand(node, i) for i in range(2, len(node.inputs))]
    collected: list[list[ir.Value]] = [[] for _ in node.outputs[len(states) :]]
    for step in range(steps):
        made = maker.inline(body, [maker.integers(step), maker.boolean(True), *states])[1:]
        states = made[: len(states)]
        for own, value in zip(collected, made[len(states) :], strict=True):
            own.append(value)
    if not steps and collected:
        raise InferenceError("a loop without steps collects values")
    return [*(maker.copy(v)[0] for v in states), *(maker.stack(own, 0)[0] for own in collected)]


def _always_continues(body: ir.Graph) -> bool:
    """Whether the condition that a Loop's body returns is the one that it was given, or a constant."""
    value: ir.Value | None = body.outputs[0]
    while value is not None and value is not body.inputs[1]:
        producer = value.producer()
        if producer is None:
            found = value.const_value
            return found is not None and bool(found.numpy().reshape(()))
        if producer.op_type == "Constant" and "value" in producer.attributes:
            return bool(producer.attributes["value"].value.numpy().reshape(()))
        value = producer.inputs[0] if producer.op_type == "Identity" else None
    return value is not None


def _identity(node: ir.Node, infos: ValueInfos, maker: _Maker) -> list[ir.Value]:
    del infos
    return maker.copy(_operand(node, 0))


def _has_element(node: ir.Node, infos: ValueInfos, maker: _Maker) -> list[ir.Value]:
    del infos
    value = _given(node, 0)
    producer = None if value is None else value.producer()
    empty = value is None or (producer is not None and producer.op_type == "Optional" and not any(producer.inputs))
    return [maker.boolean(not empty)]


def _get_element(node: ir.Node, infos: ValueInfos, maker: _Maker) -> list[ir.Value]:
    del infos
    value = _operand(node, 0)
    producer = value.producer()
    if producer is not None and producer.op_type == "Optional":
        inner = _given(producer, 0)
        if inner is None:
            raise InferenceError("it reads an optional value that is empty")
        value = inner
    return maker.copy(value)


_OPERATORS: dict[str, _Build] = {
    "SequenceEmpty": _empty,
    "SequenceInsert": _insert,
    "SequenceErase": _erase,
    "SequenceAt": _at,
    "SequenceLength": _length,
    "ConcatFromSequence": _concat,
    "SplitToSequence": _split,
    "SequenceMap": _map,
    "OptionalHasElement": _has_element,
    "OptionalGetElement": _get_element,
}
RESOLVED = (*_STRUCTURE, *_OPERATORS)
"""The operators that exist only until the analysis."""
_WITH_SEQUENCES: dict[str, _Build] = {"Identity": _identity, "Loop": _loop}
"""Operators that can have tensors and sequences as inputs."""
