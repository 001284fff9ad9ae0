"""Rust literals."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np


def rust_f32(value: float) -> str:
    """``value``, rounded to float32, as a Rust expression of type ``f32``."""
    number = np.float32(value)
    if math.isnan(number):
        return "f32::NAN"
    if math.isinf(number):
        return "f32::INFINITY" if number > 0 else "f32::NEG_INFINITY"
    text = np.format_float_positional(number, unique=True, trim="0") if 1e-5 <= abs(number) < 1e9 or number == 0 else ""
    return text or np.format_float_scientific(number, unique=True, trim="0").replace("e+", "e")


def _rust_f64(value: float) -> str:
    if math.isnan(value):
        return "f64::NAN"
    if math.isinf(value):
        return "f64::INFINITY" if value > 0 else "f64::NEG_INFINITY"
    return f"{value!r}_f64"


RUST_TYPES = {
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8E4M3FN",
    "float8_e4m3fnuz": "F8E4M3FNUZ",
    "float8_e5m2": "F8E5M2",
    "float8_e5m2fnuz": "F8E5M2FNUZ",
    "float8_e8m0fnu": "F8E8M0",
    "float4_e2m1fn": "F4E2M1",
    "int4": "I4",
    "uint4": "U4",
    "int2": "I2",
    "uint2": "U2",
    "float32": "f32",
    "float64": "f64",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "bool": "bool",
    "object": "ArenaStr",
}
"""The Rust types of tensor elements by NumPy dtype; ``object`` is the dtype of strings."""


def rust_type(dtype: str) -> str:
    """The Rust type of a NumPy dtype."""
    return RUST_TYPES[dtype]


def data_type(dtype: str) -> str:
    """The variant of ``tf_layers::interface::DataType`` for a NumPy dtype, such as ``F32`` or ``Bool``."""
    rust = RUST_TYPES[dtype]
    return "Text" if dtype == "object" else rust[0].upper() + rust[1:]


def own_type(dtype: str) -> str | None:
    """The type of tf-layers for a dtype that Rust lacks; otherwise None."""
    found = RUST_TYPES[dtype]
    return found if found[0].isupper() else None


def rust_number(value: object, dtype: str) -> str:
    """A number of a NumPy dtype as a Rust literal of that type, which Rust must have."""
    if dtype == "bool":
        return str(bool(value)).lower()
    if dtype == "float32":
        text = rust_f32(float(str(value)))
        return text if text.startswith("f32") else f"{text}_f32"
    if dtype == "float64":
        return _rust_f64(float(str(value)))
    return f"{int(str(value))}_{rust_type(dtype)}"


def rust_str(text: str) -> str:
    """``text`` as a Rust string literal with escapes for characters that do not print.

    A lone surrogate, which Rust strings cannot contain, becomes the replacement character.
    """
    text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(escapes.get(c) or (c if c.isprintable() else f"\\u{{{ord(c):x}}}") for c in text) + '"'


def rust_comment(text: str) -> str:
    """``text`` for a comment: one line without anything that the compiler, rustdoc or a terminal interprets."""
    plain = "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in text)
    return plain.replace("*/", "*\\/").replace("/*", "/\\*").replace("`", "'").strip()


def rust_struct(name: str, fields: Mapping[str, str]) -> str:
    """A Rust struct literal with these field expressions; a variable with its field's name is written once."""
    return f"{name} {{ {', '.join(key if key == value else f'{key}: {value}' for key, value in fields.items())} }}"


def rust_list(items: object) -> str:
    """A Rust array of numbers, nested like ``items``."""
    if isinstance(items, (tuple, list)):
        return f"[{', '.join(rust_list(i) for i in items)}]"
    return str(items)
