"""States between calls: `step` gives the results of the source framework, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.crates import TF_LAYERS, Crates
from tests.models.graphs import Shape, graph, node, save
from tests.models.states import FLOAT, STATEFUL, average, counters, voice_activity
from tf2rust import options
from tf2rust.codegen.names import crate_name
from tf2rust.conversion import Options, convert
from tf2rust.errors import ConversionError, UsageError
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.source import open_onnx, open_tensorflow, with_states

TORCH = Path(__file__).parent / "zoo" / "models" / "torchscript_voice_activity.onnx"


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("states"))
    for name, case in STATEFUL.items():
        path = save(case.build(), made.folder / f"{name}.onnx")
        made.add(f"state_{name}", open_onnx(path), states=case.states)
    with quiet():
        path = made.folder / "recurrent.keras"
        _recurrent().save(path)
        _causal().save(made.folder / "causal.keras")
    made.add("state_recurrent", open_tensorflow(path))
    made.add("state_causal", open_tensorflow(made.folder / "causal.keras"), stream="x:1")
    made.build()
    made.cargo("check", "--release", "--workspace", "--examples")
    return made


def _recurrent() -> Any:
    """Stateful layers of Keras; their states are not options of the conversion."""
    keras = library("keras")
    x = keras.Input(batch_shape=(2, 5, 3), name="x")
    y = keras.layers.Bidirectional(keras.layers.GRU(4, stateful=True, return_sequences=True), name="both")(x)
    return keras.Model(x, keras.layers.LSTM(3, stateful=True, name="last")(y))


def _causal() -> Any:
    """A small WaveNet of causal convolutions, with an LSTM on top."""
    keras = library("keras")
    layers = keras.layers
    x = keras.Input((None, 3), name="x")
    y = layers.Conv1D(4, 2, padding="causal")(x)
    for dilation in (1, 2, 4):
        options = {"kernel_size": 3, "padding": "causal", "dilation_rate": dilation}
        gated = layers.Conv1D(4, activation="tanh", **options)(y) * layers.Conv1D(4, activation="sigmoid", **options)(y)
        y = layers.LayerNormalization()(y + layers.Conv1D(4, 1)(gated))
    return keras.Model(x, layers.Dense(2, name="y")(layers.LSTM(3, return_sequences=True)(y)))


@pytest.mark.parametrize("name", [*STATEFUL, "recurrent"])
def test_steps_in_sequence(crates: Crates, name: str) -> None:
    """The crate's own tests run the steps, reset the state and run the first step again."""
    converted = crates.converted[f"state_{name}"]
    assert "all_steps_in_sequence_and_the_first_one_again ... ok" in crates.test(f"state_{name}")
    assert converted.proof.about().startswith("verified on 6 steps")


def test_chunks_of_a_stream(crates: Crates) -> None:
    """The crate's own tests run the sequence in single steps and in chunks of mixed sizes."""
    found = crates.test("state_causal")
    assert "all_steps_in_sequence_and_the_first_one_again ... ok" in found
    assert "chunks_of_mixed_sizes ... ok" in found
    assert " on the whole sequence" in crates.converted["state_causal"].proof.about()


@pytest.mark.parametrize("name", STATEFUL)
def test_code(crates: Crates, name: str) -> None:
    assert STATEFUL[name].code in (crates.converted[f"state_{name}"].crate / "src/model.rs").read_text()


def test_stateful_layers_are_layers(crates: Crates) -> None:
    kinds = [layer.kind for layer in crates.converted["state_recurrent"].listing.layers]
    assert [kind for kind in kinds if kind in ("GRU", "LSTM", "While", "For")] == ["GRU", "GRU", "LSTM"]


def test_the_example_runs_steps_in_sequence(crates: Crates) -> None:
    """Axis 0 of every array is the step."""
    x = np.random.default_rng(5).standard_normal((4, 2, 9, 3)).astype(np.float32)
    np.savez(crates.folder / "in.npz", x=x)
    arguments = ["-q", "--release", "-p", crate_name("state_voice_activity"), "--example", "predict", "--"]
    crates.cargo("run", *arguments, str(crates.folder / "in.npz"), str(crates.folder / "out.npz"))
    found = np.load(crates.folder / "out.npz")
    runtime = _session(voice_activity())
    h, c = np.zeros((2, 1, 9, 4), np.float32)
    for step in range(4):
        p, h, c = runtime.run(["probability", "hn", "cn"], {"x": x[step], "h": h, "c": c})
        np.testing.assert_allclose(found["probability"][step], p, atol=1e-5)
        np.testing.assert_allclose(found["cn"][step], c, atol=1e-5)


def _session(model: onnx.ModelProto):  # type: ignore[no-untyped-def]
    import onnxruntime

    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def test_a_state_that_torch_wrote(tmp_path: Path) -> None:
    """The names of its symbolic dimensions differ between inputs and outputs."""
    given = Options(tmp_path / "out", "m", states={"state": "92"}, tf_layers=TF_LAYERS)
    converted = convert(open_onnx(TORCH), given)
    assert converted.proof.about().startswith("verified on 6 steps (batch = 9)")
    assert "pub fn new(batch: usize) -> Result<Self>" in (converted.crate / "src/model.rs").read_text()


def test_the_samples_of_a_user_are_steps(tmp_path: Path) -> None:
    x = np.random.default_rng(3).standard_normal((5, 4, 3)).astype(np.float32)
    np.savez(tmp_path / "fv.npz", x=x)
    given = Options(
        tmp_path / "out", "m", states={"state": "next"}, path_to_fv=tmp_path / "fv.npz", tf_layers=TF_LAYERS
    )
    proof = convert(open_onnx(save(average(), tmp_path / "m.onnx")), given).proof
    expected = np.zeros((4, 3), np.float32)
    for step in range(5):
        expected = expected * np.float32([0.5, 0.25, 0.75]) + x[step]
        np.testing.assert_allclose(proof.outputs["y"][step], expected, rtol=1e-6)
    assert list(proof.inputs) == ["x"]
    assert proof.steps == 5


@pytest.mark.parametrize(("dims", "shape"), [({}, (12, 2, 1, 3)), ({"t": 4}, (3, 2, 4, 3))])
@pytest.mark.parametrize("batch", ["n", "time"])
def test_the_samples_of_a_user_are_whole_sequences(
    tmp_path: Path, dims: dict[str, int], shape: Sequence[int], batch: str
) -> None:
    x = np.random.default_rng(3).standard_normal((2, 12, 3)).astype(np.float32)
    np.savez(tmp_path / "fv.npz", x=x)
    values: dict[str, tuple[int, Shape]] = {"x": (FLOAT, [batch, "t", 3])}
    model = graph([node("CumSum", ["x", "axis"], ["y"])], values, {"y": values["x"]}, {"axis": np.array(1)})
    given = Options(tmp_path / "out", "m", stream="t", dims=dims, path_to_fv=tmp_path / "fv.npz", tf_layers=TF_LAYERS)
    proof = convert(open_onnx(save(model, tmp_path / "m.onnx")), given).proof
    assert proof.outputs["y"].shape == shape
    np.testing.assert_allclose(np.concatenate(list(proof.outputs["y"]), axis=1), np.cumsum(x, axis=1), rtol=1e-5)


def test_notes_have_no_control_characters(tmp_path: Path) -> None:
    rows: tuple[int, Shape] = (FLOAT, ["n", 3])
    model = graph([node("Identity", ["s"], ["o\x1b[31m"])], {"s": rows}, {"o\x1b[31m": rows})
    given = Options(tmp_path / "out", "m", states={"s": "o\x1b[31m"}, tf_layers=TF_LAYERS)
    converted = convert(open_onnx(save(model, tmp_path / "m.onnx")), given)
    assert "`o\\u{1b}[31m` is zero everywhere" in converted.notes[0]
    assert converted.proof.graph_figures()[0].startswith("`o\\u{1b}[31m`: ")


def test_a_state_without_elements(tmp_path: Path) -> None:
    empty: tuple[int, Shape] = (FLOAT, [0, 2])
    model = graph(
        [node("Add", ["s", "x"], ["next"])],
        {"x": empty, "s": empty},
        {"next": empty},
        {"s": np.zeros((0, 2), np.float32)},
    )
    given = Options(tmp_path / "out", "m", states={"s": "next"}, tf_layers=TF_LAYERS)
    assert convert(open_onnx(save(model, tmp_path / "m.onnx")), given).proof.outputs["next"].size == 0


WRONG = {
    "no input": ({"k": "next"}, ["no input `k`; its inputs are: `x`, `state`"]),
    "no output": ({"state": "k"}, ["no output `k`; its outputs are: `y`, `next`"]),
    "all at once": ({"k": "next", "state": "l"}, ["no input `k`", "no output `l`"]),
    "an output twice": ({"x": "next", "state": "next"}, ["already becomes the input `x`"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_every_wrong_pair_is_refused(tmp_path: Path, name: str) -> None:
    states, expected = WRONG[name]
    with pytest.raises(ConversionError) as caught:
        convert(open_onnx(save(average(), tmp_path / "m.onnx")), Options(tmp_path / "out", "m", states=states))
    assert len(caught.value.reasons) == len(expected)
    for reason, part in zip(caught.value.reasons, expected, strict=True):
        assert part in reason


def test_shapes_and_dtypes_must_agree(tmp_path: Path) -> None:
    source = open_onnx(save(counters(), tmp_path / "m.onnx"))
    with pytest.raises(ConversionError) as caught:
        convert(source, Options(tmp_path / "out", "m", states={"count": "y", "odd": "count_after"}))
    first, second = caught.value.reasons
    assert "the state `count` is int64 [1], but the output `y` that it becomes is float32 [2, 3]" in first
    assert "the state `odd` is bool [1], but the output `count_after` that it becomes is int64 [1]" in second


def test_a_model_with_states_is_no_classifier_of_single_samples(tmp_path: Path) -> None:
    source = open_onnx(save(voice_activity(), tmp_path / "m.onnx"))
    given = Options(tmp_path / "out", "m", states={"h": "hn", "c": "cn"}, binary_classification=True)
    with pytest.raises(ConversionError, match="keeps a state between calls"):
        convert(source, given)


@pytest.mark.parametrize(
    ("states", "sentence"),
    [({"h": "hn"}, "keeps this input as a state"), ({"x": "hn"}, "this output already becomes the input `h`")],
)
def test_states_of_the_model_are_no_options(tmp_path: Path, states: dict[str, str], sentence: str) -> None:
    source = with_states(open_onnx(save(voice_activity(), tmp_path / "m.onnx")), {"h": "hn"})
    with pytest.raises(ConversionError, match=sentence):
        with_states(source, states)


def test_a_stream_has_no_other_states(tmp_path: Path) -> None:
    source = open_onnx(save(voice_activity(), tmp_path / "m.onnx"))
    given = Options(tmp_path / "out", "m", states={"h": "hn", "c": "cn"}, stream="batch")
    with pytest.raises(ConversionError, match="--stream needs a model without states"):
        convert(source, given)


def test_options() -> None:
    assert options.states(["h:hn", "c:0:cn:0"]) == {"h": "hn", "c:0": "cn:0"}
    assert options.states(None) == {}


@pytest.mark.parametrize("given", [["h"], ["h:"], [":hn"], ["a:b:c"], ["h:hn", "h:cn"]])
def test_wrong_options(given: list[str]) -> None:
    with pytest.raises(UsageError, match="--state"):
        options.states(given)
