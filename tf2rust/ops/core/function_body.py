"""Builds function bodies of operators, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

Outputs = Sequence[str] | None
"""The names of a function body's outputs; None if these attributes are not supported."""


class Body:
    """A function body under construction. Each call adds a node and returns the name of its output."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        """What the names of outputs begin with. A graph inside a body needs names of its own."""
        self.nodes: list[onnx.NodeProto] = []

    def constant(self, values: Any, dtype: str = "float32") -> str:
        return self.op("Constant", value=numpy_helper.from_array(np.asarray(values, dtype)))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.ops(kind, inputs, 1, **attributes)[0]

    def ops(self, kind: str, inputs: Sequence[str], count: int, **attributes: Any) -> list[str]:
        """Adds a node with ``count`` outputs."""
        name = f"{self.prefix}{kind}_{len(self.nodes)}"
        names = [name] if count == 1 else [f"{name}_{i}" for i in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def cast(self, x: str, dtype: str) -> str:
        return self.op("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def floats(self, x: str) -> str:
        return self.cast(x, "float32")
