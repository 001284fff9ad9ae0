"""Random states and other side effects: removed if no output depends on them, refused by name otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.load import run_onnx
from tf2rust.onnx_import.tensorflow import load_tensorflow
from tf2rust.onnx_import.tensorflow.runtime import library, quiet

keras, tf_keras, tf = library("keras"), library("tf_keras"), library("tensorflow")

NOISE: Mapping[str, dict[str, Any]] = {
    "AlphaDropout": {"rate": 0.3},
    "Dropout": {"rate": 0.3},
    "GaussianDropout": {"rate": 0.3},
    "GaussianNoise": {"stddev": 1.0},
    "SpatialDropout2D": {"rate": 0.3},
}
SIZES: Mapping[str, dict[str, Any]] = {"CenterCrop": {"height": 6, "width": 7}, "Resizing": {"height": 5, "width": 9}}
KERAS_3: Mapping[str, dict[str, Any]] = {
    "AugMix": {},
    "AutoContrast": {},
    "ContrastLimitedAdaptiveHistogramEqualization": {},
    "CutMix": {},
    "MaxNumBoundingBoxes": {"max_number": 3},
    "MixUp": {},
    "RandAugment": {},
    "RandomBrightness": {"factor": 0.2},
    "RandomColorDegeneration": {"factor": 0.5},
    "RandomColorJitter": {"brightness_factor": 0.2, "saturation_factor": 0.4, "hue_factor": 0.1},
    "RandomContrast": {"factor": 0.2},
    "RandomCrop": {"height": 6, "width": 7},
    "RandomElasticTransform": {},
    "RandomErasing": {},
    "RandomFlip": {},
    "RandomGaussianBlur": {},
    "RandomGrayscale": {},
    "RandomHue": {"factor": 0.3},
    "RandomInvert": {},
    "RandomPerspective": {},
    "RandomPosterization": {"factor": 4},
    "RandomRotation": {"factor": 0.3},
    "RandomSaturation": {"factor": 0.5},
    "RandomSharpness": {"factor": 0.5},
    "RandomShear": {"x_factor": (0.1, 0.3), "y_factor": (0.1, 0.2)},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
    "RandomZoom": {"height_factor": 0.2},
    "Solarization": {},
    **NOISE,
    **SIZES,
}
NOT_IN_H5 = {"RandomBrightness", "RandomColorDegeneration", "RandomPosterization", "RandomSaturation", "Solarization"}
NOT_IN_H5 |= {"RandomSharpness"}
"""Layers whose config Keras 3 cannot write into an HDF5 file."""
KERAS_2: Mapping[str, dict[str, Any]] = {
    "RandomBrightness": {"factor": 0.2},
    "RandomContrast": {"factor": 0.2},
    "RandomCrop": {"height": 6, "width": 7},
    "RandomFlip": {},
    "RandomHeight": {"factor": 0.3},
    "RandomRotation": {"factor": 0.3},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
    "RandomWidth": {"factor": 0.3},
    "RandomZoom": {"height_factor": 0.2},
    **NOISE,
    **SIZES,
}


def _each(package: Any, table: Mapping[str, dict[str, Any]]) -> Any:
    """A model with an output for each layer of the table, and one for two layers in a row."""
    image = package.Input((8, 9, 3), name="image")
    outputs = [getattr(package.layers, name)(**options)(image) for name, options in table.items()]
    flipped = package.layers.RandomZoom(0.2)(package.layers.RandomFlip()(image))
    return package.Model(image, [*outputs, package.layers.Conv2D(2, 3, name="conv")(flipped)])


@pytest.mark.parametrize(
    ("package", "table", "suffix"),
    [
        pytest.param(keras, KERAS_3, ".keras", id="keras3-keras"),
        pytest.param(keras, {n: o for n, o in KERAS_3.items() if n not in NOT_IN_H5}, ".h5", id="keras3-h5"),
        pytest.param(keras, {n: o for n, o in KERAS_3.items() if n not in NOISE}, "", id="keras3-folder"),
        pytest.param(tf_keras, KERAS_2, ".keras", id="keras2-keras"),
        pytest.param(tf_keras, KERAS_2, ".h5", id="keras2-h5"),
        pytest.param(tf_keras, {n: o for n, o in KERAS_2.items() if n not in NOISE}, "", id="keras2-folder"),
    ],
)
def test_layers_that_augment_are_what_they_are_at_inference(
    tmp_path: Path, package: Any, table: Mapping[str, dict[str, Any]], suffix: str
) -> None:
    x = np.random.default_rng(1).uniform(0, 255, (2, 8, 9, 3)).astype(np.float32)
    with quiet():
        model = _each(package, table)
        path = tmp_path / f"model{suffix}"
        model.export(path, verbose=False) if package is keras and not suffix else model.save(path)
        results = model(x, training=False)
    loaded = load_tensorflow(path)
    assert bool(loaded.notes) == (package is keras and not suffix)
    expected = [np.asarray(r) for r in (results if isinstance(results, list) else [results])]
    names = [value.name for value in loaded.proto.graph.output]
    if not suffix and package is keras:  # where outputs are in the order of their names
        names.sort(key=lambda name: int(name.rpartition("_")[2]))
    elif not suffix:
        names = [tensor._keras_history[0].name for tensor in model.outputs]
    for found in (loaded.run({"image": x}), run_onnx(loaded.proto, {"image": x})):
        for name, array in zip(names, expected, strict=True):
            assert found[name].shape == array.shape, name
            np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-3, err_msg=name)


@pytest.mark.parametrize(
    ("dtype", "layers", "left_out"),
    [
        ("float32", lambda k: [k.RandomFlip(name="turn"), k.RandomRotation(0.1, name="tilt")], ["turn", "tilt"]),
        ("uint8", lambda k: [k.RandomBrightness(0.2), k.Rescaling(1 / 255.0)], ["random_brightness"]),
        ("float32", lambda k: [keras.Sequential([k.RandomZoom(0.2), k.MixUp()])], ["random_zoom", "mix_up"]),
        ("float32", lambda k: [k.Conv2D(8, 3), k.RandomTranslation(0.1, 0.1)], ["random_translation"]),
    ],
)
def test_exported_with_augmentation_at_work(
    tmp_path: Path, dtype: str, layers: Callable[[Any], list[Any]], left_out: list[str]
) -> None:
    image = keras.Input((16, 16, 3), dtype=dtype, name="image")
    x = np.random.default_rng(1).uniform(0, 255, (2, 16, 16, 3)).astype(dtype)
    with quiet():
        inner = keras.Sequential([*layers(keras.layers), keras.layers.Conv2D(2, 3)])
        model = keras.Model(image, inner(image))
        model.export(tmp_path, verbose=False)
        expected = np.asarray(model(x, training=False))
    loaded = load_tensorflow(tmp_path)
    (note,) = loaded.notes
    assert all(name in note for name in left_out)
    for found in (loaded.run({"image": x}), run_onnx(loaded.proto, {"image": x})):
        (array,) = found.values()
        np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-3)


def _exported_noise(_: Any) -> Any:
    class Always(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__(name="always")
            self.noise = keras.layers.GaussianNoise(1.0)

        def call(self, x: Any) -> Any:
            return self.noise(x, training=True)

    x = keras.Input((4,), name="x")
    return keras.Model(x, Always()(x))


def _noisy(_: Any) -> Any:
    class Noisy(tf.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.generator = tf.random.Generator.from_seed(1)

        @tf.function(input_signature=[tf.TensorSpec([3], name="x")])  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            return x + self.generator.normal([3])

    return Noisy()


def _counted_in_a_loop(_: Any) -> Any:
    class Counter(tf.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.calls = tf.Variable(0.0, name="calls")

        @tf.function(input_signature=[tf.TensorSpec([None], name="x")])  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            for _ in tf.range(3):
                self.calls.assign_add(1.0)
            return x * self.calls

    return Counter()


def _scattered(_: Any) -> Any:
    class Table(tf.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.table = tf.Variable([0.0, 0.0, 0.0], name="table")

        @tf.function(input_signature=[tf.TensorSpec([1], name="x")])  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            self.table.scatter_nd_update([[1]], x)
            return self.table + x

    return Table()


@pytest.mark.parametrize(
    ("build", "package", "suffix", "words"),
    [
        (_exported_noise, None, "", ("seed_generator_state", "random numbers")),
        (_noisy, None, "", ("'StateVar:0'", "random numbers")),
        (_counted_in_a_loop, None, "", ("'calls:0'", "between calls", "loops")),
        (_scattered, None, "", ("'table:0'", "by ReadVariableOp, ResourceScatterNdUpdate;")),
    ],
)
def test_a_state_is_refused_by_name(
    tmp_path: Path, build: Callable[[Any], Any], package: Any, suffix: str, words: tuple[str, ...]
) -> None:
    path = tmp_path / f"model{suffix}"
    with quiet():
        model = build(package)
        if package:
            model.save(path)
        elif isinstance(model, keras.Model):
            model.export(path, verbose=False)
        else:
            tf.saved_model.save(model, path)
    with pytest.raises(ConversionError) as raised:
        load_tensorflow(path)
    (reason,) = raised.value.reasons
    assert all(word.lower() in reason.lower() for word in words), reason


def test_what_no_output_depends_on_is_left_out(tmp_path: Path) -> None:
    class Checked(tf.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.calls, self.weight = tf.Variable(0), tf.Variable([2.0, 3.0])

        @tf.function(input_signature=[tf.TensorSpec([None, 2], name="x")])  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            self.calls.assign_add(1)
            tf.debugging.assert_all_finite(x, "not finite")
            steps = tf.constant(0)
            while steps < 3:
                self.calls.assign_add(steps)
                x, steps = x * self.weight, steps + 1
            return x

    with quiet():
        tf.saved_model.save(Checked(), tmp_path)
    loaded = load_tensorflow(tmp_path)
    x = np.array([[1, 2], [3, 4]], np.float32)
    (found,), (made,) = run_onnx(loaded.proto, {"x": x}).values(), loaded.run({"x": x}).values()
    np.testing.assert_array_equal(found, x * [8, 27])
    np.testing.assert_array_equal(made, x * [8, 27])
