"""The fused LSTM of TFLite models agrees with TensorFlow's interpreter; what cannot be converted is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow import load_tensorflow
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.tensorflow.tflite_rewrite import builtin_number, packed, tflite_schema

BATCH, STEPS, INPUTS, UNITS = 3, 12, 5, 4
_LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"

Edit = Callable[[Any], None]


@pytest.fixture(scope="module")
def floats() -> bytes:
    """The last state of an LSTM, and a Dense layer."""
    keras = library("tf_keras")
    biases = keras.initializers.RandomNormal(seed=4)
    return _converted([keras.layers.LSTM(UNITS, bias_initializer=biases), keras.layers.Dense(2)], BATCH)


@pytest.fixture(scope="module")
def integers() -> bytes:
    """An LSTM on 8-bit integers, with a 16-bit cell state up to ±2, which the samples exceed."""
    keras = library("tf_keras")
    kernels = keras.initializers.RandomNormal(stddev=0.6, seed=3)
    layer = keras.layers.LSTM(UNITS, return_sequences=True, kernel_initializer=kernels)
    return _converted([layer], 1, integers=True)


def _converted(layers: Sequence[Any], batch: int, *, integers: bool = False) -> bytes:
    tf, keras = library("tensorflow"), library("tf_keras")
    lite = tf.lite
    keras.utils.set_random_seed(4)
    model = keras.Sequential([keras.Input((STEPS, INPUTS), batch_size=batch), *layers])
    with quiet():
        traced = tf.function(model).get_concrete_function(tf.TensorSpec((batch, STEPS, INPUTS)))
        converter = lite.TFLiteConverter.from_concrete_functions([traced], model)  # faster than from_keras_model
        if integers:
            converter.optimizations = [lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([sample] for sample in _samples(9, batch))
            converter.target_spec.supported_ops = [lite.OpsSet.TFLITE_BUILTINS_INT8]
        content: bytes = converter.convert()
    return content


def _samples(count: int, batch: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(7).normal(size=(count, batch, STEPS, INPUTS)).astype(np.float32)


def _edited(content: bytes, edit: Edit) -> bytes:
    model = tflite_schema().ModelT.InitFromPackedBuf(content, 0)
    edit(model)
    return packed(model)


def _lstms(model: Any) -> Iterator[Any]:
    number = tflite_schema().BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM
    for operator in model.subgraphs[0].operators:
        if builtin_number(model.operatorCodes[operator.opcodeIndex]) == number:
            yield operator


def _with_options(**options: Any) -> Edit:
    def edit(model: Any) -> None:
        for operator in _lstms(model):
            for name, value in options.items():
                setattr(operator.builtinOptions, name, value)

    return edit


def _time_major(model: Any) -> None:
    """The batch and the steps change places."""
    _with_options(timeMajor=True)(model)
    for operator in _lstms(model):
        for place in (18, 19):
            model.subgraphs[0].tensors[operator.inputs[place]].shape = [STEPS, UNITS]


def _hybrid(model: Any) -> None:
    """Kernels of 8 bits."""
    schema = tflite_schema()
    for operator in _lstms(model):
        operator.builtinOptions.asymmetricQuantizeInputs = True
        for place in range(1, 9):
            tensor = model.subgraphs[0].tensors[operator.inputs[place]]
            kernel = np.asarray(model.buffers[tensor.buffer].data).view(np.float32)
            scale = np.abs(kernel).max() / 127
            model.buffers[tensor.buffer].data = np.rint(kernel / scale).astype(np.int8).view(np.uint8)
            tensor.type = schema.TensorType.INT8
            tensor.quantization = schema.QuantizationParametersT(scale=np.float32([scale]), zeroPoint=np.array([0]))


CASES: dict[str, Edit] = {"keras": lambda _: None, "time_major": _time_major, "hybrid": _hybrid}


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_interpreter(floats: bytes, tmp_path: Path, name: str) -> None:
    """The second call begins with states of zero, as the first does."""
    path = tmp_path / "model.tflite"
    path.write_bytes(_edited(floats, CASES[name]))
    model = load_tensorflow(path)
    assert "LSTM" in [node.op_type for node in model.proto.graph.node]
    (given,), session = model.proto.graph.input, onnxruntime.InferenceSession(model.proto.SerializeToString())
    for x in _samples(2, BATCH):
        (expected,) = model.run({given.name: x}).values()
        (found,) = session.run(None, {given.name: x})
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def _with_large_cells(model: Any) -> None:
    """A cell state up to ±16, which nothing reaches."""
    for operator in _lstms(model):
        model.subgraphs[0].tensors[operator.inputs[19]].quantization.scale = np.float32([2**-11])


@pytest.mark.parametrize("edit", [lambda _: None, _with_large_cells])
def test_integers_agree_within_a_step(integers: bytes, tmp_path: Path, edit: Edit) -> None:
    """The reference is TFLite without the limit of ±2; with it, the results are up to six steps off."""
    path = tmp_path / "model.tflite"
    path.write_bytes(_edited(integers, edit))
    model = load_tensorflow(path)
    (operator,) = _lstms(unpacked := tflite_schema().ModelT.InitFromPackedBuf(integers, 0))
    (step,) = unpacked.subgraphs[0].tensors[operator.outputs[0]].quantization.scale
    (given,), session = model.proto.graph.input, onnxruntime.InferenceSession(model.proto.SerializeToString())
    for x in _samples(5, 1):
        (expected,) = model.run({given.name: x}).values()
        (found,) = session.run(None, {given.name: x})
        assert np.abs(found - expected).max() < 1.5 * step


@pytest.mark.parametrize(
    ("source", "edit", "limits"),
    [
        ("floats", lambda _: None, ["±10;"]),
        ("floats", _with_options(cellClip=12.0), []),
        ("floats", _with_options(cellClip=0.0), []),
        ("floats", _time_major, []),
        ("integers", lambda _: None, ["±2;"]),
        ("integers", _with_large_cells, ["±10;"]),
    ],
)
def test_a_limit_of_the_cells_is_noted_if_they_can_reach_it(
    request: pytest.FixtureRequest, tmp_path: Path, source: str, edit: Edit, limits: list[str]
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(_edited(request.getfixturevalue(source), edit))
    states, *noted = load_tensorflow(path).notes
    assert "states of zero" in states
    assert [limit in note for limit, note in zip(limits, noted, strict=True)] == [True] * len(limits)


def _with_input(place: int, source: int | None) -> Edit:
    """An operator whose input at ``place`` is that at another place, or missing."""

    def edit(model: Any) -> None:
        for operator in _lstms(model):
            inputs = list(operator.inputs)
            inputs[place] = -1 if source is None else inputs[source]
            operator.inputs = inputs

    return edit


def _without_variables(model: Any) -> None:
    for operator in _lstms(model):
        model.subgraphs[0].tensors[operator.inputs[18]].isVariable = False


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        (_with_input(1, None), "an input gate that is the complement of the forget gate"),
        (_with_input(14, None), "too few inputs"),
        (_with_input(10, 12), "peepholes"),
        (_with_input(16, 5), "a projection"),
        (_with_input(21, 12), "a layer normalization"),
        (_with_options(fusedActivationFunction=1), "another activation than tanh"),
        (_with_options(diagonalRecurrentTensors=True), "diagonal recurrent kernels"),
        (_without_variables, "initial states that are no variables"),
    ],
)
def test_other_kinds_are_refused(floats: bytes, tmp_path: Path, edit: Edit, part: str) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(_edited(floats, edit))
    with pytest.raises(ConversionError, match=rf"{_LSTM} \(tensor '.*'\) has {part}, which is not supported"):
        load_tensorflow(path)


def test_different_scales_of_the_hidden_state_are_refused(integers: bytes, tmp_path: Path) -> None:
    def edit(model: Any) -> None:
        (operator,) = _lstms(model)
        model.subgraphs[0].tensors[operator.intermediates[-1]].quantization.scale = np.float32([0.5])

    path = tmp_path / "model.tflite"
    path.write_bytes(_edited(integers, edit))
    with pytest.raises(ConversionError, match=f"{_LSTM} .* writes its hidden state with another scale"):
        load_tensorflow(path)


def test_all_operators_without_a_handler_are_named(floats: bytes, tmp_path: Path) -> None:
    others = {"STRIDED_SLICE": "BIDIRECTIONAL_SEQUENCE_LSTM", "FULLY_CONNECTED": "SVDF"}

    def edit(model: Any) -> None:
        _with_input(10, 12)(model)
        numbers = tflite_schema().BuiltinOperator
        for code in model.operatorCodes:
            for name, other in others.items():
                if builtin_number(code) == getattr(numbers, name):
                    code.builtinCode = code.deprecatedBuiltinCode = getattr(numbers, other)

    path = tmp_path / "model.tflite"
    path.write_bytes(_edited(floats, edit))
    with pytest.raises(ConversionError) as refused:
        load_tensorflow(path)
    kinds = [f"TFLite op {name} (tensor " for name in (*others.values(), _LSTM)]
    assert [reason.startswith(kind) for reason, kind in zip(refused.value.reasons, kinds, strict=True)] == [True] * 3
