"""A one-dimensional convolution over embedded indices, computed as a sum of table rows if the vocabulary is small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.conv.conv import Conv
from tf2rust.ops.conv.window import Window
from tf2rust.ops.core.activation import LINEAR, Activation
from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.layer import Layer, Weight
from tf2rust.ops.indexing.embedding import Embedding

_MAX_TAPS = 16
"""The maximum number of taps of tf-layers' ``EmbeddingConv1d``."""
_CACHED_TABLE = 1 << 17
"""The size of a table that fits into a level-2 cache; a larger table is as slow as the convolution."""


@dataclass(eq=False, kw_only=True)
class EmbeddingConv1D(Layer):
    """``activation(bias + Σ table[x[t · stride + tap · dilation], tap])``: [n, steps] → [n, steps', filters].

    ``table`` is [vocabulary, taps, filters]: the product of each embedded index with each tap of the kernel.
    ``outside`` is that of Embedding.
    """

    kind = "EmbeddingConv1D"
    table: np.ndarray
    bias: np.ndarray | None = None
    activation: Activation = LINEAR
    window: Window
    outside: str

    @staticmethod
    def of(embedding: Embedding, conv: Conv) -> EmbeddingConv1D | None:
        """The convolution of the embedded indices, if the table is small enough."""
        if conv.rank != 1 or conv.groups != 1 or conv.residual is not None or embedding.x.rank != 2:
            return None
        taps, _, filters = conv.kernel.shape
        if conv.slopes is not None or taps > _MAX_TAPS or len(embedding.table) * taps * filters > _CACHED_TABLE:
            return None
        if embedding.x.shape != conv.x.shape[:2]:
            return None
        vectors, kernel = embedding.table.astype(np.float64), conv.kernel.astype(np.float64)
        return EmbeddingConv1D(
            table=np.einsum("vc,tcf->vtf", vectors, kernel).astype(np.float32),
            bias=conv.bias,
            activation=conv.activation,
            window=conv.window,
            outside=embedding.outside,
            inputs=embedding.inputs,
            outputs=conv.outputs,
            name=conv.name,
            nodes=conv.nodes,
            anchor=conv.anchor,
            rules=conv.rules,
        )

    def params(self) -> dict[str, object]:
        rows, taps, filters = self.table.shape
        return {
            "input_dim": rows,
            "filters": filters,
            "kernel_size": [taps],
            "strides": list(self.window.strides),
            "dilation_rate": list(self.window.dilations),
            "padding": self.window.plain_padding(),
            "activation": self.activation.plain(),
            "outside": self.outside,
        }

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)

    def index_limits(self) -> dict[int, Dim]:
        return {0: len(self.table) - (self.outside == "row")}

    def weights(self) -> list[Weight]:
        table = Weight("table", self.table)
        return [table] if self.bias is None else [table, Weight("bias", self.bias)]
