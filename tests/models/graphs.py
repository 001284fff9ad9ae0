"""Small hand-made ONNX graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str]
_CLASSICAL = 3
"""The version of ``ai.onnx.ml``."""


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, tuple[int, Shape]],
    outputs: Mapping[str, tuple[int, Shape]],
    weights: Mapping[str, np.ndarray] | None = None,
    opset: int = 18,
) -> onnx.ModelProto:
    """A checked model; inputs and outputs by name, with dtype and shape."""

    def infos(values: Mapping[str, tuple[int, Shape]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(name, dtype, shape) for name, (dtype, shape) in values.items()]

    initializers = [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()]
    proto = helper.make_graph(list(nodes), "graph", infos(inputs), infos(outputs), initializers)
    imports = [helper.make_opsetid("", opset)]
    imports += [
        helper.make_opsetid(domain, 1 if domain == "com.microsoft" else _CLASSICAL)
        for domain in sorted({n.domain for n in nodes if n.domain})
    ]
    model = helper.make_model(proto, opset_imports=imports, ir_version=8)
    onnx.checker.check_model(model)
    return model


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> onnx.NodeProto:
    """A node named after its first output."""
    return helper.make_node(op, list(inputs), list(outputs), name=f"node/{outputs[0]}", **attributes)


def save(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def _weights(*shape: int) -> np.ndarray:
    size = int(np.prod(shape))
    return (np.sin(np.arange(size, dtype=np.float32) * 1.7) / 2).reshape(shape).astype(np.float32)


def mlp() -> onnx.ModelProto:
    """Dense relu, Dense softmax."""
    return graph(
        [
            node("Gemm", ["x", "w0", "b0"], ["h0"]),
            node("Relu", ["h0"], ["h1"]),
            node("MatMul", ["h1", "w1"], ["h2"]),
            node("Softmax", ["h2"], ["y"], axis=-1),
        ],
        {"x": (TensorProto.FLOAT, ["batch", 5])},
        {"y": (TensorProto.FLOAT, ["batch", 3])},
        {"w0": _weights(5, 4), "b0": _weights(4), "w1": _weights(4, 3)},
    )


def two_inputs() -> onnx.ModelProto:
    """Characters through Embedding, Conv1D and a maximum over time, beside a Dense, then both concatenated."""
    return graph(
        [
            node("Gather", ["table", "characters"], ["e"], axis=0),
            node("Transpose", ["e"], ["t"], perm=[0, 2, 1]),
            node("Conv", ["t", "kernel", "bias"], ["c"], kernel_shape=[3], pads=[2, 0]),
            node("Tanh", ["c"], ["a"]),
            node("ReduceMax", ["a", "time"], ["m"], keepdims=0),
            node("MatMul", ["numbers", "w0"], ["d"]),
            node("Concat", ["m", "d"], ["both"], axis=1),
            node("MatMul", ["both", "w1"], ["z"]),
            node("Sigmoid", ["z"], ["score"]),
        ],
        {"characters": (TensorProto.INT64, ["batch", "time"]), "numbers": (TensorProto.FLOAT, ["batch", 3])},
        {"score": (TensorProto.FLOAT, ["batch", 1]), "d": (TensorProto.FLOAT, ["batch", 2])},
        {
            "table": _weights(11, 4),
            "kernel": _weights(6, 4, 3),
            "bias": _weights(6),
            "time": np.array([2]),
            "w0": _weights(3, 2),
            "w1": _weights(8, 1),
        },
    )


def image() -> onnx.ModelProto:
    """Four kinds of convolutions (few channels, Winograd, depthwise, pointwise), pooling, and a Dense."""
    kernels = {"k0": (16, 3, 3, 3), "k1": (32, 16, 3, 3), "k2": (32, 1, 3, 3), "k3": (24, 32, 1, 1)}
    border = [1, 1, 1, 1]
    return graph(
        [
            node("Conv", ["x", "k0", "b0"], ["c0"], kernel_shape=[3, 3], pads=border),
            node("Relu", ["c0"], ["a0"]),
            node("Conv", ["a0", "k1"], ["c1"], kernel_shape=[3, 3], pads=border),
            node("Sigmoid", ["c1"], ["a1"]),
            node("MaxPool", ["a1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
            node("Conv", ["p1", "k2"], ["c2"], kernel_shape=[3, 3], pads=border, group=32),
            node("Conv", ["c2", "k3"], ["c3"], kernel_shape=[1, 1]),
            node("GlobalAveragePool", ["c3"], ["p3"]),
            node("Flatten", ["p3"], ["f"]),
            node("Gemm", ["f", "w", "b"], ["y"]),
        ],
        {"x": (TensorProto.FLOAT, ["batch", 3, 12, 12])},
        {"y": (TensorProto.FLOAT, ["batch", 10])},
        {name: _weights(*shape) for name, shape in kernels.items()}
        | {"b0": _weights(16), "w": _weights(24, 10), "b": _weights(10)},
    )


def control() -> onnx.ModelProto:
    """A loop over windows of rows whose steps branch, inside a loop that a condition ends."""
    float_, bools = TensorProto.FLOAT, TensorProto.BOOL

    def body(inputs: Mapping[str, int], nodes: Sequence[onnx.NodeProto], outputs: Sequence[str]) -> onnx.GraphProto:
        infos = [helper.make_tensor_value_info(n, t, None if t == float_ else []) for n, t in inputs.items()]
        return helper.make_graph(list(nodes), "body", infos, [onnx.ValueInfoProto(name=name) for name in outputs])

    step = body(
        {"h": float_, "row": float_},
        [
            node("MatMul", ["row", "kernel"], ["in"]),
            node("MatMul", ["h", "recurrent"], ["back"]),
            node("Add", ["in", "back"], ["sum"]),
            node("ReduceMax", ["sum"], ["top"], keepdims=0),
            node("Less", ["top", "one"], ["is_small"]),
            node(
                "If",
                ["is_small"],
                ["h1"],
                then_branch=body({}, [node("Tanh", ["sum"], ["small"])], ["small"]),
                else_branch=body({}, [node("Div", ["sum", "top"], ["large"])], ["large"]),
            ),
            node("Sub", ["h1", "h"], ["change"]),
        ],
        ["h1", "change"],
    )
    grow = body(
        {"i": TensorProto.INT64, "goes_on": bools, "s": float_},
        [
            node("Mul", ["s", "growth"], ["s1"]),
            node("ReduceMin", ["s1"], ["low"], keepdims=0),
            node("Less", ["low", "one"], ["goes_on_1"]),
        ],
        ["goes_on_1", "s1"],
    )
    return graph(
        [
            node("Scan", ["start", "rows"], ["last", "changes"], body=step, num_scan_inputs=1),
            node("Exp", ["last"], ["positive"]),
            node("Loop", ["most", "", "positive"], ["grown"], body=grow),
        ],
        {"rows": (float_, ["t", 4, 2])},
        {"changes": (float_, ["t", 4, 3]), "grown": (float_, [4, 3])},
        {
            "start": _weights(4, 3),
            "kernel": _weights(2, 3),
            "recurrent": _weights(3, 3),
            "one": np.float32(1),
            "growth": np.float32(1.5),
            "most": np.int64(20),
        },
    )


def numbers() -> onnx.ModelProto:
    """Numbers near mathematical constants, an irrelevant branch, integers, and bools."""
    float_ = TensorProto.FLOAT
    branch = helper.make_graph(
        [node("Identity", ["turned"], ["same"])], "branch", [], [onnx.ValueInfoProto(name="same")]
    )
    nodes = [
        node("Clip", ["x", "low", "high"], ["turned"]),
        node("If", ["yes"], ["either"], then_branch=branch, else_branch=branch),
        node("Mul", ["either", "root"], ["scaled"]),
        node("Elu", ["scaled"], ["y"], alpha=2.7182817),
        node("Cast", ["y"], ["whole"], to=TensorProto.INT64),
        node("Greater", ["y", "root"], ["is_large"]),
    ]
    return graph(
        nodes,
        {"x": (float_, ["n", 3]), "yes": (TensorProto.BOOL, [])},
        {"y": (float_, ["n", 3]), "whole": (TensorProto.INT64, ["n", 3]), "is_large": (TensorProto.BOOL, ["n", 3])},
        {"low": np.float32(-np.pi), "high": np.float32(np.pi), "root": np.float32(np.sqrt(0.5))},
    )


def words() -> onnx.ModelProto:
    """Strings in and out: each word with an exclamation mark, and whether it is a certain one."""
    return graph(
        [
            node("StringConcat", ["words", "mark"], ["shouted"]),
            node("Equal", ["words", "wanted"], ["found"]),
        ],
        {"words": (TensorProto.STRING, ["batch"])},
        {"shouted": (TensorProto.STRING, ["batch"]), "found": (TensorProto.BOOL, ["batch"])},
        {"mark": np.array(["!"], object), "wanted": np.array(["é"], object)},
        opset=20,
    )


def hostile() -> onnx.ModelProto:
    """Names that would break or inject code if they were pasted: quotes, comments, templates, keywords."""
    x, y, z = 'in"put\n*/ /* {{ 7 * 7 }} {% raw %}', "`](x)```\\", "Type"
    up = "../\u8f93\u51fa/\u202eé"
    nodes = [
        helper.make_node("MatMul", [x, "fn"], ["match"], name='"; std::process::exit(3); //'),
        helper.make_node("Relu", ["match"], ["as"], name="*/ compile_error!() /*\r\n// {{ self }}"),
        helper.make_node("MatMul", ["as", "self"], ["a b"], name="a b"),
        helper.make_node("Tanh", ["a b"], [y], name="a_b"),
        helper.make_node("MatMul", ["as", "\u202ecrate"], ["a-b"], name="a-b"),
        helper.make_node("Sigmoid", ["a-b"], [z], name="é/\u202e"),
        helper.make_node("Add", ["a b", "a-b"], ["type"], name=""),
        helper.make_node("Sin", ["a b"], [up], name="{% endraw %}\u2028\u0000"),
    ]
    dims: Shape = ['"); panic!("', 4]
    out: Shape = ['"); panic!("', 2]
    return graph(
        nodes,
        {x: (TensorProto.FLOAT, dims)},
        {
            y: (TensorProto.FLOAT, out),
            z: (TensorProto.FLOAT, out),
            "type": (TensorProto.FLOAT, out),
            up: (TensorProto.FLOAT, out),
        },
        {"fn": _weights(4, 4), "self": _weights(4, 2), "\u202ecrate": _weights(4, 2)},
    )
