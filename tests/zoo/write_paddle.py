"""Writes the files ``paddle_*`` of paddle2onnx.

Made with paddlepaddle 3.3.1, paddle2onnx 2.1.0 and onnx 1.17.0:

    pip install paddlepaddle==3.3.1 paddle2onnx==2.1.0 onnx==1.17.0 packaging
    python tests/zoo/write_paddle.py [NAME]
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import paddle
import paddle.nn.functional as F  # noqa: N812
from paddle import Tensor, nn
from saving import save


def norm_conv(inputs: int, outputs: int, act: type[nn.Layer], stride: int = 1, groups: int = 1) -> nn.Layer:
    conv = nn.Conv2D(inputs, outputs, 3, stride, 1, groups=groups, bias_attr=False)
    return nn.Sequential(conv, nn.BatchNorm2D(outputs), act())


class Mobile(nn.Layer):
    """Separable convolutions, squeeze and excite, the activations of PP-LCNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = norm_conv(3, 8, nn.Hardswish, stride=2)
        self.depth, self.point = norm_conv(8, 8, nn.Hardswish, groups=8), nn.Conv2D(8, 12, 1)
        self.down, self.up = nn.Conv2D(12, 4, 1), nn.Conv2D(4, 12, 1)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.point(self.depth(self.stem(x)))
        gate = F.hardsigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))
        return F.softmax(self.head(F.adaptive_avg_pool2d(x * gate, 1).flatten(1)))


class Crnn(nn.Layer):
    """Lines of text: convolutions, two recurrent layers over columns, a probability for each character."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            norm_conv(1, 6, nn.ReLU),
            nn.MaxPool2D(2),
            norm_conv(6, 8, nn.ReLU),
            nn.MaxPool2D((4, 1), (4, 1)),
        )
        self.rnn = nn.LSTM(8, 6, num_layers=2, direction="bidirect")
        self.head = nn.Linear(12, 11)

    def forward(self, x: Tensor) -> Tensor:
        x = self.convs(x).squeeze(2).transpose([0, 2, 1])
        return F.softmax(self.head(self.rnn(x)[0]), axis=2)


class Detector(nn.Layer):
    """The text detector's neck and head: levels upsampled, added and joined, then enlarged to the image's size."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = norm_conv(3, 6, nn.ReLU, stride=2), norm_conv(6, 8, nn.Swish, stride=2)
        self.side1, self.side2 = nn.Conv2D(6, 4, 1), nn.Conv2D(8, 4, 1)
        self.join = nn.Conv2D(8, 4, 3, padding=1)
        self.enlarge, self.norm = nn.Conv2DTranspose(4, 4, 2, 2), nn.BatchNorm2D(4)

    def forward(self, x: Tensor) -> Tensor:
        top = self.one(x)
        low = self.side2(self.two(top))
        up = F.interpolate(low, size=[8, 8], mode="nearest")
        near = self.side1(top) + up
        x = self.join(paddle.concat([near, F.interpolate(low, size=[8, 8], mode="bilinear", align_mode=1)], axis=1))
        return F.sigmoid(F.leaky_relu(self.norm(self.enlarge(x))))


class Encoder(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, activation="gelu"), 1)
        self.head = nn.Linear(8, 3)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.encoder(self.words(ids))[:, 0])


class Blocks(nn.Layer):
    """Residual and grouped convolutions, pooling with its options, normalizations, channels shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv = (
            nn.Conv2D(3, 8, 3, padding="SAME", stride=2),
            nn.Conv2D(8, 8, 3, padding=2, dilation=2, groups=2),
        )
        self.group, self.instance, self.act = nn.GroupNorm(4, 8), nn.InstanceNorm2D(8), nn.PReLU(8)
        self.last, self.shuffle = nn.Conv2D(8, 8, 1), nn.PixelShuffle(2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.act(self.stem(x))
        x = x + F.gelu(self.group(self.conv(x)))
        y = F.avg_pool2d(F.pad(x, [1, 1, 1, 1], mode="reflect"), 3, 2, ceil_mode=True)
        x = paddle.reshape(x, [0, 2, 4, x.shape[2], x.shape[3]]).transpose([0, 2, 1, 3, 4])
        x = self.instance(paddle.reshape(x, [0, 8, x.shape[3], x.shape[4]]))
        return self.shuffle(self.last(x)), F.mish(y).mean([2, 3])


class Gru(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.gru, self.norm, self.head = nn.GRU(5, 6), nn.LayerNorm(6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        y, h = self.gru(x)
        return F.log_softmax(self.head(self.norm(y.max(axis=1) + h[0])))


@dataclass(frozen=True)
class Case:
    """A network, and the shape and dtype of its input."""

    net: type[nn.Layer]
    shape: tuple[int | None, ...]
    dtype: str = "float32"
    opset: int = 14


CASES = {
    "mobile": Case(Mobile, (None, 3, 16, 16), opset=11),
    "crnn": Case(Crnn, (None, 1, 8, 24)),
    "detector": Case(Detector, (None, 3, 16, 16), opset=11),
    "encoder": Case(Encoder, (None, 7), "int64", opset=17),
    "blocks": Case(Blocks, (None, 3, 12, 12), opset=16),
    "gru": Case(Gru, (None, 6, 5), opset=13),
}


def exported(case: Case, folder: Path) -> onnx.ModelProto:
    paddle.seed(1)
    net = case.net()
    for layer in net.sublayers():
        if isinstance(layer, nn.BatchNorm2D):
            layer._mean.set_value(paddle.uniform(layer._mean.shape, min=-0.5, max=0.5))
            layer._variance.set_value(paddle.uniform(layer._variance.shape, min=0.5, max=1.5))
    net.eval()
    spec = [paddle.static.InputSpec(list(case.shape), case.dtype, "x")]
    paddle.onnx.export(net, str(folder / "net"), input_spec=spec, opset_version=case.opset)
    return onnx.load(folder / "net.onnx")


def main(names: Sequence[str]) -> None:
    for name, case in CASES.items():
        if not names or name in names:
            with tempfile.TemporaryDirectory() as folder:
                save(exported(case, Path(folder)), f"paddle_{name}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1:])
