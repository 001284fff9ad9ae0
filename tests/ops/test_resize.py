"""Resizing, UpSampling, cropping, padding, blocks of pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers = keras.layers
IMAGE = In((6, 5, 4))
FREE = In((None, None, 4), feed=lambda rng, shape: rng.normal(0, 2, (shape[0], 7, 10, shape[3])))


def _keys(size: int, output: int) -> np.ndarray:
    """The matrix of Keys' cubic interpolation with a = −½; TensorFlow rounds its weights' positions to 1/1024."""
    matrix = np.zeros((output, size))
    for i in range(output):
        at = (i + 0.5) * size / output - 0.5
        for j in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
            if 0 <= j < size:
                d = abs(at - j)
                matrix[i, j] = 1.5 * d**3 - 2.5 * d**2 + 1 if d <= 1 else -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return matrix / matrix.sum(axis=1, keepdims=True)


def _bicubic(height: int, width: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.einsum("yh,nhwc,xw->nyxc", _keys(x.shape[1], height), x, _keys(x.shape[2], width))


TABLE: dict[str, Case] = {
    **{
        f"resizing_{mode}_{height}_{width}": case(
            lambda x, m=mode, h=height, w=width: layers.Resizing(h, w, interpolation=m)(x),
            IMAGE,
            becomes="Resize Resize",
            exact=_bicubic(height, width) if mode == "bicubic" else None,
        )
        for mode in ("nearest", "bilinear", "bicubic")
        for height, width in ((13, 8), (3, 2), (4, 11))
    },
    "resizing_one_axis": case(lambda x: layers.Resizing(6, 9)(x), IMAGE, becomes="Resize"),
    "resizing_free": case(lambda x: layers.Resizing(9, 8)(x), FREE),
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
            becomes="Resize Resize",
            exact=_bicubic(12, 15) if mode == "bicubic" else None,
        )
        for mode in ("bilinear", "bicubic")
    },
    "upsampling_nearest": case(lambda x: layers.UpSampling2D((2, 3))(x), IMAGE),
    "upsampling_nearest_free": case(lambda x: layers.UpSampling2D(2)(x), FREE),
    "upsampling_1d": case(lambda x: layers.UpSampling1D(3)(x), (5, 4)),
    "upsampling_3d": case(lambda x: layers.UpSampling3D((1, 2, 3))(x), (2, 3, 4, 5)),
    "upsampling_between_convs": case(
        lambda x: layers.Conv2D(3, 3)(layers.UpSampling2D(2, interpolation="bilinear")(layers.Conv2D(5, 3)(x))),
        IMAGE,
        becomes="Conv2D Resize Resize Conv2D",
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
TABLES = [Table("resize", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_resize(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
