"""Resizing, UpSampling, cropping, padding, blocks of pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised, tf_keras
from tests.ops.conftest import Outcomes
from tf2rust.onnx_import.tensorflow.runtime import library

layers = keras.layers
IMAGE = In((6, 5, 4))
SYMBOLIC = In((None, None, 4), feed=lambda rng, shape: rng.normal(0, 2, (shape[0], 7, 10, shape[3])))


TABLE: dict[str, Case] = {
    **{
        f"resizing_{mode}_{height}_{width}": case(
            lambda x, m=mode, h=height, w=width: layers.Resizing(h, w, interpolation=m)(x),
            IMAGE,
            becomes="Resize",
        )
        for mode in ("nearest", "bilinear", "bicubic")
        for height, width in ((13, 8), (3, 2), (4, 11))
    },
    "resizing_one_axis": case(lambda x: layers.Resizing(6, 9)(x), IMAGE, becomes="Resize"),
    **{
        f"resizing_free_{mode}": case(
            lambda x, m=mode: layers.Resizing(9, 41, interpolation=m)(x), SYMBOLIC, becomes="Resize"
        )
        for mode in ("nearest", "bilinear", "bicubic")
    },
    "resizing_crop": case(lambda x: layers.Resizing(5, 3, crop_to_aspect_ratio=True)(x), IMAGE),
    **{
        f"resizing_pad_{height}_{width}": case(
            lambda x, h=height, w=width: layers.Resizing(h, w, pad_to_aspect_ratio=True)(x), IMAGE
        )
        for height, width in ((9, 4), (4, 9), (12, 10))
    },
    **{
        f"upsampling_{mode}": case(
            lambda x, m=mode: layers.UpSampling2D((2, 3), interpolation=m)(x),
            IMAGE,
            becomes="Resize",
        )
        for mode in ("bilinear", "bicubic")
    },
    "upsampling_nearest": case(lambda x: layers.UpSampling2D((2, 3))(x), IMAGE),
    "upsampling_nearest_free": case(lambda x: layers.UpSampling2D(2)(x), SYMBOLIC),
    "upsampling_1d": case(lambda x: layers.UpSampling1D(3)(x), (5, 4)),
    "upsampling_3d": case(lambda x: layers.UpSampling3D((1, 2, 3))(x), (2, 3, 4, 5)),
    "upsampling_between_convs": case(
        lambda x: layers.Conv2D(3, 3)(layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(5, 3)(x))),
        IMAGE,
        becomes="Conv2D Resize Conv2D",
    ),
    **{
        f"cropping_{rank}d": case(lambda x, r=rank: getattr(layers, f"Cropping{r}D")(1)(x), shape, becomes="Slice")
        for rank, shape in ((1, (5, 4)), (2, (5, 6, 4)), (3, (5, 6, 7, 4)))
    },
    **{
        f"padding_{rank}d": case(
            lambda x, r=rank: getattr(layers, f"ZeroPadding{r}D")(2)(x), shape, becomes="ZeroPadding"
        )
        for rank, shape in ((1, (5, 4)), (2, (5, 6, 4)), (3, (5, 6, 7, 4)))
    },
    "center_crop": case(lambda x: layers.CenterCrop(3, 4)(x), IMAGE),
}
# Sizes before and after for which positions rounded to float32, as TensorFlow has them, take other elements.
PAIRS = {"legacy": ((14, 46), (26, 22)), "align_corners": ((8, 47), (14, 23)), "half_pixel_centers": ((2, 41), (4, 47))}


def _images(op: str, way: str, height: int, width: int) -> Callable[[Any], Any]:
    resize = getattr(library("tensorflow").compat.v1.image, f"resize_{op}")
    return lambda x: resize(x, (height, width), **{way: True} if way != "legacy" else {})


OF_TENSORFLOW: dict[str, Case] = {
    **{
        f"{op}_{way}": case(_images(op, way, height, width), In((h, w, 3)), becomes="Resize")
        for op in ("nearest_neighbor", "bilinear", "bicubic")
        for way, ((h, height), (w, width)) in PAIRS.items()
    },
    **{
        f"{op}_{way}_free": case(_images(op, way, height, width), SYMBOLIC, becomes="Resize")
        for op in ("nearest_neighbor", "bilinear", "bicubic")
        for way, ((_, height), (_, width)) in PAIRS.items()
    },
    "upsampling_free": case(lambda x: tf_keras.layers.UpSampling2D((3, 2))(x), SYMBOLIC, becomes="Resize"),
    "upsampling_bicubic": case(
        lambda x: tf_keras.layers.UpSampling2D(3, interpolation="bicubic")(x), IMAGE, becomes="Resize"
    ),
    "large": case(_images("bilinear", "half_pixel_centers", 1, 997), In((1, 720, 3)), becomes="Resize"),
    "integers": case(_images("nearest_neighbor", "half_pixel_centers", 9, 2), In((6, 5, 3), "int32")),
    "integers_bilinear": case(_images("bilinear", "legacy", 9, 2), In((6, 5, 3), "int32"), becomes="Cast Resize"),
}
TABLES = [Table("resize", TABLE), Table("resize_tensorflow", OF_TENSORFLOW, tf_keras, ".h5")]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_resize(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
