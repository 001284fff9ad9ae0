"""The dtypes of tensors that layers support, by their NumPy names."""

from __future__ import annotations

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMBERS = ("float32", "float64", *INTEGERS)
DTYPES = ("float32", "float64", "bool", *INTEGERS)
TENSORS = ("float16", *DTYPES)
"""The dtypes of tensors; float16 is a storage type, and is converted for computations."""
