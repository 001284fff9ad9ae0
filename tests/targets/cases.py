"""Interfaces of models with every kind of input, output and state."""

from __future__ import annotations

from tf2rust.codegen.interface import Interface, Tensor


def _tensor(name: str, dtype: str, *shape: int | str) -> Tensor:
    return Tensor(name, "field", dtype, shape, None, ())


def _interface(
    name: str,
    inputs: list[Tensor],
    outputs: list[Tensor],
    states: list[Tensor] | None = None,
    state_dims: tuple[str, ...] = (),
    *,
    embeds: bool = True,
) -> Interface:
    return Interface(
        name, name, "AModel", tuple(inputs), tuple(outputs), tuple(states or ()), state_dims, embeds, True, 4, {}
    )


_X, _Y = _tensor("x", "float32", "batch", 4), _tensor("y", "float32", "batch", 3)
_HOSTILE = 'a name/with "quotes" | `ticks` and \n lines'
INTERFACES = {
    found.model_name: found
    for found in (
        _interface("plain", [_X], [_Y]),
        _interface(
            "several",
            [_tensor("ids", "int32", "batch", 4), _tensor("mask", "bool", "batch", 4), _tensor("f", "float64", 1)],
            [_Y, _tensor("b", "bool", "batch")],
            embeds=False,
        ),
        _interface("hostile", [_tensor(_HOSTILE, "float32", 3)], [_tensor(_HOSTILE, "float32", 3)]),
        _interface("text", [_tensor("words", "object", "batch")], [_tensor("labels", "object", "batch"), _Y]),
        _interface(
            "narrow",
            [_tensor("h", "float16", 4), _tensor("b", "bfloat16", 3), _tensor("q", "int4", 3)],
            [_tensor("z", "float16", 3)],
        ),
        _interface("bools", [_tensor("x", "bool", "batch", 4)], [_tensor("y", "bool", "batch", 3)]),
        _interface("state", [_X], [_Y], [_tensor("h", "float32", "batch", 2)], ("batch",)),
        _interface("two-sizes", [_X], [_Y], [_tensor("h", "float32", "batch", "time")], ("batch", "time")),
        _interface("sizes", [_tensor("x", "float32", 1, 4), _tensor("i", "int64", 2)], [_tensor("y", "float32", 1, 3)]),
        _interface("steps", [_tensor("x", "float32", 1, 4)], [], [_tensor("h", "float32", 1, 3)]),
        _interface("no-outputs", [_X], [], [_tensor("h", "float32", 2)]),
        _interface("no-inputs", [], [_tensor("y", "float32", 4)]),
        _interface("class", [_tensor("in", "float32", "batch", "2*time + 1")], [_Y]),
    )
}
