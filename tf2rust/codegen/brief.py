"""The attributes of a layer in a few words, for the boxes of a drawing: ``3×3, stride 2, 64 filters, relu``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tf2rust.ops.core.layer import Layer


def brief(layer: Layer) -> str:
    """What distinguishes the layer from others of its kind; attributes with usual values are left out."""
    return ", ".join(_parts(layer.kind, layer.params()))


def _parts(kind: str, given: dict[str, Any]) -> Iterator[str]:
    for name, word in (("kernel_size", "kernel"), ("pool_size", "window")):
        if sizes := given.get(name):
            yield f"{word} {sizes[0]}" if len(sizes) == 1 else "×".join(map(str, sizes))
    for name, word in (("strides", "stride"), ("dilation_rate", "dilation")):
        sizes = given.get(name)
        if sizes and set(sizes) != {1} and sizes != given.get("pool_size"):
            yield f"{word} {sizes[0] if len(set(sizes)) == 1 else '×'.join(map(str, sizes))}"
    if "input_dim" in given and "output_dim" in given:
        yield f"{given['input_dim']} × {given['output_dim']}"
    for name, one, many in (
        ("units", "unit", "units"),
        ("filters", "filter", "filters"),
        ("trees", "tree", "trees"),
        ("steps", "step", "steps"),
    ):
        count = given.get(name)
        if isinstance(count, int | str):
            yield f"{count} {one if count == 1 else many}"
    groups = given.get("groups")
    if isinstance(groups, int) and groups > 1 and not kind.startswith("Depthwise"):
        yield f"{groups} groups"
    if given.get("direction") not in (None, "forward"):
        yield str(given["direction"]).replace("_", " ")
    if "perm" in given:
        yield "→ " + ", ".join(map(str, given["perm"]))
    axes = given.get("axes", [given["axis"]] if isinstance(given.get("axis"), int) else [])
    is_plain = isinstance(axes, list) and all(isinstance(axis, int) for axis in axes)
    if axes and is_plain and not kind.startswith("Global"):
        yield f"ax{'is' if len(axes) == 1 else 'es'} {', '.join(map(str, axes))}"
    function, activation = given.get("function"), given.get("activation")
    if isinstance(function, str) and kind in ("Unary", "Compare", "Logic", "Reduce", "Binary"):
        yield function.lower()
    if isinstance(activation, str) and activation not in ("linear", "") and activation.lower() != kind.lower():
        yield activation
