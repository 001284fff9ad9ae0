"""Whether two layers compute the same."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from tf2rust.ops.core.layer import Layer, Value

_BASE = {f.name for f in fields(Layer)}


def same_layer(a: Layer, b: Layer, *, shared: bool) -> bool:
    """Whether ``a`` and ``b`` would compute the same from the same inputs.

    Their arrays must be equal or, if ``shared``, one and the same.
    """
    return (
        type(a) is type(b)
        and [*map(_kind, a.inputs), *map(_kind, a.outputs)] == [*map(_kind, b.inputs), *map(_kind, b.outputs)]
        and len(a.inputs) == len(b.inputs)
        and all(_same(getattr(a, f.name), getattr(b, f.name), shared) for f in fields(a) if f.name not in _BASE)
    )


def array_identities(layer: Layer) -> tuple[int, ...]:
    """The identities of the arrays among the fields of ``layer``. Layers that share all arrays have the same."""
    values = (getattr(layer, f.name) for f in fields(layer) if f.name not in _BASE)
    return tuple(id(value) for value in values if isinstance(value, np.ndarray))


def _kind(value: Value) -> tuple[object, ...]:
    return (value.dtype, value.shape)


def _same(a: object, b: object, shared: bool) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a is b or (not shared and (a.dtype, a.shape) == (b.dtype, b.shape) and a.tobytes() == b.tobytes())
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(_same(x, y, shared) for x, y in zip(a, b, strict=True))
    if isinstance(a, float):
        return repr(a) == repr(b)  # 0.0 and -0.0 are equal, but not the same
    return type(a) is type(b) and a == b
