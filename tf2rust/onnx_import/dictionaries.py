"""Outputs that are lists of dictionaries, which ``ZipMap`` makes, as arrays of their values.

y = ZipMap(scores)   →   y = Identity(scores)
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from tf2rust.stages import brief

_SHOWN = 20
"""The maximum number of class names in a note."""


def arrays_for_dictionaries(proto: onnx.ModelProto) -> Iterator[str]:
    """Replaces every ``ZipMap`` that computes an output in place. Yields a note for each.

    Its input has a row per sample and a column per class, so the array loses only the names of the columns.
    """
    outputs = {info.name: info for info in proto.graph.output}
    for node in proto.graph.node:
        if node.op_type != "ZipMap" or not {*node.output} <= {*outputs}:
            continue
        classes = [_name(item) for attribute in node.attribute for item in (*attribute.strings, *attribute.ints)]
        more = f", … ({len(classes)} in all)" if len(classes) > _SHOWN else ""
        yield (
            f"output `{brief(node.output[0])}` is a dictionary per sample in the model; the crate returns an array "
            f"with one column per class: {', '.join(classes[:_SHOWN])}{more}."
        )
        node.op_type, node.domain = "Identity", ""
        node.ClearField("attribute")
        outputs[node.output[0]].type.Clear()
        outputs[node.output[0]].type.tensor_type.elem_type = onnx.TensorProto.FLOAT


def _name(item: bytes | int) -> str:
    return brief(item.decode(errors="replace")) if isinstance(item, bytes) else str(item)
