"""The classes of a classifier: integers or strings."""

from __future__ import annotations

import numpy as np
from onnx import numpy_helper

from tf2rust.ops.core.function_body import Body
from tf2rust.ops.core.inference import OWN_DOMAIN, Node, texts
from tf2rust.ops.text.lookup import LOOKUP


def class_labels(node: Node, integers: str) -> list[int] | list[str]:
    """The labels by class: the attribute ``integers`` or ``classlabels_strings``; empty without both."""
    numbers, strings = node.attr(integers) or [], node.attr("classlabels_strings") or []
    return list(numbers) or texts(np.asarray(strings, object)).tolist()


def label_at(body: Body, labels: list[int] | list[str], index: str) -> str:
    """The label of the class at each ``index``."""
    if isinstance(labels[0], int):
        return body.op("Gather", body.constant(labels, "int64"), index)
    return looked_up(body, index, np.arange(len(labels)), np.asarray(labels, object), labels[0])


def looked_up(body: Body, x: str, keys: np.ndarray, values: np.ndarray, default: int | float | str) -> str:
    """The value of the key that equals x, or the default."""
    tensors = {"keys": keys, "values": values, "default": np.asarray([default], values.dtype)}
    return body.op(LOOKUP, x, domain=OWN_DOMAIN, **{k: numpy_helper.from_array(t) for k, t in tensors.items()})
