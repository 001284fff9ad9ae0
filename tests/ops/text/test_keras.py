"""Keras' preprocessing of strings and of categories, compared with TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers = keras.layers
VOCABULARY = ["the", "cat", "sat", "größe", "on", "the cat", "cat sat", "日本"]
IDF = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
NUMBERS = [12, 36, 1138, -7]
OTHERS = ["", "dog", "CAT", "Größe", "naïve", "🦀", "cat!", "(sat)", "\u3000", "x" * 70]


def _words(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.choice([*VOCABULARY, *OTHERS], shape)


def _sentences(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Words with punctuation and white space between them; the first sample is empty."""
    words, between = [*VOCABULARY, *OTHERS], [" ", ", ", "  ", " - ", "\t", "\u00a0"]
    made = [
        "".join(rng.choice(words) + rng.choice(between) for _ in range(rng.integers(1, 9))) for _ in range(shape[0])
    ]
    made[0] = ""
    return np.asarray(made).reshape(shape)


WORDS = In((9,), "string", feed=_words)
WORD = In((1,), "string", feed=_words)
SENTENCE = In((1,), "string", feed=_sentences)
INTEGERS = In((6,), "int64", feed=lambda rng, shape: rng.choice([*NUMBERS, 0, 5, -1, 1 << 40], shape))


def _lookup(**options: Any) -> Any:
    return lambda x: layers.StringLookup(vocabulary=VOCABULARY, **options)(x)


def _integers(**options: Any) -> Any:
    return lambda x: layers.IntegerLookup(vocabulary=NUMBERS, **options)(x)


def _vectorized(**options: Any) -> Any:
    return lambda x: layers.TextVectorization(**{"vocabulary": VOCABULARY, **options})(x)


def _hashed(**options: Any) -> Any:
    return lambda x: layers.Hashing(num_bins=1000, **options)(x)


TABLE: dict[str, Case] = {
    "strings": case(_lookup(), WORDS, becomes="ReadStrings StringLookup"),
    "strings_without_others": case(
        _lookup(num_oov_indices=0), In((5,), "string", feed=lambda rng, shape: rng.choice(VOCABULARY, shape))
    ),
    "strings_with_mask": case(_lookup(mask_token=""), WORDS),
    "strings_with_buckets": case(_lookup(num_oov_indices=3), WORDS),
    "strings_one_hot": case(_lookup(output_mode="one_hot"), WORD),
    "strings_multi_hot": case(_lookup(output_mode="multi_hot"), WORDS),
    "strings_count": case(_lookup(output_mode="count"), WORDS),
    "strings_tf_idf": case(_lookup(output_mode="tf_idf", idf_weights=IDF), WORDS),
    "strings_embedded": case(lambda x: layers.Embedding(9, 4)(_lookup()(x)), WORDS),
    "strings_inverted": case(
        _lookup(invert=True), In((4,), "int64", feed=lambda rng, shape: rng.integers(0, 12, shape))
    ),
    "integers": case(_integers(), INTEGERS, becomes="NumberLookup"),
    "integers_with_buckets": case(_integers(num_oov_indices=2), INTEGERS),
    "integers_multi_hot": case(_integers(output_mode="multi_hot"), INTEGERS),
    "integers_inverted": case(
        _integers(invert=True), In((4,), "int64", feed=lambda rng, shape: rng.integers(0, 8, shape))
    ),
    "text": case(_vectorized(), SENTENCE),
    "text_of_length": case(_vectorized(output_sequence_length=4), SENTENCE),
    "text_multi_hot": case(_vectorized(output_mode="multi_hot"), SENTENCE),
    "text_count": case(_vectorized(output_mode="count"), SENTENCE),
    "text_tf_idf": case(_vectorized(output_mode="tf_idf", idf_weights=IDF), SENTENCE),
    "text_bigrams": case(_vectorized(ngrams=2), SENTENCE),
    "text_trigrams_count": case(_vectorized(ngrams=(1, 3), output_mode="count"), SENTENCE),
    "text_as_it_is": case(_vectorized(standardize=None), SENTENCE),
    "text_in_lower_case": case(_vectorized(standardize="lower"), SENTENCE),
    "text_without_punctuation": case(_vectorized(standardize="strip_punctuation"), SENTENCE),
    "text_characters": case(_vectorized(split="character", vocabulary=list("abeilnorst")), SENTENCE),
    "text_pairs_of_characters": case(
        _vectorized(split="character", ngrams=2, output_mode="count", vocabulary=["a b", "e r", "e", "t"]), SENTENCE
    ),
    "text_not_split": case(_vectorized(split=None), WORDS),
    "text_classified": case(lambda x: layers.Dense(2)(_vectorized(output_mode="tf_idf", idf_weights=IDF)(x)), SENTENCE),
    "text_pooled": case(
        lambda x: layers.GlobalAveragePooling1D()(layers.Embedding(10, 4)(_vectorized(output_sequence_length=6)(x))),
        SENTENCE,
    ),
    "hash": case(_hashed(), WORDS, becomes="ReadStrings HashBucket"),
    "hash_with_salt": case(_hashed(salt=133), WORDS),
    "hash_with_salts": case(_hashed(salt=[133, -5]), WORDS),
    "hash_with_mask": case(_hashed(mask_value=""), WORDS),
    "hash_of_integers": case(_hashed(), INTEGERS),
    "hash_one_hot": case(_hashed(output_mode="multi_hot"), WORDS),
    "crossing": case(lambda x: layers.HashedCrossing(50)((x[:, :1], x[:, 4:5])), WORDS),
    "crossing_of_integers": case(lambda x: layers.HashedCrossing(1000)((x[:, :1], x[:, 1:2])), INTEGERS),
    "crossing_one_hot": case(lambda x: layers.HashedCrossing(9, output_mode="one_hot")((x[:, :1], x[:, 1:2])), WORDS),
    "bins": case(lambda x: layers.Discretization(bin_boundaries=[-1.0, 0.0, 0.5])(x), (5,)),
    "bins_multi_hot": case(
        lambda x: layers.Discretization(bin_boundaries=[-1.0, 0.0, 0.5], output_mode="multi_hot")(x), (5,)
    ),
}
SAVED = (
    "strings_with_buckets",
    "integers_multi_hot",
    "text_of_length",
    "text_bigrams",
    "text_characters",
    "text_tf_idf",
    "hash",
)
TABLES = [
    Table("keras_text", TABLE),
    Table("saved_text", {name: TABLE[name] for name in SAVED}, suffix=""),
]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_text(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
