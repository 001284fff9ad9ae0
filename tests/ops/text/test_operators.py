"""Operators on strings.

ONNX Runtime's StringNormalizer needs the locales of the system, so Python computes the expected results instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import Arg, check_node, named, node, symbolic


def strings(*shape: int, of: str = "a b Größe 日本 A  _ x,y a") -> np.ndarray:
    """Strings of this shape, which repeat the words of ``of``."""
    words = of.split(" ")
    count = int(np.prod(shape))
    return np.asarray([words[i % len(words)] for i in range(count)], object).reshape(shape)


def text(*values: str) -> Arg:
    """A constant."""
    return Arg(np.asarray(values, object), constant=True)


WORDS = symbolic(strings(12), 0)
KEYS = ["b", "a", "日本", "", "b"]
SENTENCES = np.asarray([" to be,  or\tnot ", "", "one", "a b c d e f"], object)
NUMBERS = np.asarray([3.5, -1, np.nan, 2, -0.0, np.inf], np.float32)
INTEGERS = np.asarray([[7, -3], [0, 7]])


def encoder(x: Any, **attributes: Any) -> Any:
    return node("ai.onnx.ml:LabelEncoder", x, **attributes)


def tf_idf(x: Any, mode: str, **attributes: Any) -> Any:
    """The words a, b and é alone and two pairs, with columns in another order."""
    return node(
        "TfIdfVectorizer",
        x,
        mode=mode,
        min_gram_length=1,
        max_gram_length=2,
        ngram_counts=[0, 3],
        ngram_indexes=[4, 0, 2, 1, 3],
        pool_strings=["a", "é", "b", "b", "a", "a", "b"],
        **attributes,
    )


TABLE_NAME = "text"
NODES = {
    "label_strings_to_ints": encoder(WORDS, keys_strings=KEYS, values_int64s=[5, 6, 7, 8, 9], default_int64=-7),
    "label_strings_to_floats": encoder(WORDS, keys_strings=KEYS, values_floats=[0.5, 1.5, 2.5, 3.5, 4.5]),
    "label_strings_to_strings": encoder(WORDS, keys_strings=KEYS, values_strings=["é", "", "x", "y", "z"]),
    "label_strings_with_default": encoder(
        WORDS, keys_strings=KEYS, values_strings=["é", "", "x", "y", "z"], default_string="?"
    ),
    "label_ints_to_strings": encoder(
        symbolic(INTEGERS, 0), keys_int64s=[7, 0, -9], values_strings=["seven", "zero", "-"], default_string="other"
    ),
    "label_ints_to_floats": encoder(INTEGERS, keys_int64s=[7, 0, -9], values_floats=[0.5, 1.0, 2.0], default_float=9.0),
    "label_floats_to_strings": encoder(
        NUMBERS, keys_floats=[2.0, float("nan"), 0.0, 3.5], values_strings=["two", "nan", "zero", "more"]
    ),
    "label_floats_to_ints": encoder(NUMBERS, keys_floats=[2.0, -1.0], values_int64s=[1, 2], default_int64=3),
    "equal_to_a_constant": node("Equal", symbolic(strings(3, 4), 0), text("a", "日本", "", "_")),
    "equal_column_and_row": node("Equal", strings(3, 1), strings(1, 4)),
    "concat_row": node("StringConcat", symbolic(strings(3, 4), 0), text("-", "", "é", "🦀"), by_reference=True),
    "split_at_whitespace": node("StringSplit", symbolic(SENTENCES, 0), outputs=2, by_reference=True),
    "split_at_most_twice": node("StringSplit", SENTENCES, outputs=2, maxsplit=2, by_reference=True),
    "split_at_words": node("StringSplit", SENTENCES, outputs=2, delimiter="o", by_reference=True),
    "normalize": node(
        "StringNormalizer",
        strings(10),
        case_change_action="UPPER",
        stopwords=["A", "GRÖSSE"],
        locale="en_US",
        exact=lambda x: np.asarray([word.upper() for word in x if word not in ("a", "A")], object),
    ),
    "normalize_in_a_row": node(
        "StringNormalizer",
        strings(1, 10),
        case_change_action="LOWER",
        stopwords=["A", "b", "größe"],
        is_case_sensitive=1,
        exact=lambda x: np.asarray([[word.lower() for word in x[0] if word not in ("A", "b")]], object),
    ),
    "normalize_all_away": node(
        "StringNormalizer", strings(3, of="é"), stopwords=["É"], exact=lambda _: np.asarray([""], object)
    ),
    **{
        f"tf_idf_{mode}_{skips}": tf_idf(
            symbolic(strings(3, 7, of="a b é a x"), 0), mode, max_skip_count=skips, weights=[0.5, 1.5, 2.5, 3.5, 4.5]
        )
        for mode in ("TF", "IDF", "TFIDF")
        for skips in (0, 2)
    },
    "tf_idf_of_a_row": tf_idf(strings(7, of="a b é a x"), "TF", max_skip_count=1),
    "gather": node("Gather", WORDS, np.asarray([[0, -1], [3, 2]])),
    "gather_elements": node("GatherElements", strings(3, 2), np.asarray([[2, 0], [1, 1]])),
    "where": node("Where", np.asarray([True, False, True]), strings(2, 3), text("z")),
    "concat": node("Concat", symbolic(strings(3, 4), 0), symbolic(strings(3, 2, of="x y"), 0), axis=1),
    "slice": node("Slice", strings(5, 3), *(Arg(np.asarray([i]), constant=True) for i in (3, 0, 0, -1))),
    "transpose": node("Transpose", symbolic(strings(2, 3, 2), 0), perm=[0, 2, 1]),
    "reshape": node("Reshape", symbolic(strings(4, 6), 0), Arg(np.asarray([-1, 2, 3]), constant=True)),
    "tile": node("Tile", strings(2, 2), Arg(np.asarray([2, 1]), constant=True)),
    "identity": node("Identity", WORDS),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_text(results: Results, key: str) -> None:
    check_node(results[key])
