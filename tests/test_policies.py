"""Keras' dtype policies: a crate computes in the dtypes of the model, and agrees with TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crates import Crates
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.source import open_tensorflow

POLICIES = {"mixed_bfloat16": "bfloat16", "mixed_float16": "float16", "float64": "float64"}
"""The dtype that the layers of each policy compute in."""


def _model(policy: str, folder: Path) -> Path:
    """Layers of every kind; recurrent ones are computed in float32 and narrower dtypes only."""
    keras = library("keras")
    layers = keras.layers
    with quiet():
        keras.utils.set_random_seed(2)
        x = keras.Input((12, 6), name="x", dtype="float64" if policy == "float64" else "float32")
        y = layers.Conv1D(8, 3, activation="relu", dtype=policy)(x)
        y = layers.BatchNormalization(dtype=policy)(y)
        if policy != "float64":
            y = layers.GRU(8, return_sequences=True, dtype=policy)(y)
            y = layers.LSTM(8, return_sequences=True, dtype=policy)(y)
        y = layers.LayerNormalization(dtype=policy)(y + layers.MultiHeadAttention(2, 4, dtype=policy)(y, y))
        y = layers.Flatten(dtype=policy)(y)
        outputs = [layers.Dense(4, name="own", dtype=policy)(y), layers.Dense(3, name="wide", dtype="float32")(y)]
        keras.Model(x, outputs).save(folder / f"{policy}.keras")
    return folder / f"{policy}.keras"


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("policies"))
    for policy in POLICIES:
        made.add(policy, open_tensorflow(_model(policy, made.folder)))
    made.build()
    return made


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy(crates: Crates, policy: str) -> None:
    assert "test result: ok" in crates.test(policy)
    outputs = crates.converted[policy].proof.outputs
    assert [array.dtype.name for array in outputs.values()] == [POLICIES[policy], "float32"]
