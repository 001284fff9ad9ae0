"""Writes the files of PyTorch's two exporters: ``torchscript_*``, by tracing, and ``dynamo_*``, by ``torch.export``.

Made with torch 2.15.0, onnxscript 0.7.2 and onnx 1.23.2:

    pip install torch==2.15.0 onnxscript==0.7.2 onnx==1.23.2
    python tests/zoo/write_torch.py [NAME]
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import onnx
import torch
import torch_images as images
import torch_sequences as sequences
from saving import save
from torch import Tensor, nn


@dataclass(frozen=True)
class Case:
    """A network, the example inputs for tracing, and the names of symbolic axes by input name."""

    net: type[nn.Module]
    inputs: dict[str, Tensor]
    symbolic: dict[str, dict[int, str]]
    opset: int = 17
    """For the exporter that traces; the other writes the operator set that it likes best."""
    exporters: Sequence[str] = ("torchscript", "dynamo")
    script: bool = False


def ids(*shape: int, below: int) -> Tensor:
    return torch.randint(0, below, shape)


def batch(*names: str) -> dict[str, dict[int, str]]:
    return {name: {0: "batch"} for name in names}


ONE = ("torchscript",)
SEQUENCE = {0: "batch", 1: "time"}
IMAGE = {0: "batch", 2: "height", 3: "width"}

CASES = {
    "cnn": Case(images.Cnn, {"image": torch.randn(2, 3, 12, 12)}, batch("image")),
    "mobile": Case(images.Mobile, {"image": torch.randn(2, 3, 16, 16)}, batch("image"), opset=14),
    "resnet": Case(images.ResNet, {"image": torch.randn(2, 3, 24, 24)}, batch("image"), opset=11, exporters=ONE),
    "unet": Case(images.UNet, {"image": torch.randn(2, 2, 13, 14)}, {"image": IMAGE}, opset=16),
    "super_resolution": Case(images.SuperResolution, {"image": torch.rand(2, 1, 7, 9)}, {"image": IMAGE}, opset=13),
    "norms": Case(images.Norms, {"image": torch.randn(2, 3, 6, 5)}, batch("image"), opset=18),
    "pools": Case(images.Pools, {"image": torch.randn(2, 2, 12, 11)}, batch("image"), opset=12, exporters=ONE),
    "shuffle": Case(images.Shuffle, {"image": torch.randn(2, 3, 8, 8)}, {"image": IMAGE}, opset=11),
    "volumes": Case(images.Volumes, {"volume": torch.randn(2, 1, 4, 6, 4)}, batch("volume"), opset=15, exporters=ONE),
    "warp": Case(images.Warp, {"image": torch.randn(2, 2, 8, 8)}, batch("image"), opset=20),
    "detector": Case(images.Detector, {"image": torch.randn(2, 3, 16, 12)}, {"image": IMAGE}, opset=12),
    "mlp": Case(sequences.Mlp, {"x": torch.randn(3, 12)}, batch("x")),
    "encoder": Case(sequences.Encoder, {"x": torch.randn(2, 5, 16)}, batch("x")),
    "attention": Case(
        sequences.Attention,
        {"query": torch.randn(4, 2, 16), "memory": torch.randn(6, 2, 12)},
        {"query": {0: "queries", 1: "batch"}, "memory": {0: "keys", 1: "batch"}},
        opset=13,
    ),
    "gpt": Case(sequences.CausalBlock, {"ids": ids(2, 6, below=20)}, {"ids": SEQUENCE}, opset=14),
    "llama": Case(sequences.FusedAttention, {"x": torch.randn(2, 6, 16)}, {"x": SEQUENCE}, exporters=("dynamo",)),
    "vit": Case(sequences.Vit, {"image": torch.randn(2, 3, 12, 12)}, batch("image")),
    "windows": Case(sequences.Windows, {"x": torch.randn(2, 4, 6, 8)}, batch("x"), opset=16),
    "lstm": Case(sequences.Lstm, {"x": torch.randn(2, 5, 6)}, {"x": SEQUENCE}, opset=14),
    "gru": Case(sequences.Gru, {"ids": ids(2, 7, below=30)}, {"ids": SEQUENCE}, opset=12),
    "rnn": Case(
        sequences.Rnn,
        {"x": torch.randn(2, 4, 5), "state": torch.randn(1, 2, 6)},
        {"x": {0: "batch"}, "state": {1: "batch"}},
        opset=15,
    ),
    "crnn": Case(sequences.Crnn, {"line": torch.randn(2, 1, 8, 20)}, {"line": {0: "batch", 3: "width"}}),
    "tcn": Case(sequences.Tcn, {"signal": torch.randn(2, 4, 20)}, {"signal": {0: "batch", 2: "time"}}, opset=13),
    "voice_activity": Case(
        sequences.VoiceActivity,
        {"chunk": torch.randn(2, 64), "state": torch.randn(2, 2, 8)},
        {"chunk": {0: "batch"}, "state": {1: "batch"}},
        opset=16,
        exporters=ONE,
    ),
    "wavenet": Case(
        sequences.WaveNet, {"signal": torch.randn(2, 2, 16)}, {"signal": {0: "batch", 2: "time"}}, 11, exporters=ONE
    ),
    "products": Case(
        sequences.Products, {"x": torch.randn(2, 4), "y": torch.randn(2, 6)}, batch("x", "y"), opset=12, exporters=ONE
    ),
    "choices": Case(sequences.Choices, {"x": torch.randn(2, 6, 4)}, batch("x"), opset=13),
    "forks": Case(sequences.Forks, {"x": torch.randn(5, 4)}, {"x": {0: "time"}}, opset=16, exporters=ONE, script=True),
}


def trained(case: Case) -> nn.Module:
    """The network, in evaluation mode, with statistics as if it had been trained."""
    torch.manual_seed(1)
    net = case.net()
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.GroupNorm, nn.LayerNorm)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return net.eval()


def traced(case: Case) -> onnx.ModelProto:
    net: nn.Module = trained(case)
    file = io.BytesIO()
    torch.onnx.export(
        torch.jit.script(net) if case.script else net,
        tuple(case.inputs.values()),
        file,
        input_names=list(case.inputs),
        dynamic_axes=case.symbolic,
        opset_version=case.opset,
        dynamo=False,
    )
    return onnx.load_model_from_string(file.getvalue())


def exported(case: Case) -> onnx.ModelProto:
    dynamic = torch.export.Dim.DYNAMIC
    program = torch.onnx.export(
        trained(case),
        tuple(case.inputs.values()),
        input_names=list(case.inputs),
        dynamic_shapes=tuple(dict.fromkeys(case.symbolic[name], dynamic) for name in case.inputs),
    )
    return program.model_proto


def main(names: Sequence[str]) -> None:
    for name, case in CASES.items():
        if not names or name in names:
            for exporter in case.exporters:
                save(traced(case) if exporter == "torchscript" else exported(case), f"{exporter}_{name}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1:])
