"""Where ONNX Runtime departs from the ONNX specification, and replacement nodes that it computes as specified."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tf2rust.onnx_import.weights import without_weights

Nodes = list[onnx.NodeProto]
Sizes = dict[str, tuple[int | None, ...]]


@dataclass(frozen=True)
class Departure:
    """How ONNX Runtime computes some operators differently.

    ``instead`` returns replacement nodes for a node, or None if ONNX Runtime computes the node as specified. Its
    argument has the sizes of all known tensors.
    """

    operators: tuple[str, ...]
    what: str
    instead: Callable[[onnx.NodeProto, Sizes], Nodes | None]
    since: int = 1
    """The first operator set that has the replacement nodes."""


def as_specified(proto: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """Returns the model with replacement nodes, and a note for each kind of departure.

    A model without affected nodes is returned unchanged.
    """
    concerned = {op for departure in DEPARTURES for op in departure.operators}
    if not any(node.op_type in concerned for node in proto.graph.node):
        return proto, []
    copy, notes = onnx.ModelProto(), dict[str, None]()
    copy.CopyFrom(proto)
    sizes = _sizes(proto)
    version = max((i.version for i in proto.opset_import if i.domain in ("", "ai.onnx")), default=1)
    known = [departure for departure in DEPARTURES if departure.since <= version]
    nodes: Nodes = []
    for node in copy.graph.node:
        other = None
        for departure in known:
            if node.op_type in departure.operators and (other := departure.instead(node, sizes)) is not None:
                notes[f"ONNX Runtime departs from the ONNX specification: {departure.what}"] = None
                break
        nodes += [node] if other is None else other
    if not notes:
        return proto, []
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy, [f"{note}; the crate follows the specification." for note in notes]


def _sizes(proto: onnx.ModelProto) -> Sizes:
    graph = proto.graph
    with suppress(Exception):  # A failure here only means that less is known.
        graph = onnx.shape_inference.infer_shapes(without_weights(proto)).graph
    return {
        info.name: tuple(d.dim_value if d.HasField("dim_value") else None for d in info.type.tensor_type.shape.dim)
        for info in (*graph.input, *graph.value_info, *graph.output)
        if info.type.tensor_type.HasField("shape")
    }


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _without(node: onnx.NodeProto, *names: str) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    copy.attribute.extend(a for a in node.attribute if a.name not in names)
    return copy


def _constant(name: str, number: Any) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(number)))


def _link_of_one_target(node: onnx.NodeProto, sizes: Sizes) -> Nodes | None:
    del sizes
    given = _attributes(node)
    links = {b"LOGISTIC": "Sigmoid", b"SOFTMAX": "Softmax"}
    link = links.get(given.get("post_transform", b"NONE"))
    if link is None or given.get("n_targets", 1) != 1:
        return None
    plain, scores = _without(node, "post_transform"), f"{node.output[0]}/scores"
    plain.output[0] = scores
    return [plain, helper.make_node(link, [scores], [node.output[0]])]


def _label_of_two_classes(node: onnx.NodeProto, sizes: Sizes) -> Nodes | None:
    """The label of the class with the highest score."""
    del sizes
    given = _attributes(node)
    labels = given.get("classlabels_int64s", [])
    if len(labels) != 2 or len(set(given.get("class_ids", []))) != 2 or not node.output[0]:
        return None
    copy, label = _without(node), node.output[0]
    copy.output[0] = f"{label}/of_runtime"
    scores = copy.output[1] if len(copy.output) > 1 and copy.output[1] else f"{label}/scores"
    copy.output[:] = [copy.output[0], scores]
    return [
        copy,
        helper.make_node("ArgMax", [scores], [f"{label}/best"], axis=1, keepdims=0),
        _constant(f"{label}/labels", np.array(labels, np.int64)),
        helper.make_node("Gather", [f"{label}/labels", f"{label}/best"], [label]),
    ]


def _no_steps(node: onnx.NodeProto, sizes: Sizes) -> Nodes | None:
    """Without a step, the last state is the initial state, and there are no states of steps."""
    given = _attributes(node)
    if given.get("layout", 0) != 0 or sizes.get(node.input[0], (None,))[0] != 0:
        return None
    prefix, nodes = f"{node.name}/{next(filter(None, node.output), '')}", Nodes()

    def op(kind: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"{prefix}/{len(nodes)}"], **attributes))
        return str(nodes[-1].output[0])

    def numbers(*values: int) -> str:
        return op("Constant", value=numpy_helper.from_array(np.array(values)))

    def first_state(index: int) -> str:
        if len(node.input) > index and node.input[index]:
            return str(node.input[index])
        batch = op("Gather", op("Shape", node.input[0]), numbers(1))
        directions = 2 if given.get("direction") == b"bidirectional" else 1
        shape = op("Concat", numbers(directions), batch, numbers(given["hidden_size"]), axis=0)
        return op("ConstantOfShape", shape)

    for i, output in enumerate(node.output):
        if output and i == 0:
            steps = op("Unsqueeze", first_state(5), numbers(0))
            nodes.append(helper.make_node("Slice", [steps, numbers(0), numbers(0), numbers(0)], [output]))
        elif output:
            nodes.append(helper.make_node("Identity", [first_state(4 + i)], [output]))
    return nodes


def _window_in_the_padding(node: onnx.NodeProto, sizes: Sizes) -> Nodes | None:
    """A Pad node in front of the pooling, with −∞ or with zeros that count."""
    given = _attributes(node)
    kernel, pads = given.get("kernel_shape", []), given.get("pads", [])
    counted = node.op_type != "AveragePool" or given.get("count_include_pad", 0) == 1
    plain = set(given) <= {"kernel_shape", "pads", "strides", "dilations", "count_include_pad"}
    if not pads or len(node.output) > 1 or not counted or not plain or sizes.get(node.input[0]) is None:
        return None
    if all(pad < kernel[axis % len(kernel)] for axis, pad in enumerate(pads)):
        return None
    begins, ends = pads[: len(kernel)], pads[len(kernel) :]
    y = node.output[0]
    padded, widths, fill, found = (f"{y}/{part}" for part in ("padded", "pads", "fill", "found"))
    is_max = node.op_type == "MaxPool"
    bare = _without(node, "pads", "count_include_pad")
    bare.input[0] = padded
    nodes = [
        _constant(widths, np.array([0, 0, *begins, 0, 0, *ends])),
        _constant(fill, np.float32(-np.inf if is_max else 0)),
        helper.make_node("Pad", [node.input[0], widths, fill], [padded]),
        bare,
    ]
    if is_max:  # ONNX Runtime's maximum of −∞ alone is the lowest finite number
        bare.output[0] = found
        nodes += [
            _constant(f"{y}/lowest", np.finfo(np.float32).min),
            helper.make_node("Equal", [found, f"{y}/lowest"], [f"{y}/empty"]),
            helper.make_node("Where", [f"{y}/empty", fill, found], [y]),
        ]
    return nodes


def _exact_inputs(node: onnx.NodeProto, sizes: Sizes) -> Nodes | None:
    del sizes
    return [_without(node, "accuracy_level")] if _attributes(node).get("accuracy_level", 0) > 1 else None


DEPARTURES: Sequence[Departure] = (
    Departure(
        ("MatMulNBits",),
        "at accuracy_level 4, it quantizes the inputs of a MatMulNBits",
        _exact_inputs,
    ),
    Departure(
        ("TreeEnsembleRegressor",),
        "it ignores the post_transform of a TreeEnsembleRegressor with one target",
        _link_of_one_target,
    ),
    Departure(
        ("TreeEnsembleClassifier",),
        "if each of two classes has scores, it returns 1 or 0 as the label, depending on the sign of the second score",
        _label_of_two_classes,
    ),
    Departure(
        ("LSTM", "GRU", "RNN"),
        "for sequences without a step, it returns zero as the last state of a recurrent node instead of the "
        "initial state, or crashes",
        _no_steps,
        since=13,
    ),
    Departure(
        ("MaxPool", "AveragePool"),
        "it rejects pooling windows that are entirely in the padding",
        _window_in_the_padding,
        since=11,
    ),
)
"""All departures; tests show that each exists in the installed ONNX Runtime."""
