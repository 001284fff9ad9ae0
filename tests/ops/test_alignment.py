"""Broadcast operands before and after every layer that others can fuse.

All axes have the same size: an operand along a wrong axis still broadcasts, and only the numbers show it. Each model
has one output for each shape of the operand: of every rank from 0 to one more than that of the other tensor, and with a
1 for every subset of the axes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.conformance.judge import PASS, Result, judge
from tests.conformance.suite import Case, DataSet
from tf2rust.onnx_import.load import run_onnx

SIZE = 4
Shape = tuple[int, ...]
OPSET = 21


@dataclass
class Graph:
    """A model under construction, one output at a time, and the arrays that it is fed."""

    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    feeds: dict[str, np.ndarray] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=f"{op}_{name}", **attributes))
        return name

    def weight(self, array: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = np.asarray(array)
        return name

    def floats(self, *shape: int) -> np.ndarray:
        return np.asarray(self.rng.uniform(0.5, 2, shape), np.float32)

    def vector(self, count: int = SIZE) -> str:
        return self.weight(self.floats(count))

    def feed(self, array: np.ndarray) -> str:
        name = f"x{len(self.feeds)}"
        self.feeds[name] = np.asarray(array)
        return name

    def case(self, name: str) -> Case:
        infos = [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in self.feeds.items()
        ]
        made = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in self.outputs]
        weights = [numpy_helper.from_array(a, n) for n, a in self.weights.items()]
        graph = helper.make_graph(self.nodes, name, infos, made, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        model = onnx.shape_inference.infer_shapes(model)
        return Case("alignment", name, model, (DataSet(self.feeds, run_onnx(model, self.feeds)),), 0.0, 0.0)


Build = Callable[[Graph, str], str]


def _op(name: str, **attributes: Any) -> Build:
    return lambda g, x: g.node(name, x, **attributes)


def _matmul(g: Graph, x: str) -> str:
    return g.node("MatMul", x, g.weight(g.floats(SIZE, SIZE) - 1))


def _gemm(c: Shape | None) -> Build:
    """With a third input of this shape."""

    def build(g: Graph, x: str) -> str:
        given = [x, g.weight(g.floats(SIZE, SIZE) - 1)]
        return g.node("Gemm", *given, *([] if c is None else [g.weight(g.floats(*c))]))

    return build


def _conv(op: str, rank: int, group: int, width: int) -> Build:
    def build(g: Graph, x: str) -> str:
        kernel = g.weight(g.floats(SIZE, SIZE // group, *[width] * rank) - 1)
        pads = [width // 2] * 2 * rank
        return g.node(op, x, kernel, g.vector(), group=group, pads=pads, kernel_shape=[width] * rank)

    return build


def _batch_normalization(g: Graph, x: str) -> str:
    return g.node("BatchNormalization", x, *(g.vector() for _ in range(4)))


def _scaled(op: str, **attributes: Any) -> Build:
    """A normalisation with a scale and a bias per channel; epsilon avoids 0 / 0."""
    return lambda g, x: g.node(op, x, g.vector(), g.vector(), epsilon=0.1, **attributes)


def _mean(g: Graph, x: str, axes: Sequence[int]) -> str:
    return g.node("ReduceMean", x, g.weight(np.asarray(axes)), keepdims=1)


def _spelled(*axes: int) -> Build:
    """A LayerNormalization as PyTorch writes it."""

    def build(g: Graph, x: str) -> str:
        centred = g.node("Sub", x, _mean(g, x, axes))
        variance = _mean(g, g.node("Pow", centred, g.weight(np.float32(2))), axes)
        guarded = g.node("Add", variance, g.weight(np.float32(1e-3)))
        return g.node("Div", centred, g.node("Sqrt", guarded))

    return build


def _rms(g: Graph, x: str) -> str:
    guarded = g.node("Add", _mean(g, g.node("Mul", x, x), [-1]), g.weight(np.float32(1e-3)))
    return g.node("Mul", x, g.node("Reciprocal", g.node("Sqrt", guarded)))


def _reshaped(*shape: int) -> Build:
    return lambda g, x: g.node("Reshape", x, g.weight(np.asarray(shape)))


def _chain(*builds: Build) -> Build:
    def build(g: Graph, x: str) -> str:
        for step in builds:
            x = step(g, x)
        return x

    return build


SWAP = _op("Transpose", perm=[0, 2, 1])
POOL = {"kernel_shape": [3], "pads": [1, 1]}
POOL_2D = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}

LAYERS: dict[str, tuple[int, Build]] = {
    **{f"nothing_{rank}": (rank, _op("Identity")) for rank in range(5)},
    **{f"relu_{rank}": (rank, _op("Relu")) for rank in (1, 3)},
    **{f"dense_{rank}": (rank, _matmul) for rank in (1, 2, 3, 4)},
    **{
        f"gemm_{'_'.join(map(str, shape or ['none']))}": (2, _gemm(shape))
        for shape in (None, (), (1,), (SIZE,), (1, 1), (1, SIZE), (SIZE, 1), (SIZE, SIZE))
    },
    "conv_1d": (3, _conv("Conv", 1, 1, 3)),
    "conv_1d_of_one": (3, _conv("Conv", 1, 1, 1)),
    "conv_groups": (3, _conv("Conv", 1, 2, 1)),
    "conv_depthwise": (3, _conv("Conv", 1, SIZE, 3)),
    "conv_2d": (4, _conv("Conv", 2, 1, 1)),
    "conv_transpose": (3, _conv("ConvTranspose", 1, 1, 3)),
    "conv_channels_last": (3, _chain(SWAP, _conv("Conv", 1, 1, 1), SWAP)),
    **{f"batch_normalization_{rank}": (rank, _batch_normalization) for rank in (2, 3, 4)},
    "layer_normalization": (3, _scaled("LayerNormalization")),
    "layer_normalization_plain": (3, _spelled(-1)),
    "layer_normalization_middle": (3, _spelled(1)),
    "layer_normalization_two": (4, _spelled(2, 3)),
    "layer_normalization_channels": (4, _chain(_op("Transpose", perm=[0, 2, 3, 1]), _spelled(-1))),
    "rms_normalization": (3, _rms),
    "instance_normalization": (3, _scaled("InstanceNormalization")),
    "group_normalization": (4, _scaled("GroupNormalization", num_groups=2)),
    "lp_normalization": (3, _op("LpNormalization", axis=1)),
    "max_pool": (3, _op("MaxPool", **POOL)),
    "average_pool": (4, _op("AveragePool", **POOL_2D)),
    "softmax": (3, _op("Softmax", axis=1)),
    "transpose": (3, _op("Transpose", perm=[2, 0, 1])),
    "dense_split": (2, _chain(_matmul, _reshaped(2, 2, 4))),
    "dense_parts": (2, _chain(_matmul, _reshaped(4, 2, 2))),
    "dense_flat": (3, _chain(_matmul, _reshaped(16, 4))),
    "dense_of_flat": (3, _chain(_reshaped(4, 16), lambda g, x: g.node("MatMul", x, g.weight(g.floats(16, 4) - 1)))),
    "conv_flat": (4, _chain(_conv("Conv", 2, 1, 1), _reshaped(4, 4, 16))),
    "conv_tokens": (4, _chain(_conv("Conv", 2, 1, 1), _reshaped(4, 4, 16), SWAP)),
    "clip": (3, lambda g, x: g.node("Clip", x, g.weight(np.float32(0.7)), g.weight(np.float32(1.6)))),
}


def shapes(beside: Shape, wider: bool = True) -> Iterator[Shape]:
    """The shapes of all operands that broadcast with a tensor of shape ``beside``; with ``wider`` also of a higher
    rank.
    """
    for rank in range(len(beside) + 1 + wider):
        full = ((SIZE,) * rank + beside)[-rank:] if rank else ()
        yield from product(*((1, size) if size > 1 else (1,) for size in full))


def _combine(g: Graph, op: str, x: str, operand: str) -> str:
    if op.startswith("reversed"):
        return g.node(op.removeprefix("reversed"), operand, x)
    if op == "Where":
        mask = g.node("Less", operand, g.weight(np.float32(1.2)))
        return g.node("Where", mask, x, g.weight(np.float32(-0.25)))
    return g.node(op, x, operand)


OPS = ("Add", "Mul", "Sub", "Div", "reversedSub", "Max", "Min", "Where", "PRelu")
KINDS = ("constant", "given", "filled")


def _operand(g: Graph, kind: str, shape: Shape) -> str:
    if kind == "filled":
        return g.weight(np.full(shape, 1.25, np.float32))
    array = g.floats(*shape)
    return g.weight(array) if kind == "constant" else g.feed(array)


def _shape_behind(rank: int, build: Build) -> Shape:
    g = Graph(np.random.default_rng(0))
    g.outputs.append(g.node("Identity", build(g, g.feed(g.floats(*[SIZE] * rank)))))
    return tuple(next(iter(g.case("shape").sets[0].outputs.values())).shape)


def model(layer: str, place: str, turn: int = 0) -> Case:
    """The layer with operands of all shapes before or after it, by each op and of each kind in turn."""
    rank, build = LAYERS[layer]
    g = Graph(np.random.default_rng(7))
    x = g.feed(g.floats(*[SIZE] * rank) - 1)
    beside = (SIZE,) * rank if place == "front" else _shape_behind(rank, build)
    for i, shape in enumerate(shapes(beside, wider=place == "behind"), start=turn):
        op = OPS[i % len(OPS)]
        if op == "PRelu" and len(shape) > len(beside):  # slopes that widen x are not allowed
            op = "Add"
        operand = _operand(g, KINDS[i // len(OPS) % len(KINDS)], shape)
        if place == "front":
            made = build(g, _combine(g, op, g.node("Neg", x), operand))
        else:
            made = _combine(g, op, build(g, x), operand)
        g.outputs.append(made)
    return g.case(f"{layer}_{place}")


def attention(rank: int, kind: str) -> Case:
    """softmax(scale · q·kᵀ + mask) · v with masks of all shapes; ``kind`` is how they are applied."""
    g = Graph(np.random.default_rng(8))
    q, k, v = (g.feed(g.floats(*[SIZE] * rank) - 1) for _ in "qkv")
    turned = [*range(rank - 2), rank - 1, rank - 2]
    for shape in shapes((SIZE,) * rank):
        scores = g.node("MatMul", q, g.node("Transpose", k, perm=turned))
        if kind == "scaled":
            scores = g.node("Mul", scores, g.weight(np.full(shape, 0.5, np.float32)))
        elif kind == "added":
            scores = g.node("Add", scores, _operand(g, "given", shape))
        elif kind == "constant":
            scores = g.node("Add", scores, _operand(g, "constant", shape))
        else:
            keep = g.node("Less", _operand(g, "given", shape), g.weight(np.float32(1.2)))
            fill = np.full(shape if kind == "filled" else (), -9, np.float32)
            scores = g.node("Where", keep, scores, g.weight(fill))
        g.outputs.append(g.node("MatMul", g.node("Softmax", scores, axis=-1), v))
    return g.case(f"attention_{rank}_{kind}")


def gelu(wide: int) -> Case:
    """x / 2 · (1 + erf(x / √2)), one of whose three numbers is a tensor of any shape."""
    g = Graph(np.random.default_rng(9))
    x = g.feed(g.floats(SIZE, SIZE) - 1)
    for shape in shapes((SIZE, SIZE)):
        half, one, root = (
            g.weight(np.full(shape if i == wide else (), number, np.float32))
            for i, number in enumerate((0.5, 1, np.sqrt(2)))
        )
        gate = g.node("Add", g.node("Erf", g.node("Div", x, root)), one)
        g.outputs.append(g.node("Mul", g.node("Mul", x, half), gate))
    return g.case(f"gelu_{wide}")


# How what was reduced over the last axis of three meets the tensor again; all but the first two are other functions.
SPREADS: dict[str, tuple[int, Sequence[Build]]] = {
    "kept": (1, ()),
    "given_back": (0, [_reshaped(4, 4, 1)]),
    "expanded": (0, [_reshaped(4, 4, 1), lambda g, x: g.node("Expand", x, g.weight(np.asarray([4, 4, 4])))]),
    "lost": (0, ()),
    "elsewhere": (0, [_reshaped(4, 1, 4)]),
    "turned": (1, [_reshaped(1, 4, 4)]),
    "lost_expanded": (0, [lambda g, x: g.node("Expand", x, g.weight(np.asarray([4, 4, 4])))]),
}


def _reduced(g: Graph, op: str, x: str, keepdims: int) -> str:
    return g.node(op, x, g.weight(np.asarray([-1])), keepdims=keepdims)


def spread(spread: str) -> Case:
    """Softmax as JAX and LayerNormalization as Flax write them: one or both reductions are expanded this way."""
    g = Graph(np.random.default_rng(10))
    x = g.feed(g.floats(SIZE, SIZE, SIZE) - 1)
    for ways in ((spread, "kept"), ("kept", spread), (spread, spread)):
        (keep, back), (keep_2, back_2) = (SPREADS[way] for way in ways)
        highest = _reduced(g, "ReduceMax", x, keep)
        floor = _chain(*back)(g, g.node("Max", g.weight(np.float32(-np.inf)), highest))
        powers = g.node("Exp", g.node("Sub", x, floor))
        g.outputs.append(g.node("Div", powers, _chain(*back_2)(g, _reduced(g, "ReduceSum", powers, keep_2))))
        quarter, zero = g.weight(np.float32(0.25)), g.weight(np.float32(0))
        mean = g.node("Mul", _reduced(g, "ReduceSum", x, keep), quarter)
        squares = g.node("Mul", _reduced(g, "ReduceSum", g.node("Mul", x, x), keep), quarter)
        variance = g.node("Max", zero, g.node("Sub", squares, g.node("Mul", mean, mean)))
        guarded = g.node("Add", _chain(*back_2)(g, variance), g.weight(np.float32(0.1)))
        scale = g.node("Mul", g.node("Reciprocal", g.node("Sqrt", guarded)), g.vector())
        centred = g.node("Sub", x, _chain(*back)(g, mean))
        g.outputs.append(g.node("Add", g.node("Mul", centred, scale), g.vector()))
    return g.case(f"spread_{spread}")


MODELS: dict[str, Callable[[], Case]] = {
    **{
        f"{layer}_{place}": partial(model, layer, place, turn)
        for turn, layer in enumerate(LAYERS)
        for place in ("front", "behind")
    },
    **{
        f"attention_{rank}_{kind}": partial(attention, rank, kind)
        for rank in (3, 4)
        for kind in ("scaled", "added", "constant", "kept", "filled")
    },
    **{f"gelu_{wide}": partial(gelu, wide) for wide in range(3)},
    **{f"spread_{way}": partial(spread, way) for way in SPREADS},
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    results = judge((build() for build in MODELS.values()), tmp_path_factory.mktemp("alignment"))
    return {key.partition("/")[2]: result for key, result in results.items()}


@pytest.mark.parametrize("name", MODELS)
def test_alignment(found: dict[str, Result], name: str) -> None:
    assert (found[name].status, found[name].reason, found[name].bound) == (PASS, "", ())
