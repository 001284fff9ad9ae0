"""Variables of TFLite models: the rewritten model, step by step, is the original one in TensorFlow's interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.load import OnnxRuntime
from tf2rust.onnx_import.tensorflow import load_tensorflow
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.proof.reference.steps import in_sequence

tf = library("tensorflow")
STEPS = 4
SHAPES: Mapping[str, tuple[int, ...]] = {"sum": (3,)}
"""The variables that begin with zeros."""


class Delay(tf.Module):  # type: ignore[misc, name-defined]
    """A buffer that begins with numbers, and a sum that is an output itself."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = tf.Variable([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], name="buffer")
        self.sum = tf.Variable([0.0, 0.0, 0.0], name="sum")

    @tf.function(input_signature=[tf.TensorSpec([3], name="x")])  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        first = self.buffer[0]
        self.buffer.assign(tf.concat([self.buffer[1:], x[None]], axis=0))
        self.sum.assign_add(x)
        return {"y": x * 2.0 - first + tf.reduce_sum(self.buffer), "total": self.sum.read_value()}


class Cell(tf.Module):  # type: ignore[misc, name-defined]
    """A recurrent cell whose state is its output, and a variable that only counts."""

    def __init__(self) -> None:
        super().__init__()
        self.units = tf.Variable([[0.5, -0.5]], name="units")
        self.calls = tf.Variable(3, name="calls")
        self.kernel = tf.Variable([[0.5, 1.0], [2.0, -1.0], [0.25, 0.5]], name="kernel")

    @tf.function(input_signature=[tf.TensorSpec([1, 3], name="x")])  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        self.calls.assign_add(2)
        return self.units.assign(tf.tanh(x @ self.kernel + self.units)) * tf.cast(self.calls, tf.float32)


class Halving(tf.Module):  # type: ignore[misc, name-defined]
    """A loop that uses no variable, and a variable that none of the loop's subgraphs sees."""

    def __init__(self) -> None:
        super().__init__()
        self.sum = tf.Variable([8.0, 1.0], name="sum")

    @tf.function(input_signature=[tf.TensorSpec([2], name="x")])  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        y = self.sum.assign_add(x)
        while tf.reduce_sum(tf.abs(y)) > 1.0:
            y = y * 0.5
        return y


CASES = {
    "delay": (Delay, (3,), {"buffer", "sum"}),
    "cell": (Cell, (1, 3), {"units", "calls"}),
    "halving": (Halving, (2,), {"sum"}),
}


def _tflite(model: Any, folder: Path) -> Path:
    with quiet():
        tf.saved_model.save(model, str(folder / "saved"))
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved"))
        converter.experimental_enable_resource_variables = True
        (folder / "model.tflite").write_bytes(converter.convert())
    return folder / "model.tflite"


@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_of_the_original(tmp_path: Path, name: str) -> None:
    build, shape, variables = CASES[name]
    path = _tflite(build(), tmp_path)
    loaded = load_tensorflow(path)
    assert {state.input for state in loaded.states} == variables
    x = np.random.default_rng(2).standard_normal((STEPS, *shape)).astype(np.float32)
    interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    details = interpreter.get_output_details()
    expected = []
    for step in x:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], step)
        interpreter.invoke()
        expected.append([interpreter.get_tensor(detail["index"]) for detail in details])
    initial = {
        state.input: np.zeros(SHAPES[state.input], np.float32) if state.initial is None else state.initial
        for state in loaded.states
    }
    given = next(info.name for info in loaded.proto.graph.input if info.name not in initial)
    for run in (loaded.run, OnnxRuntime(loaded.proto)):
        found = in_sequence(run, loaded.states)({given: x, **initial})
        for i, (output, _) in enumerate(zip(loaded.proto.graph.output, details, strict=False)):
            np.testing.assert_allclose(found[output.name], [step[i] for step in expected], atol=1e-5)


def test_a_variable_in_a_loop_is_refused(tmp_path: Path) -> None:
    class Loop(tf.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.sum = tf.Variable([0.0], name="sum")

        @tf.function(input_signature=[tf.TensorSpec([1], name="x")])  # type: ignore[untyped-decorator]
        def __call__(self, x: Any) -> Any:
            while tf.reduce_sum(x) < 3.0:
                x = x + self.sum.assign_add([1.0])
            return x

    with pytest.raises(ConversionError, match="a branch or a loop of the TFLite model uses a variable"):
        load_tensorflow(_tflite(Loop(), tmp_path))
