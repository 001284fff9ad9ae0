"""The memory planner: allocates every intermediate tensor.

Tensors with the same elements (a Reshape and its input, a layer that works in place) share one allocation. A
Concatenate's output also shares its allocation with the inputs that are written directly into its columns. An
allocation is a model input, a model output, or a buffer of the workspace. A buffer is reused after the last reader of
its tensor.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

from tf2rust.ops.control.layers import Loop
from tf2rust.ops.core.layer import Columns, Layer, LayerGraph, Value
from tf2rust.ops.generator.constant import Constant
from tf2rust.ops.shape.concat import Concatenate
from tf2rust.ops.shape.reshape import Reshape


@dataclass(eq=False)
class Allocation:
    """The memory of tensors that share their elements."""

    dtype: str
    values: list[Value] = field(default_factory=list)
    number: int = 0
    """The number of values that were allocated before."""
    input: Value | None = None
    output: str | None = None
    constant: Constant | None = None
    buffer: int | None = None

    @property
    def is_buffer(self) -> bool:
        return self.input is None and self.output is None and self.constant is None

    @property
    def is_fixed(self) -> bool:
        """Whether the memory is read-only."""
        return self.input is not None or self.constant is not None


@dataclass
class Plan:
    """The allocation of every value, the buffers' dtypes, and the layers that run in place or are aliases."""

    allocations: dict[Value, Allocation]
    buffers: list[str]
    inplace: set[Layer]
    aliases: set[Layer]
    columns: dict[Value, Columns] = field(default_factory=dict)
    """The values that are written into columns of others."""


def plan(graph: LayerGraph, *, inplace: bool, memdrop: bool) -> Plan:
    """Plans the graph's memory.

    ``inplace`` lets layers overwrite their input, or write into the Concatenate that alone reads their output.
    ``memdrop`` reuses a buffer after the last reader of its tensor. Without both, every layer has an output of its own.
    """
    result = Plan({}, [], set(), set())
    for value in graph.inputs:
        result.allocations[value] = Allocation(value.dtype, [value], input=value)
    _allocate(_Scope(graph, {value for _, value in graph.outputs}, {}, 0), result, inplace)
    for name, value in graph.outputs:
        result.allocations[value].output = name
    _assign_buffers(graph, result, memdrop, {})
    return result


@dataclass
class _Scope:
    """The model's graph, or a body in it."""

    graph: LayerGraph
    owned: set[Value]
    """The outputs that need allocations of their own, because they are written."""
    states: dict[Allocation, Value]
    """The allocations of a loop's states, with the value that each holds after a step."""
    before: int
    """The number of values that were allocated before the body."""

    def may_hold(self, allocation: Allocation, value: Value) -> bool:
        """Whether a value can share an allocation."""
        if value not in self.owned:
            return True
        free = not allocation.is_fixed and self.last_read(allocation) < len(self.graph.layers)
        return free and not self.is_outside(allocation) and self.states.get(allocation, value) is value

    def is_outside(self, allocation: Allocation) -> bool:
        """Whether an allocation belongs to the outer graph, so that the body must not write to it."""
        return allocation.number < self.before and allocation not in self.states

    def last_read(self, allocation: Allocation) -> int:
        """The index of the last layer that reads the allocation; past the end for an output, -1 if there is none."""
        seen, last = self._seen.get(allocation, (0, -1))
        last = max([last, *(self._reads.get(v, -1) for v in allocation.values[seen:])])
        self._seen[allocation] = len(allocation.values), last
        return last

    @cached_property
    def outputs(self) -> set[Value]:
        return {value for _, value in self.graph.outputs}

    @cached_property
    def makers(self) -> dict[Value, Layer]:
        return {value: layer for layer in self.graph.layers for value in layer.outputs}

    @cached_property
    def readers(self) -> dict[Value, list[Layer]]:
        return self.graph.consumers()

    @cached_property
    def _reads(self) -> dict[Value, int]:
        return _last_reads(self.graph)

    @cached_property
    def _seen(self) -> dict[Allocation, tuple[int, int]]:
        """For each allocation, how many values were examined, and their last reader; values can be added later."""
        return {}


def _allocate(scope: _Scope, result: Plan, inplace: bool) -> None:
    """Allocates every value of a graph and of its bodies."""
    for step, layer in enumerate(scope.graph.layers):
        for value in layer.outputs:
            fixed = layer if isinstance(layer, Constant) and value not in scope.outputs else None
            if value not in result.allocations:
                result.allocations[value] = Allocation(value.dtype, [value], len(result.allocations), constant=fixed)
        _share(scope, layer, step, result, inplace)
        if inplace and isinstance(layer, Concatenate):
            _write_columns(scope, layer, result)
        for body in layer.bodies():
            _allocate(_enter(layer, body, result), result, inplace)


def _enter(layer: Layer, body: LayerGraph, result: Plan) -> _Scope:
    """Allocates the inputs of a body, and the outputs that it shares with the layer."""
    before, states = len(result.allocations), {}
    outputs = [value for _, value in body.outputs]
    for inner, outer in layer.captured():
        result.allocations[inner] = result.allocations[outer]
    if isinstance(layer, Loop):
        for inner, outer, new in zip(body.inputs[: layer.states], layer.outputs, outputs, strict=False):
            allocation = result.allocations[outer]
            result.allocations[inner] = allocation
            allocation.values.append(inner)
            states[allocation] = new
        for inner in body.inputs[layer.states : layer.states + len(layer.sequences)]:
            result.allocations[inner] = Allocation(inner.dtype, [inner], len(result.allocations))
        outputs = outputs[: layer.states]
    else:
        for inner, outer in zip(outputs, layer.outputs, strict=True):
            result.allocations[inner] = result.allocations[outer]
    return _Scope(body, set(outputs), states, before)


def _last_reads(graph: LayerGraph) -> dict[Value, int]:
    """The index of the last layer that reads each value; past the end for outputs."""
    steps = {value: step for step, layer in enumerate(graph.layers) for value in layer.inputs}
    return steps | {value: len(graph.layers) for _, value in graph.outputs}


def _share(scope: _Scope, layer: Layer, step: int, result: Plan, inplace: bool) -> None:
    """Lets the layer's output share the allocation of an input if possible."""
    if not layer.inputs or not layer.outputs:
        return
    over = layer.inplace_input() if inplace and not isinstance(layer, Reshape) else None
    source, target = result.allocations[over or layer.x], result.allocations[layer.y]
    if source.dtype != target.dtype or scope.is_outside(target) or not scope.may_hold(source, layer.y):
        return
    if isinstance(layer, Reshape):
        # Both values stay readable, because nothing is written.
        result.aliases.add(layer)
    elif over is not None and layer.inputs.count(over) == 1:
        if (
            scope.last_read(source) > step
            or source.is_fixed
            or scope.is_outside(source)
            or any(result.allocations[v] is source for v in layer.inputs if v is not over)
        ):
            return
        result.inplace.add(layer)
    else:
        return
    source.values += target.values
    for value in target.values:
        result.allocations[value] = source


def _write_columns(scope: _Scope, layer: Concatenate, result: Plan) -> None:
    """Lets layers write the inputs of a Concatenate directly into its output, if they can and no other layer reads
    them.
    """
    whole = result.allocations[layer.y]
    if whole.values != [layer.y]:
        return
    times = Counter(layer.inputs)
    for value, columns in layer.columns():
        maker = scope.makers.get(value)
        seen_by_others = scope.readers[value] != [layer] or times[value] > 1 or value in scope.outputs
        if maker is None or not maker.takes_columns or seen_by_others or result.allocations[value].values != [value]:
            continue
        result.columns[value] = columns
        result.allocations[value] = whole
        whole.values.append(value)
    if all(value in result.columns for value in layer.inputs):
        result.aliases.add(layer)


def _assign_buffers(graph: LayerGraph, result: Plan, memdrop: bool, free: dict[str, list[int]]) -> None:
    """Assigns buffers, from the ``free`` ones or new ones. The buffers of a body are free afterwards."""
    last_read = _last_reads(graph)
    end = len(graph.layers)
    expiring: dict[int, list[Allocation]] = {}

    def take(value: Value, step: int) -> None:
        allocation = result.allocations[value]
        if not allocation.is_buffer or allocation.buffer is not None:
            return
        pool = free.setdefault(allocation.dtype, [])
        if memdrop and pool:
            allocation.buffer = pool.pop()
        else:
            allocation.buffer = len(result.buffers)
            result.buffers.append(allocation.dtype)
        reads = [last_read.get(v, step) for v in allocation.values]
        expiring.setdefault(max([*reads, step]), []).append(allocation)

    def give_back(allocations: list[Allocation]) -> None:
        for allocation in allocations:
            assert allocation.buffer is not None
            free.setdefault(allocation.dtype, []).append(allocation.buffer)

    for value in graph.inputs:
        take(value, -1)
    give_back(expiring.pop(-1, []))
    for step, layer in enumerate(graph.layers):
        for value in layer.outputs:
            take(value, step)
        for body in layer.bodies():
            _assign_buffers(body, result, memdrop, free)
        give_back(expiring.pop(step, []))
    give_back(expiring.pop(end, []))
