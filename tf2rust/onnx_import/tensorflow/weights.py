"""Keeps tf2onnx from copying all weights after each of its optimizers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from tf2rust.onnx_import.tensorflow.runtime import library


@contextlib.contextmanager
def weights_left_alone() -> Iterator[None]:
    """Makes constants keep their protobuf message inside the ``with`` block, because their contents are read elsewhere.

    For VGG16, this avoids twenty copies of 550 MB each.
    """
    node_class: Any = library("tf2onnx.graph").Node
    original = node_class.update_proto

    def update(node: Any, *args: Any, **kwargs: Any) -> None:
        if not node.is_const():
            original(node, *args, **kwargs)

    node_class.update_proto = update
    try:
        yield
    finally:
        node_class.update_proto = original
