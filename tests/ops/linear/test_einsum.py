"""Einsum of one and of two tensors, also as Keras exports it."""

from __future__ import annotations

import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers, ops = keras.layers, keras.ops
X, Y = In((6, 4)), In((5, 4))

TABLE: dict[str, Case] = {
    **{
        f"einsum_{name}": case(lambda *x, e=equation: ops.einsum(e, *x), *inputs)
        for name, equation, inputs in (
            ("rows", "bij,bkj->bik", (X, Y)),
            ("columns", "bij,bkj->bki", (X, Y)),
            ("inner", "bij,bij->bi", (X, X)),
            ("all", "bij,bij->b", (X, X)),
            ("outer", "bi,bj->bij", ((3,), (4,))),
            ("summed", "bij,bkl->bik", (X, Y)),
            ("heads", "btnh,bsnh->bnts", ((6, 2, 4), (5, 2, 4))),
            ("two_axes", "bijk,bjkl->bil", ((2, 3, 4), (3, 4, 5))),
            ("ellipsis", "...ij,...kj->...ik", (X, Y)),
            ("transposed", "bij->bji", (X,)),
            ("sum", "bij->b", (X,)),
        )
    },
    "attention_axes": case(lambda x: layers.MultiHeadAttention(2, 3, attention_axes=(1, 2))(x, x), (3, 2, 4)),
    "attention_scores": case(
        lambda x: layers.MultiHeadAttention(2, 3)(x, x, return_attention_scores=True),
        X,
        becomes="Dense Dense Dense Attention Dense",
    ),
    "attention_causal_free": case(lambda x: layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True), (None, 4)),
    "attention_concat": case(
        lambda x, y: layers.Attention(score_mode="concat")([x, y]), X, Y, becomes="AdditiveAttention"
    ),
    "attention_causal": case(lambda x, y: layers.Attention()([x, y], use_causal_mask=True), X, X, becomes="Attention"),
    "additive": case(lambda x, y: layers.AdditiveAttention()([x, y]), X, Y, becomes="AdditiveAttention"),
    "additive_of_three": case(
        lambda x, y, z: layers.AdditiveAttention()([x, z, y]), X, Y, (5, 4), becomes="AdditiveAttention"
    ),
    "additive_no_scale": case(
        lambda x, y: layers.AdditiveAttention(use_scale=False)([x, y]), X, Y, becomes="AdditiveAttention"
    ),
    "additive_long": case(
        lambda x, y: layers.AdditiveAttention()([x, y]), (67, 19), (50, 19), becomes="AdditiveAttention"
    ),
    "additive_free": case(
        lambda x, y: layers.AdditiveAttention()([x, y]), (None, 4), (None, 4), becomes="AdditiveAttention"
    ),
    "additive_causal": case(
        lambda x, y: layers.AdditiveAttention()([x, y], use_causal_mask=True), X, X, becomes="AdditiveAttention"
    ),
    "additive_masked": case(
        lambda x, y, x_mask, y_mask: layers.AdditiveAttention()([x, y], mask=[x_mask, y_mask]),
        *(X, Y, In((6,), "bool"), In((5,), "bool")),
        becomes="Not AdditiveAttention Where",
    ),
    "additive_scores": case(
        lambda x, y: layers.AdditiveAttention()([x, y], return_attention_scores=True),
        X,
        Y,
        becomes="AdditiveAttention",
    ),
    "additive_scores_causal": case(
        lambda x, y: layers.AdditiveAttention()([x, y], return_attention_scores=True, use_causal_mask=True),
        X,
        X,
        becomes="AdditiveAttention",
    ),
    "grouped": case(lambda x: layers.GroupQueryAttention(3, 4, 2)(x, x), X),
    "dot": case(lambda x, y: layers.Dot(1)([x, y]), (4,), (4,)),
    "dot_rows": case(lambda x, y: layers.Dot(2)([x, y]), X, Y),
    "dot_normalised": case(lambda x, y: layers.Dot(1, normalize=True)([x, y]), (4,), (4,)),
}
TABLES = [Table("einsum", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_einsum(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
