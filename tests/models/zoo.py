"""Small networks as other exporters write them: channels first, time first, of operator sets from 7 on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.models.graphs import Shape, node


class Net:
    """A graph under construction; ``net("Conv", x, w)`` adds a node and gives the name of its output."""

    def __init__(self, opset: int, **inputs: Shape) -> None:
        self.opset, self.rng = opset, np.random.default_rng(opset)
        self.inputs = {name: (TensorProto.FLOAT, shape) for name, shape in inputs.items()}
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, np.ndarray] = {}

    def __call__(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        names = [f"{op.lower()}_{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(node(op, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def const(self, array: Any, dtype: Any = np.float32) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = np.asarray(array, dtype=dtype)
        return name

    def ints(self, *numbers: int) -> str:
        return self.const(numbers, np.int64)

    def weight(self, *shape: int) -> str:
        fan = max(1, int(np.prod(shape[1:])))
        return self.const(self.rng.normal(0, 1 / np.sqrt(fan), shape))

    def conv(self, x: str, inputs: int, outputs: int, size: Sequence[int] = (3, 3), **attributes: Any) -> str:
        attributes.setdefault("pads", [s // 2 for s in size] * 2)
        groups = attributes.get("group", 1)
        kernel, bias = self.weight(outputs, inputs // groups, *size), self.weight(outputs)
        return str(self("Conv", x, kernel, bias, kernel_shape=list(size), **attributes))

    def norm(self, x: str, channels: int, **attributes: Any) -> str:
        scale, mean = self.const(self.rng.uniform(0.5, 1.5, channels)), self.weight(channels)
        variance = self.const(self.rng.uniform(0.5, 1.5, channels))
        return str(self("BatchNormalization", x, scale, self.weight(channels), mean, variance, **attributes))

    def model(self, *outputs: str, like: Shape | None = None) -> onnx.ModelProto:
        """The checked model; ONNX' own inference finds the shapes of the outputs, unless one is given."""
        shapes = dict.fromkeys(outputs, like)
        given = [helper.make_tensor_value_info(name, *info) for name, info in self.inputs.items()]
        found = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes.get(name)) for name in outputs]
        weights = [numpy_helper.from_array(array, name) for name, array in self.weights.items()]
        proto = helper.make_graph(self.nodes, "graph", given, found, weights)
        opset = helper.make_opsetid("", self.opset)
        model = onnx.shape_inference.infer_shapes(helper.make_model(proto, opset_imports=[opset], ir_version=10))
        onnx.checker.check_model(model)
        return model


ZOO: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {}
"""By name: the network, and the layers it becomes, without Reshape."""


def _zoo(becomes: str) -> Callable[[Callable[[], onnx.ModelProto]], Callable[[], onnx.ModelProto]]:
    def register(build: Callable[[], onnx.ModelProto]) -> Callable[[], onnx.ModelProto]:
        ZOO[build.__name__] = (build, becomes)
        return build

    return register


@_zoo("Transpose Conv2D MaxPooling2D Conv2D Dense Softmax")
def classifier_9() -> onnx.ModelProto:
    n = Net(9, image=["batch", 3, 12, 12])
    x = n("MaxPool", n("Relu", n.norm(n.conv("image", 3, 8), 8)), kernel_shape=[2, 2], strides=[2, 2])
    x = n("Flatten", n("Relu", n.norm(n.conv(x, 8, 6, strides=[2, 2]), 6)), axis=1)
    return n.model(n("Softmax", n("Gemm", x, n.weight(5, 54), n.weight(5), transB=1), axis=1))


@_zoo("Transpose Conv2D MaxPooling2D Multiply AveragePooling1D Rescaling Pow Divide Conv2D Dense")
def local_response_7() -> onnx.ModelProto:
    n = Net(7, image=["batch", 3, 15, 15])
    x = n("Relu", n.conv("image", 3, 6, (5, 5), strides=[2, 2], pads=[0, 0, 0, 0]))
    x = n("LRN", n("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), size=3, alpha=0.1, beta=0.75, bias=2.0)
    x = n("Dropout", n("Relu", n.conv(x, 6, 4)), ratio=0.5)
    return n.model(n("Gemm", n("Flatten", x), n.weight(36, 4), n.weight(4)))


@_zoo("Transpose Conv2D DepthwiseConv2D Conv2D GlobalAveragePooling2D Dense")
def separable_11() -> onnx.ModelProto:
    n = Net(11, image=["batch", 3, 10, 10])
    lo, hi = n.const(0.0), n.const(6.0)
    x = n("Clip", n.norm(n.conv("image", 3, 8, strides=[2, 2]), 8), lo, hi)
    x = n("Clip", n.norm(n.conv(x, 8, 8, group=8), 8), lo, hi)
    x = n("GlobalAveragePool", n.norm(n.conv(x, 8, 12, (1, 1)), 12))
    return n.model(n("Gemm", n("Flatten", x), n.weight(12, 3), n.weight(3)))


@_zoo("Transpose Conv2D Conv2D Conv2D GlobalAveragePooling2D")
def residual_13() -> onnx.ModelProto:
    n = Net(13, image=["batch", 4, 9, 9])
    x = n("Relu", n.norm(n.conv("image", 4, 8, strides=[2, 2]), 8))
    main = n.norm(n.conv(x, 8, 8), 8)
    side = n.norm(n.conv("image", 4, 8, (1, 1), strides=[2, 2]), 8)
    x = n("Relu", n("Add", main, side))
    return n.model(n("GlobalAveragePool", x))


@_zoo("Transpose Conv2D MaxPooling2D Conv2D Resize Concatenate Conv2D Transpose")
def unet_11() -> onnx.ModelProto:
    n = Net(11, image=["batch", 2, 8, 8])
    top = n("Relu", n.conv("image", 2, 4))
    x = n("Relu", n.conv(n("MaxPool", top, kernel_shape=[2, 2], strides=[2, 2]), 4, 6))
    scales = n.const([1, 1, 2, 2])
    asymmetric = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    x = n("Resize", x, n.const([]), scales, mode="nearest", **asymmetric)
    return n.model(n("Sigmoid", n.conv(n("Concat", x, top, axis=1), 10, 3)))


@_zoo("Transpose Conv2DTranspose Conv2DTranspose Transpose")
def generator_12() -> onnx.ModelProto:
    n = Net(12, noise=["batch", 8, 3, 3])
    x = n("ConvTranspose", "noise", n.weight(8, 6, 4, 4), n.weight(6), strides=[2, 2], pads=[1, 1, 1, 1])
    options = {"strides": [2, 2], "output_padding": [1, 1], "group": 2, "pads": [1, 1, 1, 1]}
    x = n("ConvTranspose", n("LeakyRelu", x, alpha=0.2), n.weight(6, 2, 3, 3), **options)
    return n.model(n("Tanh", x))


@_zoo("Resize Resize")
def resized_13() -> onnx.ModelProto:
    n = Net(13, image=[2, 3, 5, 6])
    x = n("Resize", "image", "", "", n.ints(2, 3, 9, 11), mode="linear", coordinate_transformation_mode="align_corners")
    options = {"mode": "cubic", "coordinate_transformation_mode": "pytorch_half_pixel"}
    return n.model(n("Resize", x, "", n.const([1, 1, 1.5, 2]), **options))


@_zoo("Resize Transpose Conv2D Transpose")
def upsampled_9() -> onnx.ModelProto:
    n = Net(9, image=["batch", 3, 5, 6])
    x = n("Upsample", "image", n.const([1, 1, 2, 3]), mode="linear")
    return n.model(n.conv(x, 3, 2))


@_zoo("Transpose Conv2D Transpose Conv2D Transpose")
def shuffled_13() -> onnx.ModelProto:
    n = Net(13, image=["batch", 3, 4, 5])
    x = n("DepthToSpace", n.conv("image", 3, 8), blocksize=2, mode="CRD")
    return n.model(n.conv(x, 2, 3))


@_zoo("Transpose Conv2D GlobalAveragePooling2D Conv1D Conv1D Multiply Transpose")
def squeeze_excite_14() -> onnx.ModelProto:
    n = Net(14, image=["batch", 3, 6, 6])
    x = n("HardSwish", n.conv("image", 3, 8))
    gate = n("Relu", n.conv(n("GlobalAveragePool", x), 8, 2, (1, 1)))
    gate = n("HardSigmoid", n.conv(gate, 2, 8, (1, 1)), alpha=1 / 6, beta=0.5)
    return n.model(n("Mul", x, gate))


@_zoo("Transpose Conv2D GroupNormalization Activation Transpose")
def group_norm_13() -> onnx.ModelProto:
    """GroupNorm as PyTorch exports it: an InstanceNormalization of another shape."""
    n = Net(13, image=["batch", 3, 6, 5])
    x = n.conv("image", 3, 8)
    inner = n("Reshape", x, n.ints(0, 4, -1))
    inner = n("InstanceNormalization", inner, n.const(np.ones(4)), n.const(np.zeros(4)), epsilon=1e-5)
    x = n("Reshape", inner, n.ints(-1, 8, 6, 5))
    x = n("Add", n("Mul", x, n.weight(8, 1, 1)), n.weight(8, 1, 1))
    return n.model(n("Relu", x))


@_zoo("Transpose GroupNormalization Transpose")
def group_norm_21() -> onnx.ModelProto:
    n = Net(21, image=["batch", 6, 4, 5])
    return n.model(n("GroupNormalization", "image", n.weight(6), n.weight(6), num_groups=3), like=["batch", 6, 4, 5])


@_zoo("Transpose InstanceNormalization PReLU Transpose")
def instance_norm_16() -> onnx.ModelProto:
    n = Net(16, image=["batch", 6, 4, 5])
    x = n("InstanceNormalization", "image", n.weight(6), n.weight(6))
    return n.model(n("PRelu", x, n.weight(6, 1, 1)))


@_zoo("Transpose Conv1D MaxPooling1D Conv1D GlobalMaxPooling1D Dense")
def series_12() -> onnx.ModelProto:
    n = Net(12, signal=["batch", 2, 20])
    x = n("Relu", n.conv("signal", 2, 6, (5,)))
    x = n("MaxPool", x, kernel_shape=[3], strides=[2], ceil_mode=1)
    x = n("GlobalMaxPool", n("Relu", n.conv(x, 6, 8, (3,), dilations=[2], pads=[2, 2])))
    return n.model(n("Gemm", n("Flatten", x), n.weight(8, 3), n.weight(3)))


@_zoo("Transpose Conv3D MaxPooling3D Conv3D AveragePooling3D Transpose")
def volume_11() -> onnx.ModelProto:
    n = Net(11, volume=["batch", 2, 7, 8, 9])
    x = n("Relu", n.conv("volume", 2, 6, (3, 3, 3)))
    x = n("MaxPool", x, kernel_shape=[2, 2, 2], strides=[2, 2, 2], ceil_mode=1)
    x = n.conv(x, 6, 4, (3, 1, 3), group=2)
    return n.model(n("AveragePool", x, kernel_shape=[2, 2, 2], pads=[1] * 6, count_include_pad=1))


@_zoo("Transpose LSTM LSTM Concatenate Dense Transpose")
def lstm_both_14() -> onnx.ModelProto:
    """PyTorch's bidirectional LSTM, time first."""
    n = Net(14, words=[9, "batch", 4])
    kernels = n.weight(2, 20, 4), n.weight(2, 20, 5), n.weight(2, 40)
    y = n("LSTM", "words", *kernels, outputs=3, hidden_size=5, direction="bidirectional")[0]
    x = n("Reshape", n("Transpose", y, perm=[0, 2, 1, 3]), n.ints(0, 0, -1))
    return n.model(n("Add", n("MatMul", x, n.weight(10, 3)), n.weight(3)))


@_zoo("Transpose LSTM LSTM Transpose")
def lstm_stacked_7() -> onnx.ModelProto:
    n = Net(7, words=[6, "batch", 4])
    y, _, _ = n("LSTM", "words", n.weight(1, 20, 4), n.weight(1, 20, 5), n.weight(1, 40), outputs=3, hidden_size=5)
    x = n("Squeeze", y, axes=[1])
    kernels = n.weight(1, 12, 5), n.weight(1, 12, 3)
    y = n("LSTM", x, *kernels, hidden_size=3, direction="reverse", activations=["HardSigmoid", "Tanh", "Tanh"])
    return n.model(n("Squeeze", y, axes=[1]))


@_zoo("Transpose GRU Transpose")
def gru_state_14() -> onnx.ModelProto:
    n = Net(14, words=[6, "batch", 4], state=[1, "batch", 5])
    kernels = n.weight(1, 15, 4), n.weight(1, 15, 5), n.weight(1, 30)
    y, last = n("GRU", "words", *kernels, "", "state", outputs=2, hidden_size=5, linear_before_reset=1)
    return n.model(n("Squeeze", y, n.ints(1)), last)


@_zoo("Transpose GRU GRU Concatenate Concatenate Transpose")
def gru_before_22() -> onnx.ModelProto:
    n = Net(22, words=[6, "batch", 4])
    kernels = n.weight(2, 15, 4), n.weight(2, 15, 5), n.weight(2, 30)
    y, last = n("GRU", "words", *kernels, outputs=2, hidden_size=5, direction="bidirectional")
    return n.model(y, last)


@_zoo("Transpose SimpleRNN Transpose")
def rnn_14() -> onnx.ModelProto:
    n = Net(14, words=[6, "batch", 4])
    kernels = n.weight(1, 5, 4), n.weight(1, 5, 5), n.weight(1, 10)
    y = n("RNN", "words", *kernels, hidden_size=5, activations=["Relu"])
    return n.model(n("Squeeze", y, n.ints(1)))


def _heads(n: Net, x: str, masked: bool) -> str:
    """PyTorch's attention of two heads over [batch, 6, 8]."""

    def split(perm: list[int]) -> str:
        y = n("Add", n("MatMul", x, n.weight(8, 8)), n.weight(8))
        return str(n("Transpose", n("Reshape", y, n.ints(0, 0, 2, 4)), perm=perm))

    scores = n("Div", n("MatMul", split([0, 2, 1, 3]), split([0, 2, 3, 1])), n.const(2.0))
    if masked:
        scores = n("Add", scores, n.const(np.triu(np.full((6, 6), -1e9), 1)))
    y = n("MatMul", n("Softmax", scores, axis=-1), split([0, 2, 1, 3]))
    y = n("Reshape", n("Transpose", y, perm=[0, 2, 1, 3]), n.ints(0, 0, 8))
    return str(n("Add", n("MatMul", y, n.weight(8, 8)), n.weight(8)))


@_zoo(
    "Dense Dense Dense Attention Dense LayerNormalization Dense Dense LayerNormalization",
)
def encoder_20() -> onnx.ModelProto:
    n = Net(20, words=["batch", 6, 8])
    x = n("LayerNormalization", n("Add", "words", _heads(n, "words", True)), n.weight(8), n.weight(8))
    y = n("Gelu", n("Add", n("MatMul", x, n.weight(8, 16)), n.weight(16)))
    y = n("Add", n("MatMul", y, n.weight(16, 8)), n.weight(8))
    return n.model(n("LayerNormalization", n("Add", x, y), n.weight(8), n.weight(8)))


@_zoo("LayerNormalization Dense Dense Dense Attention Dense")
def encoder_13() -> onnx.ModelProto:
    """PyTorch's LayerNorm spelled out."""
    n = Net(13, words=["batch", 6, 8])
    centred = n("Sub", "words", n("ReduceMean", "words", axes=[-1]))
    variance = n("ReduceMean", n("Pow", centred, n.const(2.0)), axes=[-1])
    x = n("Div", centred, n("Sqrt", n("Add", variance, n.const(1e-5))))
    x = n("Add", n("Mul", x, n.weight(8)), n.weight(8))
    return n.model(_heads(n, x, False))


@_zoo("RMSNormalization Dense Dense")
def gated_24() -> onnx.ModelProto:
    n = Net(24, words=["batch", 6, 8])
    x = n("RMSNormalization", "words", n.weight(8))
    return n.model(n("MatMul", n("Relu", n("MatMul", x, n.weight(8, 16))), n.weight(16, 8)))


@_zoo("Transpose Conv2D Conv2D MaxPooling2D Concatenate Conv2D Conv2D Transpose")
def detector_17() -> onnx.ModelProto:
    n = Net(17, image=["batch", 3, "height", "width"])
    x = n.conv("image", 3, 8, strides=[2, 2])
    x = n("Mul", x, n("Sigmoid", x))
    y = n("LeakyRelu", n.conv(x, 8, 4, (1, 1)), alpha=0.1)
    pooled = n("MaxPool", y, kernel_shape=[5, 5], pads=[2, 2, 2, 2], strides=[1, 1])
    x = n("Relu", n.conv(n("Concat", y, pooled, axis=1), 8, 8))
    return n.model(n("Sigmoid", n.conv(x, 8, 6, (1, 1))))
