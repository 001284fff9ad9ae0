"""The dtypes of tensors that layers support, by their NumPy names."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes  # noqa: F401  (registers its dtypes with NumPy)
import numpy as np


@dataclass(frozen=True)
class Narrow:
    """A dtype that only stores numbers: its NumPy name, the dtype that operators compute in, and that of its numbers in
    files.

    Files hold the bits of floats that NumPy lacks, and one byte for each integer.
    """

    name: str
    wide: str
    stored: str

    @property
    def is_float(self) -> bool:
        return self.wide == "float32"


NARROW = {
    narrow.name: narrow
    for narrow in (
        Narrow("float16", "float32", "float16"),
        Narrow("bfloat16", "float32", "uint16"),
        *(
            Narrow(name, "float32", "uint8")
            for name in ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu")
        ),
        Narrow("float4_e2m1fn", "float32", "uint8"),
        *(Narrow(f"{sign}int{bits}", f"{sign}int8", f"{sign}int8") for bits in (4, 2) for sign in ("", "u")),
    )
}
"""The storage dtypes by name."""
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMBERS = ("float32", "float64", *INTEGERS)
DTYPES = ("float32", "float64", "bool", *INTEGERS)
TENSORS = (*NARROW, *DTYPES)
"""The dtypes of tensors of numbers."""
TEXT = "object"
"""The dtype of tensors of strings. NumPy has no other dtype for strings of any length."""


def shown(dtype: str) -> str:
    """The dtype in listings and documentation."""
    return "string" if dtype == TEXT else dtype


def is_float(dtype: str) -> bool:
    """Whether a dtype is one of floating-point numbers."""
    return NARROW[dtype].is_float if dtype in NARROW else dtype.startswith("float")


def stored_dtype(dtype: str) -> str:
    """The dtype with which files hold arrays of ``dtype``."""
    return NARROW[dtype].stored if dtype in NARROW else dtype


def as_stored(array: np.ndarray) -> np.ndarray:
    """The array as files hold it: with a dtype that NumPy has without extensions, and strings of a limited length."""
    if array.dtype.kind == "O":
        return array.astype(str)
    narrow = NARROW.get(array.dtype.name)
    if narrow is None or narrow.name == narrow.stored:
        return array
    return array.view(narrow.stored) if narrow.is_float else array.astype(narrow.stored)


def from_stored(array: np.ndarray, dtype: str) -> np.ndarray:
    """The array of ``dtype`` that ``as_stored`` turned into ``array``; another array is returned as it is.

    NumPy itself saves an array of such a dtype as one of bytes.
    """
    narrow = NARROW.get(dtype)
    if narrow is not None and array.dtype.kind == "V" and array.dtype.itemsize == np.dtype(dtype).itemsize:
        return array.view(dtype)
    if narrow is None or array.dtype.name != narrow.stored:
        return array
    if narrow.is_float:
        return array.view(dtype)
    converted = array.astype(dtype)
    return converted if np.array_equal(converted.astype(array.dtype), array) else array


def epsilon(dtype: str) -> float:
    """The distance from 1 to the next larger number of a floating-point dtype."""
    one = np.ones((), dtype)
    return float(np.nextafter(one, one + one) - one)
