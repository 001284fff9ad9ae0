"""The models of the bench: two published ones, and others with random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import networks, vision
from bench.networks import Make
from demo.models import dgaintel, magika
from tf2rust.quantization.settings import BF16, Settings

FLOAT = "f32"
INT8 = "int8"


@dataclass(frozen=True)
class Model:
    """A model of the bench, its origin and the batch sizes at which it is timed."""

    name: str
    about: str
    batches: tuple[int, ...] = (1, 64)
    fetch: Callable[[], Path] | None = None
    make: Make | None = None
    base: str = ""
    """The float model that this one is a variant of."""
    precision: str = FLOAT
    """What the weights are stored or multiplied in. OpenVINO multiplies in bfloat16 if this is ``bf16``."""
    quantized: str = ""
    """How the float model is quantized for all engines: ``static`` or ``dynamic``."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further options of our conversion. The other engines run the file of the float model."""

    @property
    def file_name(self) -> str:
        """The name of the model whose files the engines run."""
        return self.base if self.base and not self.quantized else self.name


_FLOAT_MODELS = (
    Model("tiny_mlp", "six features divided by constants, Dense 64, 8, 4", (1, 64, 4096), make=networks.tiny_mlp),
    Model("dgaintel", "domain classifier: Embedding, Conv1D, LSTM", fetch=dgaintel),
    Model("magika", "file-type detector: Dense, Conv1D, LayerNorm", fetch=magika),
    Model("text_cnn", "three int inputs: Embedding, Conv1D 3, 4, 5, Dense", make=networks.text_cnn),
    Model("mnist_cnn", "Conv2D 32, 64, Dense 128, 10 on 28×28", make=networks.mnist_cnn),
    Model("lstm", "LSTM 128, 128 over 100 steps of 32", make=networks.lstm),
    Model("mobilenet_v2", "MobileNetV2 at 224", make=networks.application("MobileNetV2")),
    Model("resnet50", "ResNet50 at 224", make=networks.application("ResNet50")),
    Model("emotion_cnn", "separable convolutions with residuals on 64×64×1", make=vision.emotion_cnn),
    Model("proposal_net", "3×3 convolutions of 10, 16 and 32 channels, PReLU, on 256×256", make=vision.proposal_net),
    Model("face_detector", "depthwise 5×5, residuals with padded channels, on 128×128", make=vision.face_detector),
    Model("face_mesh", "depthwise 3×3, residuals, PReLU, on 192×192", make=vision.face_mesh),
    Model("encoder", "transformer: 4 blocks 256 wide, 128 tokens", make=networks.encoder),
    Model("speech_block", "transformer block 384 wide, 500 frames", make=networks.speech_block),
    Model("unet", "U-Net of 16 to 128 channels at 128", make=networks.unet),
    Model(
        "dense_512", "one matrix product, which shows what instructions an engine uses", (512,), make=networks.dense_512
    ),
)


def _variant(name: str, about: str, batches: tuple[int, ...] = (1, 64), **changes: Any) -> Model:
    """A variant of the float model whose name is ``name`` up to the suffix."""
    base = next(model for model in _FLOAT_MODELS if model.name == name.rpartition("_")[0])
    return replace(base, name=name, about=about, batches=batches, base=base.name, **changes)


MODELS = (
    *_FLOAT_MODELS,
    _variant("mnist_cnn_int8", "mnist_cnn, quantized", precision=INT8, quantized="static"),
    _variant(
        "mnist_cnn_f16",
        "mnist_cnn with weights in float16",
        (1,),
        precision="f16",
        options={"quantization": Settings("", weights="f16")},
    ),
    _variant("lstm_int8", "lstm with quantized weights", precision=INT8, quantized="dynamic"),
    _variant("encoder_int8", "encoder with quantized weights", precision=INT8, quantized="dynamic"),
    _variant("mobilenet_v2_int8", "mobilenet_v2, quantized", precision=INT8, quantized="static"),
    _variant("resnet50_int8", "resnet50, quantized", precision=INT8, quantized="static"),
    *(
        _variant(
            f"{name}_bf16",
            f"{name} with products of bfloat16",
            precision=BF16,
            options={"quantization": Settings("", weights=BF16, precision=BF16)},
        )
        for name in ("resnet50", "encoder")
    ),
)
"""The base of a variant is before it."""
