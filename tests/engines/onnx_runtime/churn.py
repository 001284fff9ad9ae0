"""The interface of the generated package on ONNX Runtime, so that the same recipes measure both."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import onnxruntime
import pyarrow as pa


class Model:
    def __init__(self) -> None:
        # One thread per prediction, like the generated crate: the engines run several predictions at a time.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["CHURN_ONNX"], options)

    def predict(self, features: np.ndarray) -> np.ndarray:
        return self._session.run(None, {"features": features})[0]

    def predict_arrow(self, data: Any) -> pa.Table:
        if isinstance(data, pa.StructArray):
            data = pa.RecordBatch.from_struct_array(data)
        columns = pa.table(data).columns
        features = np.column_stack([column.to_numpy() for column in columns])
        return pa.table({"score": self.predict(features)[:, 0]})
