"""Options that change the crate: memory, binary classification, thresholds, class names."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Save
from tests.crates import Crates
from tests.models import graphs
from tests.models.weights import sample_inputs
from tf2rust.codegen.crate import write_npz
from tf2rust.codegen.names import crate_name
from tf2rust.errors import ConversionError
from tf2rust.source import open_onnx, open_tensorflow

MEMORY = tuple(itertools.product((True, False), repeat=2))
MODELS = ("text_cnn", "siamese")


def _name(model: str, inplace: bool, memdrop: bool) -> str:
    return f"{model}_{'inplace' if inplace else 'kept'}_{'drop' if memdrop else 'hold'}"


@pytest.fixture(scope="module")
def crates(save: Save, tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("flags"))
    for model in MODELS:
        source = open_tensorflow(save("keras3", model, ".keras")[1])
        for inplace, memdrop in MEMORY:
            made.add(_name(model, inplace, memdrop), source, enable_inplace=inplace, enable_memdrop=memdrop)
    classes = made.folder / "classes.json"
    classes.write_text(json.dumps(["a", 'b "quoted"', "ć\n", "d\0\u202e"]))
    made.add("labelled", open_tensorflow(save("keras3", "mlp", ".keras")[1]), labels=classes)
    thresholds = made.folder / "thresholds.json"
    thresholds.write_text('{"dirty": {"bottom": 0.1, "low": 0.2, "medium": 0.3, "high": 1}}')
    made.add("scored", open_tensorflow(save("keras3", "two_class_softmax", ".h5")[1]), thresholds=thresholds)
    made.add("regression", open_tensorflow(save("keras2", "thresholded_relu", "")[1]), binary_classification=False)
    _add_tests(made)
    made.build()
    return made


def _add_tests(made: Crates) -> None:
    for crate, text in (("labelled", LABELLED), ("scored", SCORED), ("regression", REGRESSION)):
        (made.converted[crate].crate / "tests" / "flags.rs").write_text(text, encoding="utf-8")
    shutil.copy(Path(__file__).parent / "rust" / "thresholds.rs", made.converted["scored"].crate / "tests")


LABELLED = r"""
use labelled::{LABELS, predict_from, top};

#[test]
fn classes_are_ranked_and_a_nan_is_last() {
    assert_eq!(LABELS, ["a", "b \"quoted\"", "ć\n", "d\0\u{202e}"]);
    let ranked: Vec<_> = top(&[0.1, f32::NAN, 0.5, 0.1], 9).into_iter().map(|(name, _)| name).collect();
    assert_eq!(ranked, ["ć\n", "a", LABELS[3], LABELS[1]]);
    assert_eq!(top(&[0.1, 0.7], 1), [(LABELS[1], 0.7)]);
    assert!(top(&[], 3).is_empty());
    let row = predict_from(&[0.5; 12]).unwrap();
    assert_eq!((row.shape(), top(row.data(), 2).len()), (&[1, 4][..], 2));
    assert!(predict_from(&[0.5; 11]).is_err());
}
"""
SCORED = r"""
use scored::{Confidence, Error, Inputs, ScoredModel, THRESHOLDS, TensorView, predict_from};

#[test]
fn the_score_is_column_one_and_earns_its_confidence() -> Result<(), Error> {
    assert_eq!((THRESHOLDS.bottom, THRESHOLDS.high), (0.1, 1.0));
    let fv = [0.25; 10];
    let model = ScoredModel::new()?;
    let outputs = model.predict(&Inputs { features: TensorView::new(&fv, [1, 10])? })?;
    let dirty = predict_from(&fv)?.dirty;
    assert_eq!(dirty, model.predict_from(&fv)?.dirty);
    assert_eq!((dirty.decision_value, dirty.fv_index), (outputs.classes.data()[1], 0));
    assert_eq!(dirty.confidence, THRESHOLDS.confidence(dirty.decision_value));
    assert_eq!(predict_from(&[f32::NAN; 10])?.dirty.confidence, Confidence::None);
    assert!(predict_from(&[0.25; 20]).is_err() && predict_from(&[]).is_err());
    Ok(())
}
"""
REGRESSION = r"""
#[test]
fn a_row_gives_a_plain_array() {
    assert_eq!(regression::predict_from(&[0.5; 8]).unwrap().shape(), [1, 1]);
}
"""


@pytest.mark.parametrize("model", MODELS)
def test_memory_flags_change_the_memory_and_nothing_else(
    crates: Crates, save: Save, tmp_path: Path, model: str
) -> None:
    keras_model, _ = save("keras3", model, ".keras")
    with (tmp_path / "in.npz").open("wb") as file:
        write_npz(file, sample_inputs(keras_model, batch=5))
    outputs, sizes = {}, {}
    for flags in MEMORY:
        crate = crate_name(_name(model, *flags))
        result = tmp_path / f"{crate}.npz"
        log = crates.cargo(
            *("run", "--release", "-p", crate, "--example", "predict", "--", str(tmp_path / "in.npz"), str(result))
        )
        outputs[flags] = result.read_bytes()
        found = re.search(r"(\d+) bytes of intermediate results", log)
        assert found
        sizes[flags] = int(found[1])
    assert len(set(outputs.values())) == 1
    assert sizes[True, True] <= sizes[False, True] < sizes[False, False]
    assert sizes[True, True] < sizes[True, False] <= sizes[False, False]


@pytest.mark.parametrize("model", MODELS)
def test_memdrop_is_seen_in_the_code(crates: Crates, model: str) -> None:
    texts = {flags: (crates.converted[_name(model, *flags)].crate / "src" / "model.rs").read_text() for flags in MEMORY}
    buffers = {flags: len(re.findall(r"^    b\d+: Buffer", text, re.MULTILINE)) for flags, text in texts.items()}
    assert buffers[True, True] <= buffers[False, True] < buffers[False, False]
    assert not any(", in place" in text for (inplace, _), text in texts.items() if not inplace)


def test_inplace_is_seen_in_the_code(tmp_path: Path) -> None:
    """Only the model owns Concatenate's result, and a Softmax over another axis is never fused."""
    nodes = [
        graphs.node("Concat", ["x", "x"], ["both"], axis=1),
        graphs.node("Softmax", ["both"], ["shares"], axis=1),
        graphs.node("ReduceSum", ["shares", "axes"], ["y"], keepdims=0),
    ]
    model = graphs.graph(nodes, {"x": (1, ["n", 4])}, {"y": (1, ["n"])}, {"axes": np.array([1])})
    source = open_onnx(graphs.save(model, tmp_path / "model.onnx"))
    for inplace in (True, False):
        converted = Crates(tmp_path / str(inplace)).add("model", source, enable_inplace=inplace)
        assert (", in place" in (converted.crate / "src" / "model.rs").read_text()) == inplace


@pytest.mark.parametrize("name", ["labelled", "scored", "regression"])
def test_scores_and_classes(crates: Crates, name: str) -> None:
    assert " 0 passed" not in crates.cargo("test", "--release", "-p", name, "--test", "flags")


def test_thresholds_are_read_with_care(crates: Crates) -> None:
    assert " 5 passed" in crates.cargo("test", "--release", "-p", "scored", "--test", "thresholds")


def test_only_binary_classifiers_have_thresholds(crates: Crates) -> None:
    having = {name for name, made in crates.converted.items() if (made.crate / "model" / "thresholds.json").exists()}
    assert having == {_name(model, *flags) for model in MODELS for flags in MEMORY} | {"scored"}
    notes = crates.converted[_name("siamese", True, True)].notes
    assert any("thresholds.json holds zeros" in note for note in notes)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "object"),
        ('{"version": 1}', "`dirty` is missing"),
        ('{"version": 1, "dirty": {"bottom": 0.2, "low": 0.1, "medium": 0.3, "high": 1}}', "`low` is lower than"),
        ('{"version": 1, "dirty": {"bottom": NaN, "low": 0.1, "medium": 0.3, "high": 1}}', "a number"),
        ('{"version": 1, "dirty": {"bottom": 0, "low": 0.1, "medium": 0.3, "high": 1.5}}', "from 0 to 1"),
    ],
)
def test_a_bad_thresholds_file_fails_the_build(crates: Crates, content: str, reason: str) -> None:
    path = crates.converted["scored"].crate / "model" / "thresholds.json"
    good = path.read_text()
    path.write_text(content)
    try:
        with pytest.raises(AssertionError, match=rf"model/thresholds\.json: [^\n]*{reason}"):
            crates.cargo("build", "--release", "-p", "scored")
    finally:
        path.write_text(good)


@pytest.mark.parametrize(
    ("model", "options", "reason"),
    [
        (
            "mlp",
            {"binary_classification": True},
            r"needs one floating-point output .* this model has `dense_3` float32 \[batch, 4\]",
        ),
        ("mlp", {"thresholds": "{}"}, "--thresholds needs a binary classifier"),
        ("siamese", {"thresholds": "x"}, "is not valid JSON"),
        ("siamese", {"thresholds": "[]"}, "must contain"),
        ("siamese", {"thresholds": '{"dirty": {"bottom": 0, "low": 0, "medium": 0}}'}, "a number for each of"),
        (
            "siamese",
            {"thresholds": '{"dirty": {"bottom": 0, "low": 0, "medium": 0, "high": NaN}}'},
            "NaN is not a JSON number",
        ),
        (
            "siamese",
            {"thresholds": '{"dirty": {"bottom": 0.5, "low": 0, "medium": 0, "high": 1}}'},
            "they must ascend",
        ),
        ("mlp", {"labels": "a\nb\nc\n"}, "has 3 lines with 3 class names, but the model has 4 classes"),
        ("mlp", {"labels": '["a", "b", 3, "d"]'}, "must be a JSON list of strings"),
        ("mlp", {"labels": '["a", "b", "\\ud800", "d"]'}, r"class 2 in .* an unpaired surrogate, '\\ud800'"),
        ("mlp", {"labels": "["}, "is not valid JSON"),
        ("regression_two_outputs", {"labels": "a"}, "single output whose last dimension is the number of classes"),
    ],
)
def test_what_does_not_fit_is_refused(
    save: Save, tmp_path: Path, model: str, options: dict[str, object], reason: str
) -> None:
    given = {}
    for name, value in options.items():
        given[name] = value
        if isinstance(value, str):
            given[name] = tmp_path / name
            (tmp_path / name).write_text(value)
    source = open_tensorflow(save("keras3", model, ".keras")[1])
    with pytest.raises(ConversionError, match=reason):
        Crates(tmp_path).add("refused", source, **given)


def test_thresholds_are_found_at_false_positive_rates(save: Save, tmp_path: Path) -> None:
    model, path = save("keras3", "siamese", ".keras")
    inputs = sample_inputs(model, batch=500)
    source = open_tensorflow(path)
    (scores,) = source.run(inputs).values()
    labels = np.arange(500) % 2
    np.savez(tmp_path / "fv.npz", labels=labels, **inputs)
    rates = {"bottom": 0.2, "low": 0.04, "medium": 0.03, "high": 0.0001}
    converted = Crates(tmp_path).add("found", source, path_to_fv=tmp_path / "fv.npz", rates=rates)
    found = json.loads((converted.crate / "model" / "thresholds.json").read_text())["dirty"]
    clean = np.sort(scores[labels == 0, 0])
    counts = {level: int(np.sum(clean >= np.float32(threshold))) for level, threshold in found.items()}
    assert counts == {"bottom": 50, "low": 10, "medium": 7, "high": 0}
    notes = [note for note in converted.notes if note.startswith("threshold")]
    assert [note.split("`")[1] for note in notes] == ["medium", "high"]
    assert "250 clean samples are too few for a false-positive rate of 0.0001; use 100000 or more" in notes[1]


def test_edited_thresholds_stay_unless_others_are_given(save: Save, tmp_path: Path) -> None:
    source = open_tensorflow(save("keras3", "siamese", ".keras")[1])
    crates, given = Crates(tmp_path), tmp_path / "given.json"
    path = crates.add("scored", source).crate / "model" / "thresholds.json"
    edited = path.read_text().replace("0.0", "0.5")
    path.write_text(edited)
    notes = crates.add("scored", source).notes
    assert path.read_text() == edited
    assert "rust_generated_code/model/thresholds.json was edited and is kept" in " ".join(notes)
    assert "holds zeros" not in " ".join(notes)
    given.write_text('{"dirty": {"bottom": 0.1, "low": 0.2, "medium": 0.3, "high": 1}}')
    notes = crates.add("scored", source, thresholds=given).notes
    assert json.loads(path.read_text())["dirty"]["bottom"] == 0.1
    assert path.with_name("thresholds.json.old").read_text() == edited
    assert "the edited file is now rust_generated_code/model/thresholds.json.old" in " ".join(notes)
