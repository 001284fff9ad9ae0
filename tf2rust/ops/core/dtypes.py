"""The dtypes of tensors that layers support, by their NumPy names."""

from __future__ import annotations

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMBERS = ("float32", "float64", *INTEGERS)
DTYPES = ("float32", "float64", "bool", *INTEGERS)
TENSORS = ("float16", *DTYPES)
"""The dtypes of tensors of numbers; float16 is a storage type, and is converted for computations."""
TEXT = "object"
"""The dtype of tensors of strings. NumPy has no other dtype for strings of any length."""


def shown(dtype: str) -> str:
    """The dtype in listings and documentation."""
    return "string" if dtype == TEXT else dtype
