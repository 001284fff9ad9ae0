"""Small convolutional networks of the kinds that run on phones and cameras, with random weights."""

from __future__ import annotations

from typing import Any


def emotion_cnn(keras: Any) -> Any:
    """Separable convolutions with residuals that halve a grey image of 64×64, after mini Xception."""
    layers = keras.layers

    def separable(x: Any, filters: int) -> Any:
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    image = keras.Input((64, 64, 1), name="image")
    x = image
    for _ in range(2):
        x = layers.Conv2D(8, 3, use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    for filters in (16, 32, 64, 128):
        around = layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False)(x)
        around = layers.BatchNormalization()(around)
        x = separable(layers.ReLU()(separable(x, filters)), filters)
        x = layers.Add()([around, layers.MaxPooling2D(3, 2, padding="same")(x)])
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(7, 3, padding="same")(x))
    return keras.Model(image, layers.Softmax(name="emotion")(x))


def proposal_net(keras: Any) -> Any:
    """The first stage of MTCNN (Zhang et al. 2016), a fully convolutional face detector, on a large image."""
    layers = keras.layers
    image = keras.Input((256, 256, 3), name="image")
    x = image
    for filters, pooled in ((10, True), (16, False), (32, False)):
        x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(filters, 3)(x))
        x = layers.MaxPooling2D(2, padding="same")(x) if pooled else x
    faces = layers.Softmax()(layers.Conv2D(2, 1)(x))
    boxes = layers.Concatenate(name="boxes")([faces, layers.Conv2D(4, 1)(x)])
    return keras.Model(image, boxes)


def _residual(keras: Any, x: Any, filters: int, size: int, stride: int, activation: Any) -> Any:
    """A depthwise and a pointwise convolution, added to the input, which is pooled and padded to the same size."""
    layers, channels = keras.layers, x.shape[-1]
    y = layers.DepthwiseConv2D(size, stride, padding="same")(x)
    y = layers.Conv2D(filters, 1)(y)
    x = layers.MaxPooling2D(2)(x) if stride == 2 else x
    if filters > channels:
        x = keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [0, filters - channels]])
    return activation()(layers.Add()([x, y]))


def face_detector(keras: Any) -> Any:
    """Depthwise convolutions of 5×5 with residuals of padded channels, after BlazeFace (Bazarevsky et al. 2019)."""
    layers = keras.layers
    image = keras.Input((128, 128, 3), name="image")
    x = layers.Conv2D(24, 5, 2, padding="same", activation="relu")(image)
    for filters, stride in (
        (24, 1),
        (28, 1),
        (32, 2),
        (36, 1),
        (42, 1),
        (48, 2),
        (56, 1),
        (64, 1),
        (72, 1),
        (80, 1),
        (88, 1),
    ):
        x = _residual(keras, x, filters, 5, stride, layers.ReLU)
    y = _residual(keras, x, 96, 5, 2, layers.ReLU)
    for _ in range(4):
        y = _residual(keras, y, 96, 5, 1, layers.ReLU)
    boxes = [layers.Reshape((-1, 17))(layers.Conv2D(17 * n, 1)(map_)) for map_, n in ((x, 2), (y, 6))]
    return keras.Model(image, layers.Concatenate(axis=1, name="anchors")(boxes))


def face_mesh(keras: Any) -> Any:
    """The same with kernels of 3×3 and PReLU, down to the coordinates of 468 points."""
    layers = keras.layers

    def prelu() -> Any:
        return layers.PReLU(shared_axes=[1, 2])

    image = keras.Input((192, 192, 3), name="image")
    x = prelu()(layers.Conv2D(16, 3, 2, padding="same")(image))
    for filters in (16, 32, 64, 128, 128, 128):
        x = _residual(keras, x, filters, 3, 1 if filters == 16 else 2, prelu)
        for _ in range(2):
            x = _residual(keras, x, filters, 3, 1, prelu)
    x = prelu()(layers.Conv2D(32, 1)(x))
    return keras.Model(image, layers.Conv2D(1404, 3, name="points")(x))
