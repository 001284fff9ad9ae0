"""The families of keras.applications, and the small member of each that the plain tests convert."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Member:
    """One network: the arguments of its function at full size, and those of a small one."""

    full: dict[str, Any] = field(default_factory=dict)
    small: dict[str, Any] | None = None
    """None where the family has no small member."""


def _small(size: int, **more: Any) -> dict[str, Any]:
    return {"input_shape": (size, size, 3), **more}


FAMILIES: dict[str, Member] = {
    "MobileNet": Member(small=_small(64, alpha=0.25, classes=10)),
    "MobileNetV2": Member(small=_small(64, alpha=0.35, classes=10)),
    # Height and width stay free.
    "MobileNetV3Small": Member(small={"minimalistic": True, "alpha": 0.75, "classes": 10}),
    "MobileNetV3Large": Member(),
    "EfficientNetB0": Member(small=_small(64, classes=10)),
    "EfficientNetV2B0": Member(),
    "ResNet50": Member(),
    "ResNet50V2": Member(),
    "DenseNet121": Member(small=_small(64, classes=10)),
    "Xception": Member(),
    "InceptionV3": Member(),
    "InceptionResNetV2": Member(),
    "NASNetMobile": Member(small=_small(64, classes=10)),
    "NASNetLarge": Member(),
    "ConvNeXtTiny": Member(),
    "VGG16": Member(),
    "VGG19": Member(),
}


def build(name: str, full: bool) -> Any:
    """The network with seeded weights."""
    from tests.models.weights import randomise
    from tf2rust.onnx_import.tensorflow.runtime import library, quiet

    member = FAMILIES[name]
    keras = library("keras")
    with quiet():
        keras.utils.set_random_seed(5)
        options = member.full if full else member.small or member.full
        return randomise(getattr(keras.applications, name)(weights=None, **options))
