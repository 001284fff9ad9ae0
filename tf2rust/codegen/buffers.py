"""The planner: where every intermediate tensor lives.

Tensors that stand for the same elements (a Reshape and its input, a layer that works in place) share one place. A
place is a model input, a model output, or a buffer of the workspace; a buffer is given to the next tensor once its last
reader has run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tf2rust.ops.constant import Constant
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.reshape import Reshape


@dataclass(eq=False)
class Place:
    """Where tensors that share their elements live."""

    dtype: str
    values: list[Value] = field(default_factory=list)
    input: Value | None = None
    output: str | None = None
    constant: Constant | None = None
    buffer: int | None = None

    @property
    def is_buffer(self) -> bool:
        return self.input is None and self.output is None and self.constant is None

    @property
    def is_fixed(self) -> bool:
        """Whether nothing may be written there."""
        return self.input is not None or self.constant is not None


@dataclass
class Plan:
    """Every value's place, the buffers' dtypes, and the layers that run in place or not at all."""

    places: dict[Value, Place]
    buffers: list[str]
    inplace: set[Layer]
    aliases: set[Layer]


def plan(graph: LayerGraph, *, inplace: bool, memdrop: bool) -> Plan:
    """Plans the graph's memory.

    ``inplace`` lets layers write over their input; ``memdrop`` reuses a buffer after the last reader of its tensor.
    With both off every layer keeps its own output.
    """
    result = Plan({}, [], set(), set())
    for value in graph.inputs:
        result.places[value] = Place(value.dtype, [value], input=value)
    last_read = _last_reads(graph)
    for step, layer in enumerate(graph.layers):
        for value in layer.outputs:
            fixed = layer if isinstance(layer, Constant) and not graph.is_output(value) else None
            result.places[value] = Place(value.dtype, [value], constant=fixed)
        _share(graph, layer, step, result, last_read, inplace)
    for name, value in graph.outputs:
        result.places[value].output = name
    _assign(graph, result, memdrop)
    return result


def _last_reads(graph: LayerGraph) -> dict[Value, int]:
    return {value: step for step, layer in enumerate(graph.layers) for value in layer.inputs}


def _share(
    graph: LayerGraph, layer: Layer, step: int, result: Plan, last_read: dict[Value, int], inplace: bool
) -> None:
    """Puts the layer's output where one of its inputs is, if it may be."""
    if not layer.inputs:
        return
    over = layer.inplace_input() if inplace and not isinstance(layer, Reshape) else None
    source, target = result.places[over or layer.x], result.places[layer.y]
    if source.dtype != target.dtype or (graph.is_output(layer.y) and not _may_become_output(graph, source)):
        return
    if isinstance(layer, Reshape):
        # Both names stay readable: nothing is written.
        if any(graph.is_output(v) for v in source.values) and graph.is_output(layer.y):
            return
        result.aliases.add(layer)
    elif over is not None and layer.inputs.count(over) == 1:
        alive = any(last_read.get(v, -1) > step or graph.is_output(v) for v in source.values)
        if alive or source.is_fixed or any(result.places[v] is source for v in layer.inputs if v is not over):
            return
        result.inplace.add(layer)
    else:
        return
    source.values += target.values
    for value in target.values:
        result.places[value] = source


def _may_become_output(graph: LayerGraph, place: Place) -> bool:
    return not place.is_fixed and not any(graph.is_output(v) for v in place.values)


def _assign(graph: LayerGraph, result: Plan, memdrop: bool) -> None:
    last_read = _last_reads(graph)
    free: dict[str, list[int]] = {}
    expiring: dict[int, list[Place]] = {}
    for step, layer in enumerate(graph.layers):
        for value in layer.outputs:
            place = result.places[value]
            if not place.is_buffer or place.buffer is not None:
                continue
            pool = free.setdefault(place.dtype, [])
            if memdrop and pool:
                place.buffer = pool.pop()
            else:
                place.buffer = len(result.buffers)
                result.buffers.append(place.dtype)
            end = max([last_read.get(v, step) for v in place.values] + [step])
            expiring.setdefault(end, []).append(place)
        for place in expiring.pop(step, []):
            assert place.buffer is not None
            free.setdefault(place.dtype, []).append(place.buffer)
