"""The interface of the generated package; each score is the identifier of the process, and shows which workers ran."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pyarrow as pa


class Model:
    def predict(self, features: np.ndarray) -> np.ndarray:
        # float32 holds integers up to 2^24, more than Linux' largest identifier of a process.
        return np.full((len(features), 1), os.getpid(), "float32")

    def predict_arrow(self, data: Any) -> pa.Table:
        rows = len(data) if isinstance(data, pa.Array | pa.ChunkedArray) else pa.table(data).num_rows
        return pa.table({"score": np.full(rows, os.getpid(), "float32")})
