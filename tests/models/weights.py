"""What the builders of both Keras generations share: weights that show every mistake, and sample inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

VOCABULARY = 20
"""Every Embedding in the models has at least this many rows."""

SYMBOLIC_SIZE = 6
"""The size that sample inputs give to a symbolic dimension other than the batch."""


def randomise(model: Any, seed: int = 7) -> Any:
    """Replace the constant initial weights (biases, BatchNormalization's four) by random ones; gives the model.

    A bias of zeros vanishes in the export, and untrained statistics hide a swapped mean and variance.
    """
    rng = np.random.default_rng(seed)
    weights = []
    for weight in model.get_weights():
        if np.all(weight == 1):
            weights.append(rng.uniform(0.5, 1.5, weight.shape).astype(np.float32))
        elif np.all(weight == 0):
            weights.append(rng.normal(0, 0.3, weight.shape).astype(np.float32))
        else:
            weights.append(weight)
    model.set_weights(weights)
    return model


def sample_inputs(model: Any, batch: int = 3, seed: int = 11) -> dict[str, np.ndarray]:
    """Seeded arrays by input name for a functional or Sequential ``model``: indices for integers, else normal."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for tensor in model.inputs:
        shape = (batch, *(SYMBOLIC_SIZE if size is None else size for size in tensor.shape[1:]))
        dtype = np.dtype(getattr(tensor.dtype, "name", tensor.dtype))
        is_index = np.issubdtype(dtype, np.integer)
        values = rng.integers(0, VOCABULARY, shape) if is_index else rng.normal(size=shape)
        arrays[tensor._keras_history[0].name] = values.astype(dtype)
    return arrays
