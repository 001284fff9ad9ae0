"""The dtypes of tensors, by NumPy's names, that layers are there for."""

from __future__ import annotations

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMBERS = ("float32", "float64", *INTEGERS)
DTYPES = ("float32", "float64", "bool", *INTEGERS)
TENSORS = ("float16", *DTYPES)
"""What tensors may be of; float16 is stored, and converted to be computed with."""
