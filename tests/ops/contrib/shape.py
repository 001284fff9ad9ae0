"""Operators of ONNX Runtime's domain that ONNX has too."""

from __future__ import annotations

from tests.ops.nodes import Node, const, floats, node, symbolic

X = symbolic(floats(4, 3, 5), 0)

CASES: dict[str, Node] = {
    "pad": node("com.microsoft:Pad", X, const([0, 1, 2, 0, 0, 1]), const(0.5, "float32")),
    "pad_by_row": node("com.microsoft:Pad", X, const([[0, 1, 2, 0, 0, 1]])),
    "pad_reflect": node("com.microsoft:Pad", X, const([0, 1, 2, 0, 0, 1]), mode="reflect"),
    "range": node("com.microsoft:Range", const(2.0, "float32"), const(9.0, "float32"), const(1.5, "float32")),
    "range_of_ones": node("com.microsoft:Range", const([3]), const([8])),
}
WITH_INPUTS = {name: case for name, case in CASES.items() if name.startswith("pad")}
"""The nodes whose inputs are not all constant."""
