"""Weights that take fewer bits than float32: rounding, and finding rounded weights again by their values."""

from __future__ import annotations

import numpy as np

FEWEST = 4096
"""The fewest numbers of a matrix that is worth storing small. Smaller ones are often the first layers of a model, where
rounding costs more than 16 KB.
"""
LARGEST_INTEGER = 127
"""Integers are symmetric, so that a kernel needs no zero point."""


def largest_float(dtype: str) -> float:
    """The largest finite number of ``float16`` or ``bfloat16``; infinite for ``int8``, which has scales."""
    return {"float16": 65504.0, "bfloat16": float.fromhex("0x1.fep127")}.get(dtype, np.inf)


def rounded(weights: np.ndarray, dtype: str, axis: int) -> np.ndarray:
    """The float32 numbers that ``weights`` become as ``dtype``, rounded to nearest with ties to even.

    No weight must exceed ``largest_float``. ``int8`` has a scale for each index of ``axis``.
    """
    if dtype != "int8":
        return weights.astype(dtype).astype(np.float32)
    moved = np.moveaxis(weights, axis, 0)
    rows = moved.reshape(len(moved), -1)
    scales = _scales(rows)
    found = (_integers(rows, scales) * scales[:, None]).astype(np.float32)
    return np.ascontiguousarray(np.moveaxis(found.reshape(moved.shape), 0, axis))


def stored(weights: np.ndarray, dtype: str, axis: int) -> tuple[np.ndarray, np.ndarray | None] | None:
    """The numbers of ``dtype`` that ``rounded`` weights are, and for ``int8`` the scale of each index of ``axis``.

    None unless they give every weight bit for bit, as when another layer was fused into the weights.
    """
    if dtype != "int8":
        with np.errstate(over="ignore"):
            found = weights.astype(dtype)
        return (found, None) if _equal(found.astype(np.float32), weights) else None
    moved = np.moveaxis(weights, axis, 0)
    rows = moved.reshape(len(moved), -1)
    scales, first = np.zeros(len(rows), np.float32), _scales(rows)
    # The largest weight is 127 times the scale, rounded, so the scale is known up to its last bit.
    for one in (first, np.nextafter(first, np.float32(0)), np.nextafter(first, np.float32(np.inf))):
        products = (_integers(rows, one) * one[:, None]).astype(np.float32)
        fits = (products == rows).all(axis=1) & (scales == 0)
        scales[fits] = one[fits]
    if not scales.all():
        return None
    integers = _integers(rows, scales).astype(np.int8).reshape(moved.shape)
    return np.ascontiguousarray(np.moveaxis(integers, 0, axis)), scales


def _scales(rows: np.ndarray) -> np.ndarray:
    """The scale of each row; 1 for zeros and for numbers that are too small for one."""
    scales = (np.abs(rows).max(axis=1, initial=0.0).astype(np.float64) / LARGEST_INTEGER).astype(np.float32)
    return np.where(scales < np.finfo(np.float32).tiny, np.float32(1), scales)


def _integers(rows: np.ndarray, scales: np.ndarray) -> np.ndarray:
    steps = np.rint(rows.astype(np.float64) / scales[:, None])
    return np.asarray(np.clip(steps, -LARGEST_INTEGER, LARGEST_INTEGER), np.float32)


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.array_equal(a.view(np.uint32), np.ascontiguousarray(b).view(np.uint32)))
