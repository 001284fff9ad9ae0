"""Sizes of symbolic dimensions: the first that the model runs with, the notes on them, and models with only one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.crates import TF_LAYERS
from tests.models.graphs import Shape, graph, node, save
from tf2rust.conversion import Options, convert
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.expand import match_expanding
from tf2rust.onnx_import.infer import analyse
from tf2rust.ops.core.dims import Size
from tf2rust.proof.prove import prove
from tf2rust.proof.samples.sizes import Sizes, condition, hinted
from tf2rust.source import open_onnx

F, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
IMAGES = (F, ["n", 2, "h", "w"])


def _halved_and_doubled(times: int) -> onnx.ModelProto:
    """Max pooling ``times`` times, as many times doubled, beside the input: sizes must be multiples of 2^times."""
    nodes = [node("Relu", ["x"], ["d0"])]
    nodes += [node("MaxPool", [f"d{i}"], [f"d{i + 1}"], kernel_shape=[2, 2], strides=[2, 2]) for i in range(times)]
    nodes += [
        node("Resize", [f"d{times}" if i == 0 else f"u{i}", "", "twice"], [f"u{i + 1}"], mode="nearest")
        for i in range(times)
    ]
    nodes.append(node("Concat", [f"u{times}", "x"], ["y"], axis=1))
    twice = {"twice": np.array([1, 1, 2, 2], np.float32)}
    return graph(nodes, {"x": IMAGES}, {"y": (F, ["n", 4, "h2", "w2"])}, twice)


def unet_of_depth_1() -> onnx.ModelProto:
    return _halved_and_doubled(1)


def unet_of_depth_3() -> onnx.ModelProto:
    return _halved_and_doubled(3)


def unet_of_depth_5() -> onnx.ModelProto:
    return _halved_and_doubled(5)


def any_size() -> onnx.ModelProto:
    return graph([node("Relu", ["x"], ["y"])], {"x": IMAGES}, {"y": IMAGES})


def at_least_40() -> onnx.ModelProto:
    pool = node("MaxPool", ["x"], ["y"], kernel_shape=[40, 40])
    return graph([pool], {"x": IMAGES}, {"y": (F, ["n", 2, "h2", "w2"])})


def cropped() -> onnx.ModelProto:
    """Without its first and last 1,500 steps, as models of long contexts are."""
    nodes = [node("Slice", ["x", "start", "end", "axis"], ["y"])]
    bounds = {"start": np.array([1500]), "end": np.array([-1500]), "axis": np.array([1])}
    return graph(nodes, {"x": (F, ["n", "t"])}, {"y": (F, ["n", "t2"])}, bounds)


def lengths_that_agree() -> onnx.ModelProto:
    nodes = [node("MatMul", ["a", "b"], ["y"])]
    return graph(nodes, {"a": (F, ["p", "k"]), "b": (F, ["k2", "q"])}, {"y": (F, ["p", "q"])})


def steps_after_others() -> onnx.ModelProto:
    """Steps that follow ``past`` ones, weighted by a mask of all of them."""
    nodes = [
        node("Concat", ["past", "x"], ["all"], axis=1),
        node("Unsqueeze", ["mask", "last"], ["column"]),
        node("Mul", ["all", "column"], ["y"]),
    ]
    inputs = {name: (F, ["n", name, 4]) for name in ("x", "past")}
    return graph(
        nodes, {**inputs, "mask": (F, ["n", "total"])}, {"y": (F, ["n", None, 4])}, {"last": np.array([2], np.int64)}
    )


def steps_of_a_traced_length() -> onnx.ModelProto:
    """A convolution of stride 4, whose 5 steps the exporter wrote into a shape."""
    nodes = [
        node("Transpose", ["x"], ["rows"], perm=[0, 2, 1]),
        node("MaxPool", ["rows"], ["fewer"], kernel_shape=[7], strides=[4]),
        node("Transpose", ["fewer"], ["steps"], perm=[2, 0, 1]),
        node("Shape", ["steps"], ["shape"]),
        node("Gather", ["shape", "one"], ["n"]),
        node("Concat", ["five", "n", "four"], ["wanted"], axis=0),
        node("Reshape", ["steps", "wanted"], ["y"]),
    ]
    numbers = {name: np.array([n], np.int64) for name, n in (("one", 1), ("five", 5), ("four", 4))}
    return graph(nodes, {"x": (F, ["n", "time", 4])}, {"y": (F, [5, None, 4])}, numbers)


def _state(batch: int) -> onnx.ModelProto:
    """A GRU over one step whose first state is of a fixed batch."""
    weights = {"w": np.ones((1, 12, 3)) / 3, "r": np.ones((1, 12, 4)) / 4}
    nodes = [
        node("Unsqueeze", ["x", "front"], ["steps"]),
        node("GRU", ["steps", "w", "r", "", "", "h0"], ["", "y"], hidden_size=4),
    ]
    given = {name: array.astype(np.float32) for name, array in weights.items()} | {"front": np.array([0])}
    inputs = {"x": (F, ["rows", 3]), "h0": (F, [1, batch, 4])}
    return graph(nodes, inputs, {"y": (F, [1, batch, 4])}, given)


def greatest_of_two() -> onnx.ModelProto:
    """TopK with k as an input, of two elements: few whole numbers suit."""
    nodes = [node("TopK", ["x", "k"], ["y", "places"])]
    return graph(nodes, {"x": (F, [1, 2]), "k": (INT64, [1])}, {"y": (F, [1, "found"])})


def _notes(model: onnx.ModelProto, tmp_path: Path) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """The shapes of the samples, and the notes of the proof."""
    source = open_onnx(save(model, tmp_path / "model.onnx"))
    matched = match_expanding(analyse(source.proto, {}, source.weights))
    assert not matched.unmatched
    proof, notes = prove(source, matched.graph, None, None)
    return {name: array.shape for name, array in proof.inputs.items()}, notes


@pytest.mark.parametrize(
    ("build", "shapes", "said"),
    [
        (any_size, {"x": (16, 2, 9, 18)}, []),
        # The graph's conditions correct unsuitable sizes before anything runs.
        (unet_of_depth_1, {"x": (16, 2, 10, 18)}, []),
        (unet_of_depth_3, {"x": (16, 2, 8, 16)}, []),
        (unet_of_depth_5, {"x": (16, 2, 32, 32)}, []),
        (steps_after_others, {"x": (16, 9, 4), "past": (16, 18, 4), "mask": (16, 27)}, []),
        (steps_of_a_traced_length, {"x": (9, 23, 4)}, []),
        (at_least_40, {"x": (16, 2, 65, 130)}, []),
        (cropped, {"x": (16, 4097)}, []),
        (lengths_that_agree, {"a": (9, 18), "b": (18, 27)}, []),
    ],
)
def test_the_first_sizes_that_work_are_taken(
    tmp_path: Path, build: Callable[[], onnx.ModelProto], shapes: dict[str, tuple[int, ...]], said: list[str]
) -> None:
    found, notes = _notes(build(), tmp_path)
    assert found == shapes
    assert (len(notes) == 1 and all(part in notes[0] for part in said)) if said else not notes


@pytest.mark.parametrize("batch", [1, 4, 48, 77])
def test_a_dimension_that_is_not_symbolic_is_named(tmp_path: Path, batch: int) -> None:
    with pytest.raises(ConversionError, match=rf"runs only with rows = {batch},.*GRU.*--dim rows={batch}\.$"):
        _notes(_state(batch), tmp_path)


@pytest.mark.parametrize("batch", [1, 77])
def test_the_conversion_binds_a_dimension_that_is_not_symbolic(tmp_path: Path, batch: int) -> None:
    source = open_onnx(save(_state(batch), tmp_path / "model.onnx"))
    made = convert(source, Options(tmp_path / "out", "state", tf_layers=TF_LAYERS))
    assert made.proof.inputs["x"].shape == (batch, 3)
    assert made.proof.reference.startswith("ONNX Runtime")
    assert [note.partition(":")[0] for note in made.notes] == [f"the crate has rows = {batch}"]
    assert f"[{batch}, 3]" in (made.crate / "src" / "lib.rs").read_text()


def test_a_proof_says_what_it_ran_on(tmp_path: Path) -> None:
    source = open_onnx(save(unet_of_depth_3(), tmp_path / "model.onnx"))
    proof, _ = prove(source, match_expanding(analyse(source.proto, {}, source.weights)).graph, None, None)
    assert proof.about() == f"verified on 16 samples (h = 8, w = 16) against {source.framework}"


def test_a_proof_without_onnx_runtime_says_why(tmp_path: Path) -> None:
    """ONNX Runtime has no Relu of operator set 1."""
    model = onnx.helper.make_model(any_size().graph, opset_imports=[onnx.helper.make_opsetid("", 1)], ir_version=8)
    _, notes = _notes(model, tmp_path)
    (note,) = notes
    assert note.startswith(f"the crate is proven against ONNX's reference implementation {onnx.__version__} instead of")
    assert "ONNX Runtime cannot open the model" in note
    assert "Relu(1)" in note


@dataclass(frozen=True)
class Rule:
    """What a model demands of its sizes, the sizes that were tried, and the clause about the sizes that work."""

    demands: Callable[[Sizes], bool]
    tried: tuple[Sizes, ...]
    clause: str


def _lengths(*sizes: int) -> tuple[Sizes, ...]:
    return tuple({"t": size} for size in sizes)


RULES = {
    "multiples of 8": Rule(lambda s: s["t"] % 8 == 0, _lengths(9, 33, 65, 32), "multiples of 8"),
    "multiples of 160": Rule(lambda s: s["t"] % 160 == 0, _lengths(9, 33, 65, 320), "multiples of 160"),
    "at least 200": Rule(lambda s: s["t"] >= 200, _lengths(9, 33, 65, 129, 224), "the smallest are t = 200"),
    "even, at least 50": Rule(
        lambda s: s["t"] % 2 == 0 and s["t"] >= 50,
        _lengths(9, 33, 65, 32, 8, 64),
        "multiples of 2 and the smallest are t = 50",
    ),
    "either": Rule(
        lambda s: s["h"] % 4 == 0 and s["w"] % 32 == 0,
        ({"h": 9, "w": 18}, {"h": 33, "w": 33}, {"h": 32, "w": 64}),
        "multiples of 32",
    ),
    "one size": Rule(lambda s: s["t"] == 48, _lengths(9, 33, 48), "multiples of 48"),
    "none known": Rule(lambda s: s["t"] in (9, 10, 12, 15), _lengths(33, 65, 9), ""),
}


@pytest.mark.parametrize("name", RULES)
def test_what_sizes_have_in_common_is_found(name: str) -> None:
    rule = RULES[name]
    *failed, worked = rule.tried
    assert rule.demands(worked)
    assert not any(map(rule.demands, failed))
    found = condition(worked, failed, rule.demands)
    assert found == (f"the sizes that work are {rule.clause}, as far as tried" if rule.clause else "").replace(
        "the sizes that work are the smallest", "the smallest"
    )


@pytest.mark.parametrize(
    ("message", "sizes", "suggested"),
    [
        ("must have shape {1,9,4}. Actual:{1,77,4}", {"n": 9}, [{"n": 1}, {"n": 4}, {"n": 77}]),
        ("{9,18} into {48,?}", {"h": 9, "w": 18}, [{"h": 48, "w": 18}, {"h": 9, "w": 48}, {"h": 48, "w": 48}]),
        ("Node conv1d_4: version 1.32 or 0x40, 99999 bytes", {"n": 9}, []),
    ],
)
def test_messages_suggest_sizes(message: str, sizes: Sizes, suggested: list[Sizes]) -> None:
    assert list(hinted(message, sizes)) == suggested


def test_whole_numbers_that_suit_are_found(tmp_path: Path) -> None:
    shapes, notes = _notes(greatest_of_two(), tmp_path)
    assert shapes == {"x": (1, 2), "k": (1,)}
    assert not notes


def test_where_no_size_works_the_sentence_says_which_were_tried(tmp_path: Path) -> None:
    nodes = [node("Reshape", ["x", "shape"], ["y"])]
    model = graph(nodes, {"x": (F, ["a", "b"])}, {"y": (F, [7, "c"])}, {"shape": np.array([7, 11, 13])})
    with pytest.raises(ConversionError, match=r"none of the sizes.*a = 9, b = 18.*--dim NAME=SIZE.*--path_to_fv"):
        _notes(model, tmp_path)


LINES: tuple[int, Shape] = (F, ["n", "t", 3])


@pytest.mark.parametrize(
    ("dims", "shape"),
    [
        ({"n": (2, 4)}, (4, 9, 3)),
        ({"t": (100, 105)}, (16, 100, 3)),
        ({"t": (5000, 5001)}, (16, 5000, 3)),
        ({"n": (20, 30), "t": (5, 6)}, (20, 6, 3)),
    ],
)
def test_samples_are_within_the_range_of_a_dimension(tmp_path: Path, dims: dict[str, Size], shape: Shape) -> None:
    model = graph([node("Relu", ["x"], ["y"])], {"x": LINES}, {"y": LINES})
    options = Options(tmp_path / "out", "m", dims=dims, tf_layers=TF_LAYERS)
    assert convert(open_onnx(save(model, tmp_path / "m.onnx")), options).proof.inputs["x"].shape == shape


def test_a_range_that_no_sample_can_have_is_refused(tmp_path: Path) -> None:
    model = graph([node("Relu", ["x"], ["y"])], {"x": LINES}, {"y": LINES})
    options = Options(tmp_path / "out", "m", dims={"t": (2_000_000_000, 2_000_000_001)}, tf_layers=TF_LAYERS)
    with pytest.raises(ConversionError, match="a run on seeded samples can have"):
        convert(open_onnx(save(model, tmp_path / "m.onnx")), options)


def test_samples_of_a_user_outside_the_range_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "fv.npz", x=np.ones((2, 12, 3), np.float32))
    model = graph([node("Relu", ["x"], ["y"])], {"x": LINES}, {"y": LINES})
    options = Options(tmp_path / "out", "m", dims={"t": (2, 4)}, path_to_fv=tmp_path / "fv.npz", tf_layers=TF_LAYERS)
    with pytest.raises(ConversionError, match="n = 2, t = 12, but option `--dim` needs 4 >= t"):
        convert(open_onnx(save(model, tmp_path / "m.onnx")), options)


def test_a_mask_in_the_name_of_a_shape_is_none(tmp_path: Path) -> None:
    inputs: dict[str, tuple[int, Shape]] = {"x": (F, [4, 6]), "mask_shape": (INT64, [2])}
    model = graph([node("Reshape", list(inputs), ["y"])], inputs, {"y": (F, ["a", "b"])})
    assert _notes(model, tmp_path) == ({"x": (4, 6), "mask_shape": (2,)}, [])
