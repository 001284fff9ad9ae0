"""Seeded strings: words that the model distinguishes, and others that often cause mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tf2rust.ops.core.dtypes import TEXT
from tf2rust.ops.core.layer import Layer, Value

_OTHERS = (
    *("", "unknown", "Größe", "naïve", "日本", "🦀", "İstanbul", "7", "-3.5", "don't", "(e.g.)", "_", "A-B"),
    "http://x.y",
)
"""An empty string, letters outside of ASCII, characters of three and four bytes, numbers and punctuation."""
_SPACES = (" ", "  ", "\t", " \n")
_KNOWN = 0.6
"""The share of words that come from the model's tables."""
_LONGEST = 7
"""The largest number of words in a string that the model splits."""


def seeded_strings(
    source: Value,
    readers: Mapping[Value, Sequence[Layer]],
    rng: np.random.Generator,
    shape: Sequence[int],
    *,
    known: bool,
) -> np.ndarray:
    """Strings for an input: single words, or several if a layer splits them.

    ``readers`` are the layers that read each value. ``known`` says that all words come from the model's tables.
    """
    layers = _layers(source, readers)
    words = _words(layers)
    splits = any(layer.splits_text for layer in layers)

    def text() -> str:
        parts = [_word(words, rng, known) for _ in range(int(rng.integers(0, _LONGEST + 1)))]
        return "".join(part + _SPACES[_one_of(_SPACES, rng) if rng.random() > _KNOWN else 0] for part in parts)

    result = np.empty(int(np.prod(shape, dtype=np.int64)), TEXT)
    for i in range(result.size):
        result[i] = text() if splits else _word(words, rng, known)
    return result.reshape(shape)


def _layers(source: Value, readers: Mapping[Value, Sequence[Layer]]) -> list[Layer]:
    """The layers that read an input, or strings that are computed from it."""
    values, found = [source], list[Layer]()
    for value in values:
        for layer in readers.get(value, []):
            if layer not in found:
                found.append(layer)
                values += [made for made in layer.outputs if made.dtype == TEXT]
    return found


def _words(layers: Sequence[Layer]) -> list[str]:
    """The strings in the tables of layers, which NumPy can store: without NUL at the end."""
    found = [layer.sample_elements() for layer in layers]
    tables = [array.tolist() for array in found if array is not None and array.dtype.name == TEXT]
    return sorted({word for table in tables for word in table if not word.endswith("\0")})


def _word(words: Sequence[str], rng: np.random.Generator, known: bool) -> str:
    """A known word, possibly in another case or with punctuation, or another one."""
    if not words or not (known or rng.random() < _KNOWN):
        return _OTHERS[_one_of(_OTHERS, rng)]
    word = words[_one_of(words, rng)]
    changed = (word, word, word, word.upper(), word.capitalize(), f"{word},", f'"{word}"!')
    return word if known else changed[_one_of(changed, rng)]


def _one_of(items: Sequence[str], rng: np.random.Generator) -> int:
    """A random index."""
    return int(rng.integers(0, len(items)))
