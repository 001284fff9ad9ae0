"""Activations of ONNX Runtime's domain."""

from __future__ import annotations

from tests.ops.nodes import Node, const, floats, node, symbolic

X = symbolic(floats(4, 3, 5, scale=2.0), 0)
BIAS = const(floats(5, seed=3), "float32")

CASES: dict[str, Node] = {
    "gelu": node("com.microsoft:Gelu", X),
    "bias_gelu": node("com.microsoft:BiasGelu", X, BIAS),
    "fast_gelu": node("com.microsoft:FastGelu", X),
    "fast_gelu_of_biased": node("com.microsoft:FastGelu", X, BIAS),
    "quick_gelu": node("com.microsoft:QuickGelu", X),
    "quick_gelu_of_one": node("com.microsoft:QuickGelu", X, alpha=1.0),
}
