"""TensorFlow's operators on strings, in the domain ``tf2rust``.

A ragged tensor is a vector of values and a vector of splits: row i is ``values[splits[i]:splits[i + 1]]``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.dims import format_shape
from tf2rust.ops.core.dtypes import INTEGERS, NUMBERS, TEXT
from tf2rust.ops.core.inference import (
    InferenceError,
    Node,
    ValueInfo,
    ValueInfos,
    data_dependent_dim,
    infers,
    same_shape,
)
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule

OPERATORS = (
    "AsString",
    "Fingerprint64",
    "HashedCross",
    "Lookup",
    "RaggedBincount",
    "RaggedTensorToTensor",
    "StaticRegexReplace",
    "StringLower",
    "StringNGrams",
    "StringSplitV2",
    "StringToHashBucketFast",
    "StringToHashBucketStrong",
    "StringUpper",
    "UnicodeSplit",
)
"""The operators, which have no definition in ONNX."""
_ASCII = 128


@dataclass(eq=False, kw_only=True)
class _Mapped(Layer):
    """A function of single strings."""

    takes_text = True

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)


@dataclass(eq=False, kw_only=True)
class ChangeCase(_Mapped):
    """Strings in lower or upper case; ``letter_case`` is a variant of ``tf_layers::text::LetterCase``."""

    kind = "ChangeCase"
    letter_case: str


@dataclass(eq=False, kw_only=True)
class ReplaceCharacters(_Mapped):
    """Strings in which ``by`` replaces each of the ASCII ``characters``, or each run of them."""

    kind = "ReplaceCharacters"
    characters: str
    runs: bool
    by: str


@dataclass(eq=False, kw_only=True)
class HashBucket(_Mapped):
    """The hash of each string modulo ``buckets``: FarmHash, or SipHash with a ``key``."""

    kind = "HashBucket"
    buckets: int
    key: tuple[int, ...]


@dataclass(eq=False, kw_only=True)
class AsString(_Mapped):
    """Integers as decimal strings."""

    kind = "AsString"


@dataclass(eq=False, kw_only=True)
class RaggedSplit(Layer):
    """The parts of each string as a ragged tensor: values and splits.

    ``delimiter`` is the string between two parts; if it is empty, ASCII white space separates parts. Without a
    delimiter, every character is a part.
    """

    kind = "RaggedSplit"
    takes_text = True
    splits_text = True
    delimiter: str | None
    max_splits: int | None


@dataclass(eq=False, kw_only=True)
class StringNGrams(Layer):
    """The n-grams of each row of a ragged tensor: runs of ``widths`` strings, joined by ``separator``."""

    kind = "StringNGrams"
    takes_text = True
    widths: tuple[int, ...]
    separator: str


@dataclass(eq=False, kw_only=True)
class RaggedToDense(Layer):
    """The rows of a ragged tensor (splits, values), cut or padded with the third input to one width."""

    kind = "RaggedToDense"
    takes_text = True


@dataclass(eq=False, kw_only=True)
class RaggedBincount(Layer):
    """For each row of indices of a ragged tensor (splits, values), the count of each, or 1 if ``is_binary``."""

    kind = "RaggedBincount"
    is_binary: bool


infers("StringLower", "StringUpper", "StaticRegexReplace")(same_shape)


@rule(Op("StringLower|StringUpper", Var("x"), name="change_case"))
def change_case(m: Match, b: Builder) -> RuleResult:
    """TensorFlow knows only the letters of ASCII unless its encoding is UTF-8."""
    encoding = m.root.attr("encoding", "")
    if encoding not in ("", "utf-8"):
        return m.reject(f"its encoding is {encoding}, but crates support only UTF-8")
    case = m.root.op.removeprefix("String")
    letter_case = case if encoding else f"Ascii{case}"
    return ChangeCase(letter_case=letter_case, inputs=[b.value(m["x"])], outputs=[b.value(m.y)])


@rule(Op("StaticRegexReplace", Var("x")))
def replace_characters(m: Match, b: Builder) -> RuleResult:
    pattern, by = m.root.attr("pattern"), m.root.attr("rewrite")
    found = character_set(pattern)
    if found is None:
        return m.reject(
            f"its pattern {pattern!r} is not a set of ASCII characters, such as [,.!] or [ ]+; replace it by such sets"
        )
    if not m.root.attr("replace_global", 1) or "\\" in by:
        return m.reject("it replaces only the first match, or inserts parts of the match")
    characters, runs = found
    return ReplaceCharacters(characters=characters, runs=runs, by=by, inputs=[b.value(m["x"])], outputs=[b.value(m.y)])


def character_set(pattern: str) -> tuple[str, bool] | None:
    """The ASCII characters that a regular expression matches, and whether it matches runs of them.

    None if the expression matches anything else. Sets are written the same in RE2, which TensorFlow uses, and in
    Python, except that Python's classes such as ``\\d`` contain characters outside of ASCII without the flag.
    """
    try:
        re.compile(pattern)
        matched = [chr(code) for code in range(_ASCII) if re.fullmatch(pattern, chr(code), re.ASCII | re.DOTALL)]
        tree: Any = re._parser.parse(pattern, re.ASCII)  # type: ignore[attr-defined]
    except (re.error, RecursionError, OverflowError):
        return None
    items = list(tree)
    if len(items) != 1:
        return None
    kind, argument = items[0]
    runs = str(kind) == "MAX_REPEAT"
    if runs:
        fewest, most, inner = argument
        if fewest != 1 or str(most) != "MAXREPEAT" or len(inner) != 1:
            return None
        kind, argument = inner[0]
    if str(kind) == "LITERAL":
        return ("".join(matched), runs) if argument < _ASCII else None
    if str(kind) != "IN" or not all(_is_ascii(part) for part in argument):
        return None
    return "".join(matched), runs


def _is_ascii(part: tuple[Any, Any]) -> bool:
    """Whether a part of a set in a regular expression contains only ASCII characters."""
    kind, argument = str(part[0]), part[1]
    if kind == "LITERAL":
        return bool(argument < _ASCII)
    if kind == "RANGE":
        return bool(argument[1] < _ASCII)
    # \v belongs to \s in Python, but not in RE2.
    return kind == "CATEGORY" and str(argument) in ("CATEGORY_DIGIT", "CATEGORY_WORD")


@infers("StringToHashBucketFast", "StringToHashBucketStrong")
def _hash_bucket(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    if node.attr("num_buckets") < 1:
        raise InferenceError("it has no buckets")
    return [ValueInfo("int64", infos.shape(node.x))]


@rule(Op("StringToHashBucketFast|StringToHashBucketStrong", Var("x"), name="hash_bucket"))
def hash_bucket(m: Match, b: Builder) -> RuleResult:
    key = tuple(int(part) % (1 << 64) for part in m.root.attr("key", []))
    if len(key) not in (0, 2):
        return m.reject("its key does not consist of two numbers")
    buckets = m.root.attr("num_buckets")
    return HashBucket(buckets=buckets, key=key, inputs=[b.value(m["x"])], outputs=[b.value(m.y)])


@dataclass(eq=False, kw_only=True)
class Fingerprint(_Mapped):
    """The 64-bit FarmHash of each string, as the bits of an integer."""

    kind = "Fingerprint"


@dataclass(eq=False, kw_only=True)
class HashedCross(Layer):
    """The bucket of the combination of all inputs' elements at a position."""

    kind = "HashedCross"
    key: int
    buckets: int

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return all(batched) and self.keeps_batch(batched)


@infers("Fingerprint64")
def _fingerprint(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    return [ValueInfo("int64", infos.shape(node.x))]


@rule(Op("Fingerprint64", Var("x")))
def fingerprint(m: Match, b: Builder) -> RuleResult:
    return Fingerprint(inputs=[b.value(m["x"])], outputs=[b.value(m.y)])


@infers("HashedCross")
def _hashed_cross(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    if node.attr("buckets") < 1:
        raise InferenceError("it has no buckets")
    first, *others = [infos.shape(value) for value in node.operands()]
    for other in others:
        if len(other) != len(first) or None in map(infos.assumptions.unify, first, other):
            raise InferenceError(f"its inputs have the shapes {format_shape(first)} and {format_shape(other)}")
    return [ValueInfo("int64", first)]


@rule(Op("HashedCross", Var("x"), more=True))
def hashed_cross(m: Match, b: Builder) -> RuleResult:
    return HashedCross(
        key=m.root.attr("key") % (1 << 64),
        buckets=m.root.attr("buckets"),
        inputs=[b.value(value) for value in m.root.operands()],
        outputs=[b.value(m.y)],
    )


@infers("AsString")
def _as_string(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    return [ValueInfo(TEXT, infos.shape(node.x))]


@rule(Op("AsString", Var("x")))
def as_string(m: Match, b: Builder) -> RuleResult:
    x = b.value(m["x"])
    if x.dtype not in INTEGERS:
        return m.reject(f"it formats {x.dtype}, but only integers are supported")
    return AsString(inputs=[x], outputs=[b.value(m.y)])


@infers("StringSplitV2", "UnicodeSplit")
def _string_split(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    shape = infos.shape(node.x)
    if len(shape) != 1:
        raise InferenceError("its input is not a vector of strings")
    return [ValueInfo(TEXT, (data_dependent_dim(node.y),)), ValueInfo("int64", (shape[0] + 1,))]


@rule(Op("StringSplitV2", Var("x")))
def ragged_split(m: Match, b: Builder) -> RuleResult:
    limit = m.root.attr("maxsplit", -1)
    return RaggedSplit(
        delimiter=m.root.attr("delimiter", ""),
        max_splits=None if limit < 0 else limit,
        inputs=[b.value(m["x"])],
        outputs=[b.value(v) for v in m.root.outputs[:2]],
    )


@rule(Op("UnicodeSplit", Var("x")))
def unicode_split(m: Match, b: Builder) -> RuleResult:
    return RaggedSplit(
        delimiter=None, max_splits=None, inputs=[b.value(m["x"])], outputs=[b.value(v) for v in m.root.outputs]
    )


@infers("StringNGrams")
def _string_ngrams(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    return [ValueInfo(TEXT, (data_dependent_dim(node.y),)), ValueInfo("int64", infos.shape(node.x))]


@rule(Op("StringNGrams", Var("splits"), Var("values")))
def string_ngrams(m: Match, b: Builder) -> RuleResult:
    widths = tuple(m.root.attr("ngram_widths"))
    if not widths or min(widths) < 1:
        return m.reject("its n-grams have no strings")
    return StringNGrams(
        widths=widths,
        separator=m.root.attr("separator", ""),
        inputs=[b.value(m["splits"]), b.value(m["values"])],
        outputs=[b.value(v) for v in m.root.outputs],
    )


@infers("RaggedTensorToTensor")
def _ragged_to_dense(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    splits, values, width = infos.shape(node.x), infos[node.operand(1)], node.attr("width")
    return [ValueInfo(values.dtype, (splits[0] - 1, data_dependent_dim(node.y) if width < 0 else width))]


@rule(Op("RaggedTensorToTensor", Var("splits"), Var("values"), Var("default")))
def ragged_to_dense(m: Match, b: Builder) -> RuleResult:
    m.root.has("width")
    inputs = [b.value(m[name]) for name in ("splits", "values", "default")]
    if inputs[2].dtype != inputs[1].dtype:
        return m.reject("its default has another dtype than its values")
    return RaggedToDense(inputs=inputs, outputs=[b.value(m.y)])


@infers("RaggedBincount")
def _ragged_bincount(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    dtype = ir.DataType(node.attr("dtype")).numpy().name
    return [ValueInfo(dtype, (infos.shape(node.x)[0] - 1, node.attr("bins")))]


@rule(Op("RaggedBincount", Var("splits"), Var("values")))
def ragged_bincount(m: Match, b: Builder) -> RuleResult:
    for name in ("bins", "dtype"):
        m.root.has(name)
    values, y = b.value(m["values"]), b.value(m.y)
    if values.dtype not in INTEGERS or y.dtype not in NUMBERS:
        return m.reject(f"it counts {values.dtype} in {y.dtype}, but only integers can be counted in numbers")
    is_binary = bool(m.root.attr("binary_output", 0))
    return RaggedBincount(is_binary=is_binary, inputs=[b.value(m["splits"]), values], outputs=[y])


def characters_as_bits(characters: str) -> int:
    """The set of ASCII characters as a number: bit n is set if it contains the character with the code n."""
    return int(np.bitwise_or.reduce(np.asarray([1 << ord(c) for c in characters] or [0], object)))
