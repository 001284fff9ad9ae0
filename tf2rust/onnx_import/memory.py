"""Memory that the allocator of C keeps after it was freed."""

from __future__ import annotations

import ctypes
import sys


def trim_heap() -> None:
    """Returns freed memory that glibc keeps to the system.

    It keeps nearly twice the size of the weights after ONNX Runtime creates a session, and as much as the weights after
    TensorFlow optimises a graph.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
