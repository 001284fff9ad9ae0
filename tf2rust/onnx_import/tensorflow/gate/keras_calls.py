"""Checks that the calls of a stored functional model can be made in some order.

Keras repeatedly makes all calls that it can until none is left. If calls wait for each other, or for a missing call, it
never ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tf2rust.errors import ConversionError

_Call = tuple[str, object]
"""The name of a layer, and the index of its call: a number, unless the file is damaged."""


def check_calls(config: object, shown: str) -> None:
    """Raises ConversionError if the calls of a functional model in a stored architecture can never be made."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(value.get("layers"), list):
                _check_model([layer for layer in value["layers"] if isinstance(layer, dict)], shown)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _check_model(layers: list[dict[str, Any]], shown: str) -> None:
    calls = {
        str(layer.get("name")): [list(_reads(call)) for call in layer["inbound_nodes"]]
        for layer in layers
        if isinstance(layer.get("inbound_nodes"), list)
    }
    # The calls of inputs and nested models are made when they are created.
    made = {str(layer.get("name")): int(_is_made_by_call(layer)) for layer in layers}
    left = {name: own for name, own in calls.items() if own}
    while left:
        done = 0
        for name, own in list(left.items()):
            while own and all(_is_made(call, made) for call in own[0]):
                own.pop(0)
                made[name] += 1
                done += 1
            if not own:
                del left[name]
        if left and not done:
            name, own = next(iter(left.items()))
            source, index = next(call for call in own[0] if not _is_made(call, made))
            raise ConversionError(
                f"Layer {name!r} of {shown} reads call {index} of layer {source!r}, which does not exist or waits "
                "for this layer; the file is damaged: save the model again."
            )


def _is_made(call: _Call, made: Mapping[str, int]) -> bool:
    """Whether the call has been made. Keras itself rejects calls of missing layers."""
    source, index = call
    return source not in made or index in range(made[source])


def _is_made_by_call(layer: dict[str, Any]) -> bool:
    config = layer.get("config")
    return layer.get("class_name") == "InputLayer" or (isinstance(config, dict) and "layers" in config)


def _reads(call: object) -> Iterator[_Call]:
    """The calls whose results a call reads, in the formats of Keras 2 and Keras 3; other values are ignored."""
    if isinstance(call, dict):
        history = call.get("keras_history")
        if isinstance(history, list):
            yield from _reference(history)
        for value in call.values():
            yield from _reads(value)
    elif isinstance(call, list):
        if len(call) >= 3 and isinstance(call[0], str):
            yield from _reference(call)
        for value in call:
            yield from _reads(value)


def _reference(written: list[Any]) -> Iterator[_Call]:
    # Any value can be in place of the call's number; three items are an argument.
    is_call = len(written) in (3, 4) and (isinstance(written[2], int) or isinstance(written[-1], dict))
    if is_call and isinstance(written[0], str):
        yield written[0], written[1]
