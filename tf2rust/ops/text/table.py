"""Tables of strings as weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf2rust.ops.core.inference import InferenceError
from tf2rust.ops.core.layer import Weight

_MOST_BYTES = (1 << 32) - 1
"""The largest offset of the end of a string."""


def string_table(role: str, strings: Sequence[str]) -> list[Weight]:
    """The weights of ``tf_layers::text::StringTable``: the strings in UTF-8, and the offset of the end of each.

    Raises InferenceError if they take 4 GiB or more.
    """
    encoded = [text.encode() for text in strings]
    ends = np.cumsum([len(part) for part in encoded], dtype=np.int64)
    if len(ends) and ends[-1] > _MOST_BYTES:
        raise InferenceError("its strings take more than 4 GiB")
    joined = np.frombuffer(b"".join(encoded), np.uint8)
    return [Weight(f"{role}_bytes", joined), Weight(f"{role}_ends", ends.astype(np.uint32))]
