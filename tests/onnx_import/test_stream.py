"""Models of whole sequences in chunks: the outputs, joined, are those of the whole sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.models.graphs import Shape, graph, node, save
from tf2rust.errors import ConversionError, UsageError
from tf2rust.onnx_import.load import OnnxRuntime, run_onnx
from tf2rust.source import open_onnx, with_stream

FLOAT = TensorProto.FLOAT
CHUNKS = (1, 3, 1, 5, 2)
SIZES = {"n": 2, "t": sum(CHUNKS)}


def _weights(*shape: int) -> np.ndarray:
    return (np.random.default_rng(len(shape)).standard_normal(shape) / 2).astype(np.float32)


def _sequence(
    nodes: Sequence[onnx.NodeProto], x: Shape, y: Shape, opset: int = 18, **weights: np.ndarray
) -> onnx.ModelProto:
    return graph(nodes, {"x": (FLOAT, x)}, {"y": (FLOAT, y)}, weights, opset)


def convolutions() -> onnx.ModelProto:
    """Padding by the convolution itself, dilated, and on an axis before time; two convolutions share a history."""
    return _sequence(
        [
            node("Conv", ["x", "first"], ["a"], pads=[4, 0], dilations=[2]),
            node("Tanh", ["a"], ["b"]),
            node("Conv", ["b", "second"], ["c"], pads=[1, 0], kernel_shape=[2]),
            node("Conv", ["b", "third"], ["d"], pads=[1, 0]),
            node("Mul", ["c", "d"], ["y"]),
        ],
        ["n", 3, "t"],
        ["n", 3, "t"],
        first=_weights(4, 3, 3),
        second=_weights(3, 4, 2),
        third=_weights(3, 4, 2),
    )


def cropped() -> onnx.ModelProto:
    """Padding on both sides, and a crop of the steps that depend on later ones: a TCN of PyTorch."""
    return _sequence(
        [
            node("Conv", ["x", "w"], ["a"], pads=[4, 4], dilations=[2]),
            node("Slice", ["a", "zero", "end", "axis"], ["b"]),
            node("Relu", ["b"], ["c"]),
            node("Add", ["c", "x"], ["y"]),
        ],
        ["n", 3, "t"],
        ["n", 3, "t"],
        w=_weights(3, 3, 3),
        zero=np.array([0]),
        end=np.array([-4]),
        axis=np.array([2]),
    )


def images() -> onnx.ModelProto:
    """A convolution over time and frequency, padded in both by a Pad, with stride over frequency."""
    return _sequence(
        [
            node("Pad", ["x", "pads"], ["a"]),
            node("Conv", ["a", "w"], ["b"], strides=[1, 2]),
            node("Softmax", ["b"], ["c"], axis=1),
            node("ReduceMean", ["c", "frequencies"], ["y"], keepdims=0),
        ],
        ["n", 1, "t", 8],
        ["n", 4, "t"],
        pads=np.array([0, 0, 2, 1, 0, 0, 0, 1]),
        w=_weights(4, 1, 3, 3),
        frequencies=np.array([3]),
    )


def pools() -> onnx.ModelProto:
    """Averages that count the padding, and a maximum behind a Pad."""
    return _sequence(
        [
            node("AveragePool", ["x"], ["a"], kernel_shape=[3], pads=[2, 0], count_include_pad=1),
            node("Pad", ["a", "pads"], ["b"]),
            node("MaxPool", ["b"], ["y"], kernel_shape=[3]),
        ],
        ["n", 3, "t"],
        ["n", 3, "t"],
        pads=np.array([0, 0, 2, 0, 0, 0]),
    )


def shifted() -> onnx.ModelProto:
    """Every step minus the one before, which is 1 before the first one."""
    return _sequence(
        [
            node("Pad", ["x", "pads", "one"], ["a"]),
            node("Slice", ["a", "zero", "end", "axis"], ["b"]),
            node("Sub", ["x", "b"], ["y"]),
        ],
        [2, "t", 3],
        [2, "t", 3],
        pads=np.array([0, 1, 0, 0, 0, 0]),
        one=np.float32(1),
        zero=np.array([0]),
        end=np.array([-1]),
        axis=np.array([1]),
    )


def sums() -> onnx.ModelProto:
    return _sequence(
        [node("CumSum", ["x", "axis"], ["a"]), node("Mul", ["a", "w"], ["y"])],
        ["n", "t", 3],
        ["n", "t", 3],
        axis=np.array(1),
        w=_weights(3),
    )


def _recurrent(op: str, gates: int, states: int) -> onnx.ModelProto:
    """A recurrent layer, a Dense layer over all rows, and a LayerNormalization."""
    outputs = ["a", *[""] * states]
    return _sequence(
        [
            node(op, ["x", "w", "r", "b"], outputs, hidden_size=4),
            node("Squeeze", ["a", "one"], ["c"]),
            node("Transpose", ["c"], ["d"], perm=[1, 0, 2]),
            node("Shape", ["d"], ["shape"]),
            node("Reshape", ["d", "rows"], ["e"]),
            node("MatMul", ["e", "dense"], ["f"]),
            node("Reshape", ["f", "shape"], ["g"]),
            node("LayerNormalization", ["g", "scale"], ["y"]),
        ],
        ["t", "n", 3],
        ["n", "t", 4],
        w=_weights(1, gates * 4, 3),
        r=_weights(1, gates * 4, 4),
        b=_weights(1, gates * 8),
        one=np.array([1]),
        rows=np.array([-1, 4]),
        dense=_weights(4, 4),
        scale=_weights(4),
    )


def given_state() -> onnx.ModelProto:
    """An initial state of numbers, and one that is zero for every size of the batch."""
    return graph(
        [
            node("Shape", ["x"], ["shape"], start=1, end=2),
            node("Concat", ["one", "shape", "four"], ["size"], axis=0),
            node("ConstantOfShape", ["size"], ["zeros"]),
            node("RNN", ["x", "w", "r", "", "", "zeros"], ["a", ""], hidden_size=4),
            node("Squeeze", ["a", "one"], ["y"]),
        ],
        {"x": (FLOAT, ["t", "n", 3])},
        {"y": (FLOAT, ["t", "n", 4])},
        {"w": _weights(1, 4, 3), "r": _weights(1, 4, 4), "one": np.array([1]), "four": np.array([4])},
    )


def large_integers() -> onnx.ModelProto:
    """Padding that float64 cannot hold."""
    return graph(
        [
            node("Pad", ["x", "pads", "odd"], ["a"]),
            node("Slice", ["a", "zero", "end", "axis"], ["b"]),
            node("Sub", ["b", "odd"], ["c"]),
            node("Cast", ["c"], ["y"], to=FLOAT),
        ],
        {"x": (TensorProto.INT64, [2, "t", 3])},
        {"y": (FLOAT, [2, "t", 3])},
        {
            "pads": np.array([0, 1, 0, 0, 0, 0]),
            "odd": np.array((1 << 53) + 1),
            "zero": np.array([0]),
            "end": np.array([-1]),
            "axis": np.array([1]),
        },
    )


STREAMS: dict[str, Callable[[], onnx.ModelProto]] = {
    "convolutions": convolutions,
    "cropped": cropped,
    "images": images,
    "pools": pools,
    "shifted": shifted,
    "sums": sums,
    "lstm": lambda: _recurrent("LSTM", 4, 2),
    "gru": lambda: _recurrent("GRU", 3, 1),
    "rnn": lambda: _recurrent("RNN", 1, 1),
    "given state": given_state,
    "large integers": large_integers,
}


@pytest.mark.parametrize("name", STREAMS)
def test_chunks_are_parts_of_the_whole_sequence(tmp_path: Path, name: str) -> None:
    model = STREAMS[name]()
    source = with_stream(open_onnx(save(model, tmp_path / "m.onnx")), {}, "t")
    assert source.stream is not None
    infos = {info.name: info for info in source.proto.graph.input}
    sizes = {
        key: [SIZES.get(d.dim_param, d.dim_value) for d in info.type.tensor_type.shape.dim]
        for key, info in infos.items()
    }
    dtype = onnx.helper.tensor_dtype_to_np_dtype(infos["x"].type.tensor_type.elem_type)
    x = np.random.default_rng(1).standard_normal(sizes["x"]).astype(dtype)
    state = {s.input: np.zeros(sizes[s.input], np.float32) if s.initial is None else s.initial for s in source.states}
    runtime, made = OnnxRuntime(source.proto, source.weights), []
    for chunk in np.split(x, np.cumsum(CHUNKS)[:-1], axis=source.stream.axes["x"]):
        found = runtime({"x": chunk, **state})
        state = {s.input: found[s.output] for s in source.states}
        made.append(found["y"])
    expected = run_onnx(model, {"x": x})["y"]
    np.testing.assert_allclose(np.concatenate(made, axis=source.stream.axes["y"]), expected, atol=1e-5)


def test_equal_histories_are_kept_once(tmp_path: Path) -> None:
    source = with_stream(open_onnx(save(convolutions(), tmp_path / "m.onnx")), {}, "t")
    assert [state.input for state in source.states] == ["x/history", "b/history"]


TIME: Shape = ["n", "t", 4]
CHANNELS: Shape = ["n", 4, "t"]
_FAR = np.array([0, 10**10, 0, 0])
WORD = {"w": _weights(4, 4, 3)}
REFUSED: dict[str, tuple[onnx.ModelProto, list[str]]] = {
    "later steps": (
        _sequence([node("Conv", ["x", "w"], ["y"], pads=[1, 1])], CHANNELS, CHANNELS, **WORD),
        ["`node/y` (Conv) cannot run in chunks: it depends on later steps"],
    ),
    "same": (
        _sequence([node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER")], CHANNELS, CHANNELS, **WORD),
        ["its padding is SAME_UPPER"],
    ),
    "stride": (
        _sequence([node("Conv", ["x", "w"], ["y"], strides=[2], pads=[2, 0])], CHANNELS, ["n", 4, "s"], **WORD),
        ["it has stride 2 over time"],
    ),
    "shorter": (
        _sequence([node("Conv", ["x", "w"], ["y"])], CHANNELS, ["n", 4, "s"], **WORD),
        ["the steps of its result [n, 4, t - 2] are not those of `t`"],
    ),
    "smaller averages": (
        _sequence([node("AveragePool", ["x"], ["y"], kernel_shape=[3], pads=[2, 0])], CHANNELS, CHANNELS),
        ["its first windows are smaller"],
    ),
    "all at once": (
        _sequence(
            [
                node("Transpose", ["x"], ["k"], perm=[0, 2, 1]),
                node("MatMul", ["x", "k"], ["scores"]),
                node("Softmax", ["scores"], ["p"]),
                node("MatMul", ["p", "x"], ["a"]),
                node("ReduceMax", ["a", "one"], ["m"]),
                node("Sub", ["a", "m"], ["y"]),
            ],
            TIME,
            TIME,
            one=np.array([1]),
        ),
        ["`node/scores` (MatMul)", "`node/p` (Softmax)", "`node/a` (MatMul)", "`node/m` (ReduceMax)"],
    ),
    "flat": (
        _sequence([node("Reshape", ["x", "rows"], ["y"])], TIME, ["n", "s"], rows=np.array([0, -1])),
        ["the output `y` has no axis with a step for each step of `t`"],
    ),
    "reverse": (
        _sequence(
            [
                node("LSTM", ["x", "w", "r"], ["a"], hidden_size=4, direction="reverse"),
                node("Squeeze", ["a", "one"], ["y"]),
            ],
            ["t", "n", 4],
            ["t", "n", 4],
            w=_weights(1, 16, 4),
            r=_weights(1, 16, 4),
            one=np.array([1]),
        ),
        ["it reads the sequence backwards"],
    ),
    "last state": (
        _sequence(
            [node("GRU", ["x", "w", "r"], ["", "y"], hidden_size=4)],
            ["t", "n", 4],
            [1, "n", 4],
            w=_weights(1, 12, 4),
            r=_weights(1, 12, 4),
        ),
        ["its last state is used"],
    ),
    "positions": (
        _sequence(
            [
                node("Shape", ["x"], ["shape"], start=1, end=2),
                node("Squeeze", ["shape"], ["length"]),
                node("Range", ["zero", "length", "one"], ["range"]),
                node("Cast", ["range"], ["numbers"], to=FLOAT),
                node("Unsqueeze", ["numbers", "ones"], ["column"]),
                node("Add", ["x", "column"], ["y"]),
            ],
            TIME,
            TIME,
            zero=np.array(0),
            one=np.array(1),
            ones=np.array([1]),
        ),
        ["`node/y` (Add) cannot run in chunks: it uses the length of the sequence, or positions in it"],
    ),
    "a table of positions": (
        _sequence(
            [
                node("Shape", ["x"], ["length"], start=1, end=2),
                node("Slice", ["table", "zero", "length"], ["own"]),
                node("Add", ["x", "own"], ["y"]),
            ],
            TIME,
            TIME,
            table=_weights(64, 4),
            zero=np.array([0]),
        ),
        ["`node/y` (Add) cannot run in chunks: it uses the length of the sequence, or positions in it"],
    ),
    "reversed steps": (
        _sequence(
            [node("Slice", ["x", "last", "end", "axis", "last"], ["y"])],
            TIME,
            TIME,
            last=np.array([-1]),
            end=np.array([-(1 << 62)]),
            axis=np.array([1]),
        ),
        ["it takes steps by their position"],
    ),
    "two axes": (
        _sequence([node("CumSum", ["x", "axis"], ["y"])], ["t", "t", 3], ["t", "t", 3], axis=np.array(1)),
        ["the input `x` [t, t, 3] has more than one axis of steps", "`node/y` (CumSum)"],
    ),
    "much padding": (
        _sequence([node("Pad", ["x", "pads", "v"], ["y"])], [4, "t"], [4, "s"], pads=_FAR, v=np.float32(1)),
        ["it pads with 40000000000 elements that are not 0"],
    ),
    "padding without a value": (
        _sequence([node("Pad", ["x", "pads", "v"], ["y"])], [4, "t"], [4, "s"], pads=_FAR, v=np.zeros(0, np.float32)),
        ["its padding value has 0 elements instead of one"],
    ),
    "a sum along no axis": (
        _sequence([node("CumSum", ["x", "axis"], ["y"])], TIME, TIME, axis=np.zeros(0, np.int64)),
        ["its axis has 0 elements instead of one"],
    ),
    "steps in parts": (
        _sequence(
            [node("Reshape", ["x", "halves"], ["a"]), node("CumSum", ["a", "axis"], ["y"])],
            TIME,
            ["n", "s", 2],
            halves=np.array([0, -1, 2]),
            axis=np.array(1),
        ),
        ["`node/y` (CumSum) cannot run in chunks: it mixes the steps with other elements"],
    ),
    "no state": (_sequence([node("Relu", ["x"], ["y"])], TIME, TIME), ["treats every step by itself"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_mixes_steps_is_refused(tmp_path: Path, name: str) -> None:
    model, expected = REFUSED[name]
    with pytest.raises(ConversionError) as caught:
        with_stream(open_onnx(save(model, tmp_path / "m.onnx")), {}, "t")
    assert len(caught.value.reasons) == len(expected), caught.value.reasons
    for reason, part in zip(caught.value.reasons, expected, strict=True):
        assert part in reason


def test_the_dimension_must_exist(tmp_path: Path) -> None:
    source = open_onnx(save(sums(), tmp_path / "m.onnx"))
    for wrong in ("", "time", "x:", "x:2", "x:3", f"x:{'9' * 5000}", "y:1"):
        with pytest.raises(UsageError, match="no such symbolic dimension; it has: `n`, `t`"):
            with_stream(source, {}, wrong)
    assert with_stream(source, {}, "x:1").stream == with_stream(source, {}, "t").stream


def test_names_of_states_are_not_taken(tmp_path: Path) -> None:
    """A sum named like the state of the other, and two nodes of one name."""
    nodes = [node("CumSum", ["x", "axis"], ["k/sum"]), node("CumSum", ["k/sum", "axis"], ["y"])]
    for own in nodes:
        own.name = "k"
    model = _sequence(nodes, ["n", "t", 3], ["n", "t", 3], axis=np.array(1))
    source = with_stream(open_onnx(save(model, tmp_path / "m.onnx")), {}, "t")
    states = [(state.input, state.output) for state in source.states]
    assert states == [("k/sum_1", "k/sum_1_next"), ("k_2/sum", "k_2/sum_next")]
    onnx.checker.check_model(source.proto)


def test_an_input_without_time_is_refused(tmp_path: Path) -> None:
    model = graph(
        [node("CumSum", ["x", "axis"], ["a"]), node("Mul", ["a", "scale"], ["y"])],
        {"x": (FLOAT, TIME), "scale": (FLOAT, [4])},
        {"y": (FLOAT, TIME)},
        {"axis": np.array(1)},
    )
    with pytest.raises(ConversionError, match="the input `scale` has no axis `t`"):
        with_stream(open_onnx(save(model, tmp_path / "m.onnx")), {}, "t")
