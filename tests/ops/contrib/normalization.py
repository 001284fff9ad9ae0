"""Fused normalizations of ONNX Runtime's domain."""

from __future__ import annotations

from tests.ops.nodes import Node, const, floats, integers, node, symbolic

X = symbolic(floats(2, 4, 8), 0, 1)
SKIP = symbolic(floats(2, 4, 8, seed=2), 0, 1)
GAMMA, BETA, BIAS = (const(floats(8, seed=seed), "float32") for seed in (3, 4, 5))
IDS = symbolic(integers(2, 5, low=0, high=7, dtype="int32"), 0, 1)
SEGMENTS = symbolic(integers(2, 5, low=0, high=2, seed=3, dtype="int32"), 0, 1)
MASK = symbolic(integers(2, 5, low=0, high=2, seed=4, dtype="int32"), 0, 1)
WORDS, PLACES, KINDS = (const(floats(n, 8, seed=n), "float32") for n in (7, 9, 2))


def small(*shape: int) -> list[object]:
    """A table of uint8, its scale and its zero point."""
    return [const(integers(*shape, low=0, high=256, dtype="uint8"), "uint8")]


SCALES = [const(0.01 * i, "float32") for i in range(1, 6)]
ZEROS = [const(100 + i, "uint8") for i in range(5)]

CASES: dict[str, Node] = {
    "skip": node("com.microsoft:SkipLayerNormalization", X, SKIP, GAMMA, BETA, epsilon=1e-5),
    "skip_with_bias_and_sum": node(
        "com.microsoft:SkipLayerNormalization", X, SKIP, GAMMA, BETA, BIAS, outputs=4, unused=(1, 2)
    ),
    "skip_without_beta": node("com.microsoft:SkipLayerNormalization", X, SKIP, GAMMA),
    "skip_of_one_sample": node(
        "com.microsoft:SkipLayerNormalization", floats(2, 4, 8), floats(1, 4, 8, seed=2), GAMMA, BETA
    ),
    "skip_simplified": node("com.microsoft:SkipSimplifiedLayerNormalization", X, SKIP, GAMMA, epsilon=1e-6),
    "skip_simplified_with_bias_and_sum": node(
        "com.microsoft:SkipSimplifiedLayerNormalization", X, SKIP, GAMMA, BIAS, outputs=4, unused=(1, 2)
    ),
    "simplified": node("SimplifiedLayerNormalization", X, GAMMA, epsilon=1e-6, axis=-1),
    "embed": node(
        "com.microsoft:EmbedLayerNormalization",
        *(IDS, SEGMENTS, WORDS, PLACES, KINDS, GAMMA, BETA, MASK),
        outputs=2,
    ),
    "embed_without_segments": node(
        "com.microsoft:EmbedLayerNormalization", IDS, None, WORDS, PLACES, None, GAMMA, BETA, outputs=2
    ),
    "embed_at_positions": node(
        "com.microsoft:EmbedLayerNormalization",
        *(IDS, SEGMENTS, WORDS, PLACES, KINDS, GAMMA, BETA, None),
        symbolic(integers(2, 5, low=0, high=9, seed=8, dtype="int32"), 0, 1),
        outputs=3,
    ),
    "embed_quantized": node(
        "com.microsoft:QEmbedLayerNormalization",
        *(IDS, SEGMENTS, *small(7, 8), *small(9, 8), *small(2, 8), *small(8), *small(8), MASK, *SCALES, *ZEROS),
        outputs=2,
    ),
}
