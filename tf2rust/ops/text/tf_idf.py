"""TfIdfVectorizer: counts of n-grams of words or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tf2rust.ops.core.dtypes import TEXT
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer, Weight
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.text.lookup import NumberLookup, StringLookup, sorted_keys


@dataclass(eq=False, kw_only=True)
class TfIdf(Layer):
    """The number of times that each n-gram of symbols occurs in a row, times its weight.

    ``lengths`` are the numbers of symbols; for each, ``ngrams`` has the n-grams [count, length] in lexicographic order,
    and ``columns`` the column of the result for each of them. Up to ``max_skips`` symbols may be between two of an
    n-gram. If ``is_binary``, an n-gram that occurs several times counts once.
    """

    kind = "TfIdf"
    lengths: tuple[int, ...]
    ngrams: tuple[np.ndarray, ...]
    columns: tuple[np.ndarray, ...]
    factors: np.ndarray | None
    max_skips: int
    is_binary: bool

    def params(self) -> dict[str, object]:
        return {"lengths": list(self.lengths), "max_skips": self.max_skips, "is_binary": self.is_binary}

    def weights(self) -> list[Weight]:
        parts = list(zip(self.lengths, self.ngrams, self.columns, strict=True))
        found = [Weight(f"symbols_{n}", ngrams.reshape(-1)) for n, ngrams, _ in parts]
        found += [Weight(f"columns_{n}", columns) for n, _, columns in parts]
        return found + ([] if self.factors is None else [Weight("factors", self.factors)])

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched) and self.x.rank > 1


@infers("TfIdfVectorizer")
def _tf_idf(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    shape = infos.shape(node.x)
    if len(shape) not in (1, 2):
        raise InferenceError("its input is not a row or a matrix")
    if not node.attr("ngram_indexes"):
        raise InferenceError("its attribute `ngram_indexes` is empty")
    return [ValueInfo("float32", (*shape[:-1], max(node.attr("ngram_indexes")) + 1))]


@rule(Op("TfIdfVectorizer", Var("x")))
def tf_idf(m: Match, b: Builder) -> RuleResult:
    """Words or numbers become symbols, indices in the sorted pool, before n-grams are counted."""
    node, x = m.root, b.value(m["x"])
    words, numbers = node.attr("pool_strings"), node.attr("pool_int64s")
    narrow = x.dtype == "int32" and all(-(1 << 31) <= number < 1 << 31 for number in numbers or [])
    pool = np.asarray(words, TEXT) if words else np.asarray(numbers or [], "int32" if narrow else "int64")
    if pool.dtype.name != x.dtype:
        return m.reject(f"its input is {x}, but its pool holds other elements")
    unique = pool[sorted_keys(pool)]
    symbol = {key: index for index, key in enumerate(unique.tolist())}
    symbols = np.asarray([symbol[key] for key in pool.tolist()], np.int64)
    starts = [*node.attr("ngram_counts"), len(pool)]
    fewest, most = node.attr("min_gram_length"), node.attr("max_gram_length")
    indexes, first = np.asarray(node.attr("ngram_indexes"), np.int64), 0
    lengths, ngrams, columns = [], [], []
    for length, (start, end) in enumerate(pairwise(starts), start=1):
        grams = symbols[start:end].reshape(-1, length)
        own = indexes[first : first + len(grams)]
        first += len(grams)
        if fewest <= length <= most and len(grams):
            order = np.lexsort(grams.T[::-1])
            if len(np.unique(grams, axis=0)) != len(grams):
                return m.reject("its pool contains an n-gram twice")
            lengths.append(length)
            ngrams.append(grams[order])
            columns.append(own[order])
    weights, mode = node.attr("weights"), node.attr("mode")
    if mode not in ("TF", "IDF", "TFIDF") or (weights is not None and len(weights) != len(indexes)):
        return m.reject("its mode is unknown, or it has another number of weights than of n-grams")
    factors = None
    if weights is not None and mode != "TF":
        factors = np.zeros(int(indexes.max()) + 1, np.float32)
        factors[indexes] = weights
    index = b.temporary(x, dtype="int64")
    kind = StringLookup if x.dtype == TEXT else NumberLookup
    lookup = kind(keys=unique, values=np.arange(len(unique)), default=-1, inputs=[x], outputs=[index])
    layer = TfIdf(
        lengths=tuple(lengths),
        ngrams=tuple(ngrams),
        columns=tuple(columns),
        factors=factors,
        max_skips=node.attr("max_skip_count"),
        is_binary=mode == "IDF",
        inputs=[index],
        outputs=[b.value(m.y)],
    )
    return [lookup, layer]
