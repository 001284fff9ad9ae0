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
import torch_audio as audio
import torch_images as images
import torch_language as language
import torch_sequences as sequences
import torch_vision as vision
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

MASK = torch.tensor([[1] * 7, [1] * 5 + [0] * 2])

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
    "bert": Case(
        language.Bert,
        {"input_ids": ids(2, 7, below=30), "attention_mask": MASK, "token_type_ids": ids(2, 7, below=2)},
        {"input_ids": SEQUENCE, "attention_mask": SEQUENCE, "token_type_ids": SEQUENCE},
        opset=14,
    ),
    "sentence": Case(
        language.SentenceEncoder,
        {"input_ids": ids(2, 7, below=30), "attention_mask": MASK},
        {"input_ids": SEQUENCE, "attention_mask": SEQUENCE},
        opset=11,
    ),
    "t5_encoder": Case(
        language.T5Encoder,
        {"input_ids": ids(2, 7, below=30), "attention_mask": MASK},
        {"input_ids": SEQUENCE, "attention_mask": SEQUENCE},
        opset=13,
    ),
    "t5_step": Case(
        language.T5Step,
        {
            "input_ids": ids(2, 1, below=30),
            **{name: torch.randn(2, 2, 4, 8) for name in ("past_key", "past_value")},
            **{name: torch.randn(2, 2, 5, 8) for name in ("encoder_key", "encoder_value")},
        },
        {
            "input_ids": {0: "batch"},
            **{name: {0: "batch", 2: "past"} for name in ("past_key", "past_value")},
            **{name: {0: "batch", 2: "source"} for name in ("encoder_key", "encoder_value")},
        },
        opset=13,
    ),
    "causal_step": Case(
        language.CausalStep,
        {
            "input_ids": ids(2, 3, below=30),
            "attention_mask": torch.ones(2, 7, dtype=torch.int64),
            **{name: torch.randn(2, 2, 4, 8) for name in ("past_key", "past_value")},
        },
        {
            "input_ids": {0: "batch", 1: "time"},
            "attention_mask": {0: "batch", 1: "total"},
            **{name: {0: "batch", 2: "past"} for name in ("past_key", "past_value")},
        },
        opset=14,
    ),
    "clip_text": Case(language.ClipText, {"text": ids(2, 9, below=30)}, batch("text"), opset=16),
    "alibi": Case(language.Alibi, {"x": torch.randn(2, 6, 16)}, {"x": SEQUENCE}, opset=15),
    "pointer": Case(language.Pointer, {"words": ids(2, 6, below=30)}, {"words": SEQUENCE}, opset=12),
    "vad": Case(
        audio.Vad,
        {"audio": torch.randn(2, 64), "h": torch.randn(2, 8), "c": torch.randn(2, 8)},
        {name: {0: "batch"} for name in ("audio", "h", "c")},
        opset=16,
    ),
    "recurrent": Case(
        audio.Recurrent,
        {"frames": torch.randn(2, 9, 6), "state": torch.randn(2, 2, 2, 5)},
        {"frames": SEQUENCE, "state": {2: "batch"}},
        opset=15,
    ),
    "conformer": Case(audio.Conformer, {"features": torch.randn(2, 23, 16)}, {"features": SEQUENCE}, opset=14),
    "wav2vec": Case(audio.Wav2Vec, {"sound": torch.randn(2, 60)}, {"sound": {0: "batch", 1: "samples"}}, opset=14),
    "vocoder": Case(audio.Vocoder, {"mel": torch.randn(2, 6, 9)}, {"mel": {0: "batch", 2: "time"}}, opset=11),
    "denoiser": Case(
        audio.Denoiser,
        {"spectrum": torch.randn(2, 2, 5, 9), "state": torch.randn(1, 2, 10)},
        {"spectrum": {0: "batch", 2: "time"}, "state": {1: "batch"}},
        opset=13,
    ),
    "whisper_encoder": Case(audio.WhisperEncoder, {"mel": torch.randn(2, 6, 20)}, batch("mel"), opset=17),
    "spotter": Case(audio.Spotter, {"audio": torch.randn(2, 80)}, {"audio": {0: "batch", 1: "samples"}}, opset=14),
    "yolo": Case(vision.Yolo, {"image": torch.rand(2, 3, 16, 24)}, {"image": IMAGE}, opset=12),
    "dbnet": Case(vision.Dbnet, {"image": torch.randn(2, 3, 24, 32)}, {"image": IMAGE}, opset=11),
    "ssd": Case(vision.Ssd, {"image": torch.randn(2, 3, 12, 16)}, {"image": IMAGE}, opset=11),
    "deeplab": Case(vision.DeepLab, {"image": torch.randn(2, 3, 13, 15)}, {"image": IMAGE}, opset=13),
    "convnext": Case(vision.ConvNext, {"image": torch.randn(2, 3, 16, 20)}, {"image": IMAGE}, opset=16),
    "dino": Case(vision.Dino, {"image": torch.randn(2, 3, 16, 20)}, {"image": IMAGE}, opset=17),
    "segformer": Case(vision.SegFormer, {"image": torch.randn(2, 3, 16, 24)}, {"image": IMAGE}, opset=12),
    "mixer": Case(vision.Mixer, {"image": torch.randn(2, 3, 12, 12)}, batch("image"), opset=13),
    "faces": Case(vision.Faces, {"image": 255 * torch.rand(2, 3, 12, 12)}, batch("image"), opset=11),
    "heatmaps": Case(vision.Heatmaps, {"image": torch.randn(2, 3, 16, 12)}, {"image": IMAGE}, opset=14),
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
