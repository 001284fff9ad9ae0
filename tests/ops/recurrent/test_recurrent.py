"""SimpleRNN, GRU and LSTM with every option: one layer for each direction, whatever the exporter wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers = keras.layers
X = In((7, 4))
UNITS = 5


def _gaps(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Sequences with masked steps at the start, in the middle and at the end, and one that is fully masked."""
    x = rng.normal(0, 1, shape)
    x[0, :2], x[0, 4], x[1, 5:], x[2] = 0, 0, 0, 0
    return x


def _gaps_of_one(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return _gaps(rng, (3, *shape[1:]))[:1]


def _words(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return _gaps(rng, (*shape, 1))[..., 0].round() + 3 * (_gaps(rng, (*shape, 1))[..., 0] != 0)


ONE = In((7, 4), batch=1)
MASKED = In((7, 4), feed=_gaps)
WORDS = In((7,), "int32", lambda rng, shape: np.abs(_words(rng, shape)))


def _layer(kind: str, **options: Any) -> Callable[[Any], Any]:
    return lambda x: getattr(layers, kind)(UNITS, **options)(x)


def _both(kind: str, merge: str = "concat", **options: Any) -> Callable[[Any], Any]:
    return lambda x: layers.Bidirectional(getattr(layers, kind)(UNITS, **options), merge_mode=merge)(x)


def _masked(inner: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: inner(layers.Masking()(x))


def _embedded(inner: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: inner(layers.Embedding(9, 4, mask_zero=True)(x))


def _cells(kind: str) -> Callable[[Any], Any]:
    cell = getattr(layers, f"{kind}Cell")
    return lambda x: layers.RNN([cell(5), cell(3)], return_sequences=True)(x)


def _started(kind: str) -> Callable[..., Any]:
    return lambda x, *states: getattr(layers, kind)(UNITS, return_state=True)(
        x, initial_state=list(states) if len(states) > 1 else states[0]
    )


def _table(kind: str) -> dict[str, Case]:
    sequences = {"return_sequences": True}
    states = (In((UNITS,)),) * (2 if kind == "LSTM" else 1)
    two = f"{kind} {kind} Concatenate"
    return {
        "last": case(_layer(kind), X, becomes=kind),
        "sequences": case(_layer(kind, **sequences), X, becomes=kind),
        "states": case(_layer(kind, return_state=True, **sequences), X, becomes=kind),
        "go_backwards": case(_layer(kind, go_backwards=True), X, becomes=kind),
        "go_backwards_sequences": case(_layer(kind, go_backwards=True, **sequences), X, becomes=kind),
        "free": case(_layer(kind), (None, 4), becomes=kind),
        "free_sequences": case(_layer(kind, **sequences), (None, 4), becomes=kind),
        "no_bias": case(_layer(kind, use_bias=False), X, becomes=kind),
        "relu": case(_layer(kind, activation="relu"), X, becomes=kind),
        "one_step": case(_layer(kind), (1, 4), becomes=None),
        "one_unit": case(lambda x: getattr(layers, kind)(1)(x), X, becomes=None),
        "stacked": case(lambda x: _layer(kind)(_layer(kind, **sequences)(x)), X, becomes=f"{kind} {kind}"),
        "cells": case(_cells(kind), X, becomes=None if kind == "LSTM" else f"{kind} {kind}"),
        "initial_state": case(_started(kind), X, *states, becomes=f"{kind} Slice"),
        "masking": case(_masked(_layer(kind)), MASKED),
        "masking_sequences": case(_masked(_layer(kind, **sequences)), MASKED),
        "masking_backwards": case(_masked(_layer(kind, go_backwards=True, **sequences)), MASKED),
        "embedding": case(_embedded(_layer(kind)), WORDS, becomes=f"Embedding Compare {kind}"),
        "embedding_both": case(_embedded(_both(kind)), WORDS, becomes=f"Embedding Compare {two}"),
        "embedding_both_sequences": case(_embedded(_both(kind, **sequences)), WORDS),
        "both": case(_both(kind), X, becomes=two),
        "both_sequences": case(_both(kind, **sequences), X, becomes=two),
        "both_free": case(_both(kind, **sequences), (None, 4), becomes=two),
        "both_sum": case(_both(kind, "sum"), X, becomes=f"{kind} {kind} Add"),
        "both_states": case(_both(kind, return_state=True, **sequences), X),
        "unrolled": case(_layer(kind, unroll=True), X),
        "of_one": case(_layer(kind), ONE, becomes=kind),
        "of_one_sequences": case(_layer(kind, **sequences), ONE, becomes=kind),
        "of_one_free": case(_layer(kind), In((None, 4), batch=1), becomes=kind),
        "of_one_backwards": case(_layer(kind, go_backwards=True), ONE, becomes=kind),
        "of_one_both": case(_both(kind, **sequences), ONE, becomes=two),
        "of_one_masked": case(_masked(_layer(kind)), In((7, 4), batch=1, feed=_gaps_of_one)),
        "of_two": case(_both(kind), In((7, 4), batch=2), becomes=two),
    }


TABLES = [
    *(
        Table(kind.lower(), {f"{kind.lower()}_{name}": item for name, item in _table(kind).items()})
        for kind in ("SimpleRNN", "LSTM")
    ),
    Table(
        "gru",
        {
            **{f"gru_{name}": item for name, item in _table("GRU").items()},
            **{
                f"gru_before_{name}": case(_layer("GRU", reset_after=False, **more), X, becomes="GRU")
                for name, more in (("plain", {}), ("no_bias", {"use_bias": False}), ("relu", {"activation": "relu"}))
            },
            "gru_hard_sigmoid": case(_layer("GRU", recurrent_activation="hard_sigmoid"), X, becomes="GRU"),
        },
    ),
    Table(
        "activations_of_lstm",
        {
            "lstm_hard_sigmoid": case(_layer("LSTM", recurrent_activation="hard_sigmoid"), X, becomes="LSTM"),
            "lstm_softsign": case(_layer("LSTM", activation="softsign"), X, becomes="LSTM"),
            "lstm_silu": case(_layer("LSTM", activation="silu"), X, becomes="LSTM"),
        },
    ),
]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_recurrent(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
