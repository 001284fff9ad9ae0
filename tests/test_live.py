"""``tf2rust.convert`` with live models and values instead of files, and the methods of its result."""

from __future__ import annotations

import functools
import html
import pickle
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import tf2rust
from tests.crates import ROOT, TARGET, TF_LAYERS
from tests.models import graphs
from tf2rust.codegen.report import page
from tf2rust.live import GivenFiles
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.source import open_tensorflow

ROWS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


def _keras(package: str, *layers: Any) -> Any:
    keras = library(package)
    with quiet():
        return keras.Sequential([keras.Input((3,), name="x"), *layers, keras.layers.Dense(2, name="last")])


def _keras_3() -> Any:
    return _keras("keras", library("keras").layers.Dropout(0.5))


def _keras_2() -> Any:
    return _keras("tf_keras", library("tf_keras").layers.Dense(4, activation="relu"))


def _custom_layer() -> Any:
    keras = library("keras")

    class Doubled(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            return 2 * x

    return _keras("keras", Doubled())


def _module() -> Any:
    tf = library("tensorflow")

    class Scorer(tf.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            self.kernel = tf.Variable(np.full((3, 2), 0.25, np.float32))

        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
        def score(self, x):  # type: ignore[no-untyped-def]
            return {"y": x @ self.kernel}

    return Scorer()


@functools.cache  # A concrete function does not own its variables.
def _function() -> Any:
    tf = library("tensorflow")
    kernel = tf.Variable(np.full((3, 2), 0.25, np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def score(x):  # type: ignore[no-untyped-def]
        return tf.tanh(x @ kernel)

    return score


LIVE: dict[str, Callable[[], Any]] = {
    "Keras 3": _keras_3,
    "Keras 2": _keras_2,
    "a custom layer": _custom_layer,
    "tf.Module": _module,
    "tf.function": _function,
    "a concrete function": lambda: _function().get_concrete_function(),
    "ModelProto": graphs.mlp,
}


@pytest.mark.parametrize("make", LIVE.values(), ids=LIVE)
def test_a_live_model_is_saved_to_a_file_that_computes_the_same(make: Callable[[], Any], tmp_path: Path) -> None:
    model, files = make(), GivenFiles(tmp_path)
    path = files.model(model, None)
    if isinstance(model, onnx.ModelProto):
        assert onnx.load(path) == model
        return
    source = open_tensorflow(path, trust_code=True, custom_objects=files.custom_objects)
    assert [*files.custom_objects] == ["Doubled"] * (make is _custom_layer)
    (found,) = source.run({source.proto.graph.input[0].name: ROWS}).values()
    called = model.score(ROWS)["y"] if hasattr(model, "score") else model(ROWS)
    np.testing.assert_allclose(found, np.asarray(called), atol=1e-6)


def test_the_file_does_not_depend_on_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, found = _keras_3(), set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(time, "time", lambda name=name: 1.8e9 + len(found) * 1e6)
        found.add(GivenFiles(tmp_path / name).model(model, None).read_bytes())
    assert len(found) == 1


def test_one_of_several_functions(tmp_path: Path) -> None:
    module = _module()
    module.__class__.other = module.__class__.score
    with pytest.raises(tf2rust.ConversionError, match=r"choose one with --signature: other, score"):
        open_tensorflow(GivenFiles(tmp_path).model(module, None))
    assert (
        "signature other" in open_tensorflow(GivenFiles(tmp_path).model(module, "other"), signature="other").opened_with
    )


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: 5, tf2rust.UsageError, "a int is not a model; give a path, a Keras model"),
        (lambda: graphs.mlp().graph, tf2rust.UsageError, "a GraphProto is not a whole model"),
        (
            lambda: _function.__wrapped__().get_concrete_function(),
            tf2rust.ConversionError,
            "TensorFlow cannot save the",
        ),
        (lambda: library("tensorflow").Module(), tf2rust.ConversionError, "has no function with an input signature"),
        (
            lambda: library("tensorflow").function(abs),
            tf2rust.ConversionError,
            "has no function with an input signature",
        ),
    ],
)
def test_what_is_no_model(make: Callable[[], Any], error: type[Exception], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=re.escape(sentence)):
        tf2rust.convert(make(), tmp_path / "out", "m")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"path_to_fv": {"y": ROWS}}, "the arrays of path_to_fv has no array for the model's input `x`"),
        ({"labels": ["a", "b"]}, "the given labels has 2 lines with 2 class names, but the model has 3"),
    ],
)
def test_values_that_do_not_fit(options: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(tf2rust.ConversionError, match=re.escape(sentence)) as caught:
        tf2rust.convert(graphs.mlp(), tmp_path / "out", "m", **options)
    assert "/tf2rust-" not in str(caught.value)


def test_values_in_the_place_of_files(tmp_path: Path) -> None:
    files = GivenFiles(tmp_path)
    labels, thresholds = files.labels(["a", "b"]), files.thresholds({"low": np.float32(0.5)})
    arrays = files.arrays({"x": [[1, 2]], "t": np.array(["é"])}, "constants")
    assert labels is not None
    assert labels.read_text() == '["a", "b"]'
    assert thresholds is not None
    assert thresholds.read_text() == '{"version": 1, "dirty": {"low": 0.5}}'
    assert arrays is not None
    with np.load(arrays) as found:
        assert {name: array.tolist() for name, array in found.items()} == {"x": [[1, 2]], "t": ["é"]}
    assert files.named(f"{labels}, {arrays}") == "the given labels, the arrays of constants"


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tf2rust.conversion.Converted:  # type: ignore[name-defined]
    folder = tmp_path_factory.mktemp("converted")
    model = graphs.mlp()
    model.graph.node[0].name = "<script>alert(1)</script>"
    return tf2rust.convert(model, folder / "out", "live", tf_layers=TF_LAYERS, path_to_fv=np.eye(5, dtype=np.float32))


def _tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    """The elements in ``text`` except for ``strong``, with their attributes."""
    found: list[tuple[str, dict[str, str | None]]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))  # type: ignore[method-assign]
    parser.feed(text)
    return [(tag, attributes) for tag, attributes in found if tag != "strong"]


def test_a_report_that_is_too_large_for_a_notebook_is_left_out(converted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_MOST_FRAMED", 1000)
    assert "<iframe" not in converted._repr_html_()
    assert "report.html</li>" in converted._repr_html_()


def test_a_conversion_as_text_and_in_a_notebook(converted: Any) -> None:
    lines = converted.summary().splitlines()
    assert lines[0].split()[:4] == ["layer", "kind", "output", "parameters"]
    assert [line.split()[1] for line in lines[2:5]] == ["Dense", "Dense", "Softmax"]
    assert "\ntotal" in converted.summary()
    frame, view = re.fullmatch(r"(?s)(.*<iframe .*</iframe>)(.*)", converted._repr_html_()).groups()  # type: ignore[union-attr]
    assert view.count("<tr>") == 1 + 3 + 1
    assert "<script>" not in view
    # The whole report is one attribute.
    ((tag, attributes),) = _tags(frame)
    assert (tag, attributes["sandbox"]) == ("iframe", "allow-scripts")
    assert attributes["srcdoc"] == (converted.model_info / "report.html").read_text()
    assert html.escape(str(converted.crate)) in frame
    assert converted.proof.about() in view
    assert str(converted) == f"{converted.crate}: 3 layers, {converted.proof.about()}"
    assert pickle.loads(pickle.dumps(converted)).summary() == converted.summary()


def test_a_conversion_runs_its_crate(converted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARGO_TARGET_DIR", str(TARGET))
    monkeypatch.setenv("RUSTFLAGS", "-D warnings")
    for arrays in ({"x": np.eye(5)}, np.eye(5, dtype=np.float32)):
        (found,) = converted.predict(arrays).values()
        np.testing.assert_allclose(found, converted.proof.outputs["y"], atol=1e-5)
    with pytest.raises(tf2rust.ConversionError, match=r"the model's input `x` .* in the given arrays"):
        converted.predict({"z": np.eye(5)})


@pytest.mark.targets
def test_the_callback_in_the_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARGO_TARGET_DIR", str(TARGET))
    monkeypatch.setenv("RUSTFLAGS", "-D warnings")
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(import keras.*?)```", text, re.DOTALL)
    convert = tf2rust.convert
    monkeypatch.setattr(tf2rust, "convert", lambda *given: convert(*given, tf_layers=TF_LAYERS))
    names: dict[str, Any] = {"model": _keras_3(), "x": ROWS, "y": np.zeros((4, 2))}
    with quiet():
        exec(code, names)
    (measured,) = names["callback"].measured
    assert measured.largest <= measured.tolerance
