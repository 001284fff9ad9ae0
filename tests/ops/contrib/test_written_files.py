"""Files that ONNX Runtime's quantizer and optimizers write, converted and compared with ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

from tests.conformance.judge import PASS, Result, judge
from tests.conformance.suite import Case, DataSet
from tests.models.graphs import graph, node, save
from tests.ops.nodes import floats, integers
from tf2rust.onnx_import.load import run_onnx

HIDDEN, HEADS = 16, 2


def images() -> onnx.ModelProto:
    """Convolutions with a residual connection, SiLU, and a classifier."""
    return graph(
        [
            node("Conv", ["x", "k1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
            node("Relu", ["c1"], ["r1"]),
            node("Conv", ["r1", "k2", "b2"], ["c2"], pads=[1, 1, 1, 1]),
            node("Sigmoid", ["c2"], ["s2"]),
            node("Mul", ["c2", "s2"], ["m2"]),
            node("Add", ["m2", "r1"], ["a2"]),
            node("LeakyRelu", ["a2"], ["l2"], alpha=0.1),
            node("MaxPool", ["l2"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
            node("MaxPool", ["a2"], ["p2"], kernel_shape=[2, 2], strides=[2, 2]),
            node("Concat", ["p1", "p2"], ["both"], axis=1),
            node("GlobalAveragePool", ["both"], ["mean"]),
            node("Flatten", ["mean"], ["flat"]),
            node("Gemm", ["flat", "w3", "b3"], ["g"]),
            node("Softmax", ["g"], ["y"], axis=-1),
        ],
        {"x": (TensorProto.FLOAT, ["batch", 3, 8, 8])},
        {"y": (TensorProto.FLOAT, ["batch", 5])},
        {
            **{"k1": floats(8, 3, 3, 3, scale=0.5), "b1": floats(8, scale=0.5)},
            **{"k2": floats(8, 8, 3, 3, scale=0.5, seed=2), "b2": floats(8, scale=0.5, seed=2)},
            **{"w3": floats(16, 5, scale=0.5, seed=3), "b3": floats(5, scale=0.5, seed=3)},
        },
        opset=17,
    )


def steps() -> onnx.ModelProto:
    """A bidirectional LSTM and a Dense of every step."""
    return graph(
        [
            node("LSTM", ["x", "w", "r", "b"], ["h", "", ""], hidden_size=8, direction="bidirectional"),
            node("Transpose", ["h"], ["t"], perm=[0, 2, 1, 3]),
            node("Reshape", ["t", "shape"], ["flat"]),
            node("MatMul", ["flat", "kernel"], ["m"]),
            node("Add", ["m", "bias"], ["y"]),
        ],
        {"x": (TensorProto.FLOAT, ["time", "batch", 6])},
        {"y": (TensorProto.FLOAT, ["time", "batch", 4])},
        {
            **{"w": floats(2, 32, 6, scale=0.5), "r": floats(2, 32, 8, scale=0.5), "b": floats(2, 64, scale=0.5)},
            **{"shape": np.array([0, 0, -1]), "kernel": floats(16, 4), "bias": floats(4)},
        },
        opset=17,
    )


class Encoder:
    """A BERT of one block as PyTorch exports it, with the shape arithmetic that the optimizer looks for."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        self.nodes.append(node(kind, inputs, [f"{kind}_{len(self.nodes)}"], **attributes))
        return str(self.nodes[-1].output[0])

    def const(self, array: object, name: str = "") -> str:
        name = name or f"constant_{len(self.weights)}"
        self.weights[name] = np.asarray(array)
        return name

    def axis(self, *axes: int) -> str:
        return self.const(np.array(axes, np.int64))

    def size(self, x: str, axis: int) -> str:
        found = self.op("Gather", self.op("Shape", x), self.const(np.array(axis, np.int64)), axis=0)
        return self.op("Unsqueeze", found, self.axis(0))

    def dense(self, x: str, name: str, rows: int, columns: int) -> str:
        seed = len(self.weights)
        kernel = self.const(floats(rows, columns, scale=0.3, seed=seed), f"{name}.weight")
        return self.op(
            "Add", self.const(floats(columns, scale=0.3, seed=seed), f"{name}.bias"), self.op("MatMul", x, kernel)
        )

    def norm(self, x: str, name: str) -> str:
        seed = len(self.weights)
        gamma = self.const(1 + floats(HIDDEN, scale=0.2, seed=seed), f"{name}.weight")
        beta = self.const(floats(HIDDEN, scale=0.2, seed=seed + 1), f"{name}.bias")
        return self.op("LayerNormalization", x, gamma, beta, axis=-1, epsilon=1e-12)

    def heads(self, x: str, perm: list[int]) -> str:
        sizes = self.op(
            "Concat", self.size(x, 0), self.size(x, 1), self.axis(HEADS), self.axis(HIDDEN // HEADS), axis=0
        )
        return self.op("Transpose", self.op("Reshape", x, sizes), perm=perm)

    def embedded(self) -> str:
        words = self.op("Gather", self.const(floats(50, HIDDEN), "words"), "ids")
        kinds = self.op("Gather", self.const(floats(2, HIDDEN, seed=2), "kinds"), "types")
        positions = self.op(
            *("Slice", self.const(np.arange(64)[None], "positions"), self.axis(0), self.size("ids", 1)),
            *(self.axis(1), self.axis(1)),
        )
        places = self.op("Gather", self.const(floats(64, HIDDEN, seed=3), "places"), positions)
        return self.norm(self.op("Add", self.op("Add", words, kinds), places), "embedding")

    def attended(self, x: str, mask: str) -> str:
        q, k, v = (
            self.heads(self.dense(x, name, HIDDEN, HIDDEN), perm)
            for name, perm in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3]))
        )
        scores = self.op("Div", self.op("MatMul", q, k), self.const(np.float32(np.sqrt(HIDDEN // HEADS))))
        weights = self.op("Softmax", self.op("Add", scores, mask), axis=3)
        mixed = self.op("Transpose", self.op("MatMul", weights, v), perm=[0, 2, 1, 3])
        sizes = self.op("Concat", self.size(mixed, 0), self.size(mixed, 1), self.axis(HIDDEN), axis=0)
        return self.dense(self.op("Reshape", mixed, sizes), "out", HIDDEN, HIDDEN)

    def gelu(self, x: str) -> str:
        erf = self.op("Erf", self.op("Div", x, self.const(np.float32(np.sqrt(2)))))
        product = self.op("Mul", x, self.op("Add", erf, self.const(np.float32(1))))
        return self.op("Mul", product, self.const(np.float32(0.5)))

    def model(self) -> onnx.ModelProto:
        mask = self.op("Unsqueeze", self.op("Unsqueeze", "mask", self.axis(1)), self.axis(2))
        kept = self.op("Cast", mask, to=TensorProto.FLOAT)
        dropped = self.op("Sub", self.const(np.float32(1)), kept)
        bias = self.op("Mul", dropped, self.const(np.float32(-10000)))
        x = self.embedded()
        x = self.norm(self.op("Add", self.attended(x, bias), x), "norm_1")
        inner = self.gelu(self.dense(x, "inner", HIDDEN, 2 * HIDDEN))
        x = self.norm(self.op("Add", self.dense(inner, "outer", 2 * HIDDEN, HIDDEN), x), "norm_2")
        self.nodes.append(node("Identity", [x], ["y"]))
        tokens = (TensorProto.INT64, ["batch", "length"])
        inputs = {"ids": tokens, "types": tokens, "mask": tokens}
        output = {"y": (TensorProto.FLOAT, ["batch", "length", HIDDEN])}
        return graph(self.nodes, inputs, output, self.weights, opset=17)


class Samples(CalibrationDataReader):  # type: ignore[misc]
    """Images that show the quantizer the ranges of all tensors."""

    def __init__(self) -> None:
        self.left: Iterator[dict[str, np.ndarray]] = ({"x": floats(2, 3, 8, 8, seed=seed)} for seed in range(4))

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.left, None)


Write = Callable[[Path, Path], None]


def statically(source: Path, target: Path, *, quant_format: QuantFormat, per_channel: bool = False) -> None:
    kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(source, target, Samples(), quant_format=quant_format, per_channel=per_channel, **kinds)


def by_session(source: Path, target: Path) -> None:
    """The model that ONNX Runtime saves after its own optimizations."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def by_optimizer(source: Path, target: Path, *, multi_head: bool = False, raw_mask: bool = True) -> None:
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    options = FusionOptions("bert")
    options.use_multi_head_attention = multi_head
    options.use_raw_attention_mask(raw_mask)
    found = optimizer.optimize_model(
        str(source),
        model_type="bert",
        num_heads=HEADS,
        hidden_size=HIDDEN,
        opt_level=0,
        optimization_options=options,
    )
    found.save_model_to_file(str(target))


def optimized_and_quantized(source: Path, target: Path) -> None:
    by_optimizer(source, target)
    quantize_dynamic(target, target, extra_options={"DefaultTensorType": TensorProto.FLOAT})


def to_four_bits(source: Path, target: Path) -> None:
    quantizer = MatMulNBitsQuantizer(onnx.load(source), block_size=16, is_symmetric=False)
    quantizer.process()
    quantizer.model.save_model_to_file(str(target))


FILES: dict[str, tuple[Callable[[], onnx.ModelProto], Write, set[str]]] = {
    "images_static": (
        images,
        partial(statically, quant_format=QuantFormat.QOperator),
        {"QLinearConv", "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearConcat", "QGemm", "QLinearSoftmax"},
    ),
    "images_static_by_channel": (
        images,
        partial(statically, quant_format=QuantFormat.QDQ, per_channel=True),
        {"QuantizeLinear", "DequantizeLinear"},
    ),
    "images_dynamic": (images, quantize_dynamic, {"ConvInteger"}),
    "images_fused": (images, by_session, {"FusedConv", "QuickGelu"}),
    "steps_dynamic": (steps, quantize_dynamic, {"DynamicQuantizeLSTM"}),
    "steps_dynamic_by_channel": (steps, partial(quantize_dynamic, per_channel=True), {"DynamicQuantizeLSTM"}),
    "encoder": (
        lambda: Encoder().model(),
        by_optimizer,
        {"Attention", "SkipLayerNormalization", "EmbedLayerNormalization", "BiasGelu"},
    ),
    "encoder_multi_head": (
        lambda: Encoder().model(),
        partial(by_optimizer, multi_head=True),
        {"MultiHeadAttention"},
    ),
    "encoder_mask_of_lengths": (lambda: Encoder().model(), partial(by_optimizer, raw_mask=False), {"Attention"}),
    "encoder_fused": (lambda: Encoder().model(), by_session, {"FusedMatMul", "BiasGelu"}),
    "encoder_dynamic": (
        lambda: Encoder().model(),
        optimized_and_quantized,
        {"QAttention", "QEmbedLayerNormalization", "MatMulInteger"},
    ),
    "encoder_four_bits": (lambda: Encoder().model(), to_four_bits, {"MatMulNBits"}),
}


def feeds(model: onnx.ModelProto, batch: int) -> dict[str, np.ndarray]:
    """Samples for one of the models; sequences end with two masked tokens."""
    if len(model.graph.input) == 1:
        return {"x": floats(batch, 3, 8, 8, seed=9) if "k1" in str(model.graph.node) else floats(5, batch, 6, seed=9)}
    mask = np.ones((batch, 7), np.int64)
    mask[0, 5:] = 0
    given = {"ids": integers(batch, 7, low=0, high=50), "types": integers(batch, 7, low=0, high=2), "mask": mask}
    dtypes = {i.name: onnx.helper.tensor_dtype_to_np_dtype(i.type.tensor_type.elem_type) for i in model.graph.input}
    return {name: array.astype(dtypes[name]) for name, array in given.items()}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, onnx.ModelProto]:
    """The files, by name."""
    folder = tmp_path_factory.mktemp("written")
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        for name, (build, write, _) in FILES.items():
            write(save(build(), folder / f"{name}_source.onnx"), folder / f"{name}.onnx")
    finally:
        logging.disable(before)
    return {name: onnx.load(folder / f"{name}.onnx") for name in FILES}


@pytest.fixture(scope="module")
def results(models: dict[str, onnx.ModelProto], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """The result of each file; all are modules of one crate."""

    def case(name: str, model: onnx.ModelProto) -> Case:
        sets = [feeds(model, batch) for batch in (1, 3)]
        return Case("written", name, model, tuple(DataSet(s, run_onnx(model, s)) for s in sets), 0.0, 0.0)

    found = judge([case(name, model) for name, model in models.items()], tmp_path_factory.mktemp("crates"))
    return {key.partition("/")[2]: result for key, result in found.items()}


@pytest.mark.parametrize("name", FILES)
def test_the_file_has_these_operators(name: str, models: dict[str, onnx.ModelProto]) -> None:
    assert FILES[name][2] <= {item.op_type for item in models[name].graph.node}


@pytest.mark.parametrize("name", FILES)
def test_the_crate_computes_the_same(name: str, results: dict[str, Result]) -> None:
    assert (results[name].status, results[name].reason) == (PASS, "")
