"""Seeded strings: words that the model distinguishes, and others that often cause mistakes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf2rust.ops.core.dtypes import TEXT
from tf2rust.ops.core.layer import LayerGraph

_OTHERS = (
    "",
    "unknown",
    "Größe",
    "naïve",
    "日本",
    "🦀",
    "İstanbul",
    "7",
    "-3.5",
    "don't",
    "(e.g.)",
    "_",
    "A-B",
    "http://x.y",
)
"""An empty string, letters outside of ASCII, characters of three and four bytes, numbers and punctuation."""
_SPACES = (" ", "  ", "\t", " \n")
_KNOWN = 0.6
"""The share of words that come from the model's tables."""
_LONGEST = 7
"""The largest number of words in a string that the model splits."""


def seeded_strings(graph: LayerGraph, rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    """Strings for an input of the model: single words, or several if a layer splits them."""
    words = _words(graph)
    splits = any(layer.splits_text for layer in graph.walk())
    count = int(np.prod(shape, dtype=np.int64))
    result = np.empty(count, TEXT)
    for i in range(count):
        number = int(rng.integers(0, _LONGEST + 1)) if splits else 1
        parts = [_word(words, rng) for _ in range(number)]
        spaces = [_SPACES[int(rng.integers(0, len(_SPACES))) if rng.random() > _KNOWN else 0] for _ in parts]
        result[i] = "".join(part + space for part, space in zip(parts, spaces, strict=True)) if splits else parts[0]
    return result.reshape(shape)


def _words(graph: LayerGraph) -> list[str]:
    """The strings in the tables of all layers, which NumPy can store: without NUL at the end."""
    found = [layer.sample_elements() for layer in graph.walk()]
    tables = [array.tolist() for array in found if array is not None and array.dtype.name == TEXT]
    return sorted({word for table in tables for word in table if not word.endswith("\0")})


def _word(words: Sequence[str], rng: np.random.Generator) -> str:
    """A known word, possibly in another case or with punctuation, or another one."""
    if not words or rng.random() > _KNOWN:
        return _OTHERS[int(rng.integers(0, len(_OTHERS)))]
    word = words[int(rng.integers(0, len(words)))]
    changed = (word, word, word, word.upper(), word.capitalize(), f"{word},", f'"{word}"!')
    return changed[int(rng.integers(0, len(changed)))]
