"""Operators in several opsets: attributes that became inputs, and defaults and axes with changed meanings.

All cases of an opset become one model with an output for each; its crate is compared with ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.crates import Crates
from tf2rust.conversion import match_layers
from tf2rust.source import Source, open_onnx

OPSETS = (7, 9, 11, 13, 15, 18, 21, 24, 26, 28)
SHAPE = (2, 3, 4)
_IR_VERSIONS = {7: 3, 9: 4, 11: 6, 13: 7, 15: 8, 18: 8, 21: 10, 24: 11, 26: 13, 28: 13}


@dataclass(frozen=True)
class Spelling:
    """One node on ``x``, float32 [n, 3, 4] unless ``dims`` are given: its attributes, and inputs that are weights."""

    op: str
    attributes: Mapping[str, object]
    weights: tuple[np.ndarray | None, ...] = ()
    dims: tuple[int, ...] = SHAPE[1:]


def _ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def _moved(op: str, since: int, name: str, value: tuple[int, ...], **attributes: object) -> Callable[[int], Spelling]:
    """An attribute ``name`` that is an input from opset ``since`` on."""

    def spelling(opset: int) -> Spelling:
        if opset < since:
            return Spelling(op, {**attributes, name: list(value)})
        return Spelling(op, attributes, (_ints(*value),))

    return spelling


def _same(
    op: str, *weights: np.ndarray, dims: tuple[int, ...] = SHAPE[1:], **attributes: object
) -> Callable[[int], Spelling]:
    return lambda opset: Spelling(op, attributes, weights, dims)


def _slice(opset: int) -> Spelling:
    if opset < 10:
        return Spelling("Slice", {"axes": [1, 2], "starts": [1, 0], "ends": [3, -1]})
    return Spelling("Slice", {}, (_ints(1, 0), _ints(3, -1), _ints(1, 2)))


def _clip(opset: int) -> Spelling:
    if opset < 11:
        return Spelling("Clip", {"min": -0.5, "max": 0.75})
    return Spelling("Clip", {}, (np.float32(-0.5), np.float32(0.75)))


def _clip_below(opset: int) -> Spelling:
    return Spelling("Clip", {"min": 0.25}) if opset < 11 else Spelling("Clip", {}, (np.float32(0.25),))


def _pad(opset: int) -> Spelling:
    pads = (0, 1, 2, 0, 0, 1)
    if opset < 11:
        return Spelling("Pad", {"pads": list(pads), "value": 1.5})
    return Spelling("Pad", {}, (_ints(*pads), np.float32(1.5)))


def _dropout(opset: int) -> Spelling:
    return Spelling("Dropout", {"ratio": 0.3}) if opset < 12 else Spelling("Dropout", {}, (np.float32(0.3),))


def _ceil(opset: int, counted: int) -> Spelling:
    """A last window that reaches beyond the padding, if there is one."""
    mode = {"ceil_mode": 1} if opset >= 10 else {}
    return Spelling(
        "AveragePool", {"kernel_shape": [3], "strides": [2], "pads": [1, 1], "count_include_pad": counted, **mode}
    )


def _axis(op: str, axis: int | None) -> Callable[[int], Spelling]:
    return lambda opset: Spelling(op, {} if axis is None else {"axis": axis})


_STATISTICS = tuple(np.array(v, dtype=np.float32) for v in ([1, 2, 0.5], [0, 1, -1], [0.1, 0.2, 0.3], [1, 2, 0.25]))
_KERNEL = (np.arange(18, dtype=np.float32).reshape(2, 3, 3) - 8) / 10
_MATRIX = (np.arange(20, dtype=np.float32).reshape(4, 5) - 10) / 8

CASES: dict[str, Callable[[int], Spelling]] = {
    "squeeze": lambda opset: replace(_moved("Squeeze", 13, "axes", (1,))(opset), dims=(1, 4)),
    "unsqueeze": _moved("Unsqueeze", 13, "axes", (1,)),
    "reduce_sum": _moved("ReduceSum", 13, "axes", (2,), keepdims=0),
    "reduce_mean": _moved("ReduceMean", 18, "axes", (1, 2), keepdims=1),
    "reduce_max": _moved("ReduceMax", 18, "axes", (1,), keepdims=0),
    "slice": _slice,
    "clip": _clip,
    "clip_below": _clip_below,
    "pad": _pad,
    "dropout": _dropout,
    "softmax_1": _axis("Softmax", 1),
    "softmax_2": _axis("Softmax", 2),
    "softmax_default": _axis("Softmax", None),
    "log_softmax_1": _axis("LogSoftmax", 1),
    "batch_normalization": _same("BatchNormalization", *_STATISTICS, epsilon=0.01),
    "conv": _same("Conv", _KERNEL, np.array([0.5, -0.5], dtype=np.float32), pads=[1, 1]),
    "max_pool": _same("MaxPool", kernel_shape=[2], strides=[2]),
    "average_pool": _same("AveragePool", kernel_shape=[2], pads=[0, 1]),
    "average_pool_counted": _same("AveragePool", kernel_shape=[2], pads=[1, 1], count_include_pad=1),
    "average_pool_ceil": lambda opset: _ceil(opset, 0),
    "average_pool_ceil_counted": lambda opset: _ceil(opset, 1),
    "global_average_pool": _same("GlobalAveragePool"),
    "flatten": _same("Flatten"),
    "matmul": _same("MatMul", _MATRIX),
    "gemm": _same("Gemm", _MATRIX, np.ones(5, dtype=np.float32), dims=(4,), alpha=0.5),
    "add": _same("Add", np.arange(4, dtype=np.float32)),
    "reshape": _same("Reshape", _ints(0, -1)),
    "transpose": _same("Transpose", perm=[0, 2, 1]),
    "leaky_relu": _same("LeakyRelu", alpha=0.3),
    "elu": _same("Elu"),
    "sigmoid": _same("Sigmoid"),
    "selu": _same("Selu"),
    "softplus": _same("Softplus"),
    "hard_sigmoid": _same("HardSigmoid", alpha=0.25),
}


def _model(opset: int, names: list[str]) -> onnx.ModelProto:
    nodes, inputs, outputs, weights = [], [], [], []
    for name in names:
        case = CASES[name](opset)
        inputs.append(helper.make_tensor_value_info(f"{name}_x", TensorProto.FLOAT, ["n", *case.dims]))
        keys = [f"{name}_w{i}" for i in range(len(case.weights))]
        weights += [numpy_helper.from_array(np.asarray(w), k) for k, w in zip(keys, case.weights, strict=True)]
        if opset < 9:  # initializers were inputs too
            own = weights[len(weights) - len(keys) :]
            inputs += [helper.make_tensor_value_info(w.name, w.data_type, w.dims) for w in own]
        nodes.append(helper.make_node(case.op, [f"{name}_x", *keys], [name], name=f"node/{name}", **case.attributes))
        outputs.append(onnx.ValueInfoProto(name=name))
    graph = helper.make_graph(nodes, "opset", inputs, outputs, weights)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.example.unused", 1)]
    proto = helper.make_model(
        graph, opset_imports=opsets, ir_version=_IR_VERSIONS[opset], producer_name="another exporter"
    )
    inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
    onnx.checker.check_model(inferred)
    return inferred


def _source(folder: Path, opset: int, names: list[str], *, external: bool = False) -> Source:
    path = folder / f"opset{opset}_{len(names)}.onnx"
    location = f"{path.stem}.bin" if external else None
    onnx.save_model(_model(opset, names), path, save_as_external_data=external, location=location, size_threshold=0)
    return open_onnx(path)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("name", CASES)
def test_every_spelling_is_matched(tmp_path: Path, name: str, opset: int) -> None:
    listing, graph = match_layers(_source(tmp_path, opset, [name]))
    assert not listing.unmatched, [unmatched.sentence() for unmatched in listing.unmatched]
    assert [output for output, _ in graph.outputs] == [name]


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("opsets"))
    for opset in OPSETS:
        made.add(f"opset{opset}", _source(made.folder, opset, [*CASES], external=opset % 2 == 0))
    made.build()
    return made


@pytest.mark.parametrize("opset", OPSETS)
def test_crate_computes_what_onnx_runtime_computes(crates: Crates, opset: int) -> None:
    assert "0 failed" in crates.test(f"opset{opset}")
