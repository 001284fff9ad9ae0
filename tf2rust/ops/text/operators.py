"""ONNX' operators on strings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dtypes import TEXT
from tf2rust.ops.core.inference import (
    InferenceError,
    Node,
    ValueInfo,
    ValueInfos,
    broadcast,
    data_dependent_dim,
    infers,
)
from tf2rust.ops.core.layer import Layer, Weight
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.comparison import Elementwise
from tf2rust.ops.text.table import string_table


@dataclass(eq=False, kw_only=True)
class StringConcat(Elementwise):
    """The strings of the first input, each followed by that of the second, with NumPy's broadcasting."""

    kind = "StringConcat"
    takes_text = True


@dataclass(eq=False, kw_only=True)
class StringNormalizer(Layer):
    """The words of a list that are not ``stop_words``, in another case; one empty string if no word is left.

    ``letter_case`` is a variant of ``tf_layers::text::LetterCase``.
    """

    kind = "StringNormalizer"
    takes_text = True
    stop_words: tuple[str, ...]
    is_case_sensitive: bool
    letter_case: str

    def weights(self) -> list[Weight]:
        return string_table("stop_words", self.stop_words)

    def sample_elements(self) -> np.ndarray | None:
        return np.asarray(self.stop_words, TEXT)


@dataclass(eq=False, kw_only=True)
class StringSplit(Layer):
    """The parts of each string, padded with empty strings to the largest number of parts, and their numbers.

    Parts are separated by ``delimiter``, or by white space if it is empty. After ``max_splits`` splits, the rest is one
    part.
    """

    kind = "StringSplit"
    takes_text = True
    splits_text = True
    delimiter: str
    max_splits: int | None


@infers("StringConcat")
def _string_concat(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    return [ValueInfo(TEXT, broadcast(infos.shape(v) for v in node.operands(2)))]


@rule(Op("StringConcat", Var("a"), Var("b")))
def string_concat(m: Match, b: Builder) -> RuleResult:
    return StringConcat(inputs=[b.value(m["a"]), b.value(m["b"])], outputs=[b.value(m.y)])


@infers("StringNormalizer")
def _string_normalizer(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    shape = infos.shape(node.x)
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[0] != 1):
        raise InferenceError("its input is not one list of words, of shape [n] or [1, n]")
    count = shape[-1] if not node.attr("stopwords") else data_dependent_dim(node.y)
    return [ValueInfo(TEXT, (*shape[:-1], count))]


@rule(Op("StringNormalizer", Var("x")))
def string_normalizer(m: Match, b: Builder) -> RuleResult:
    node = m.root
    node.has("locale")  # Unicode defines the case of letters; few languages differ from it.
    action = node.attr("case_change_action", "NONE")
    letter_case = {"NONE": "Unchanged", "LOWER": "Lower", "UPPER": "Upper"}.get(action)
    if letter_case is None:
        return m.reject(f"its attribute `case_change_action` is {action}, which ONNX does not define")
    words, is_case_sensitive = node.attr("stopwords", []), bool(node.attr("is_case_sensitive", 0))
    if not is_case_sensitive:
        words = ["".join(character.lower() for character in word) for word in words]
    return StringNormalizer(
        stop_words=tuple(sorted(set(words), key=str.encode)),
        is_case_sensitive=is_case_sensitive,
        letter_case=letter_case,
        inputs=[b.value(m["x"])],
        outputs=[b.value(m.y)],
    )


@infers("StringSplit")
def _string_split(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    shape = infos.shape(node.x)
    parts = ValueInfo(TEXT, (*shape, data_dependent_dim(node.y)))
    return [parts, ValueInfo("int64", shape)][: len(node.outputs)]


@rule(Op("StringSplit", Var("x")))
def string_split(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    second = m.root.outputs[1] if len(m.root.outputs) > 1 else None
    counts = b.value(second) if second is not None and second.name else b.temporary(x, dtype="int64")
    delimiter, limit = m.root.attr("delimiter", ""), m.root.attr("maxsplit")
    return StringSplit(delimiter=delimiter, max_splits=limit, inputs=[x], outputs=[y, counts])
