"""Tolerances: the default, widened ones with their notes, and differences that nothing explains."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.models.graphs import graph, node, save
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.expand import match_expanding
from tf2rust.onnx_import.infer import analyse
from tf2rust.proof.proof import Proof
from tf2rust.proof.prove import prove
from tf2rust.source import Source, open_onnx

F = onnx.TensorProto.FLOAT
Arrays = dict[str, np.ndarray]


def _prove(
    model: onnx.ModelProto, tmp_path: Path, change: Callable[[Arrays], Arrays] | None
) -> tuple[Proof, list[str]]:
    """The proof of an ONNX file or, with ``change``, of a model whose framework's outputs are changed."""
    source = open_onnx(save(model, tmp_path / "model.onnx"))
    if change is not None:
        run = source.run

        def framework(inputs: Mapping[str, np.ndarray]) -> Arrays:
            return change(run(inputs))

        source = Source(source.path, source.proto, "Framework 1.0", framework, weights=source.weights)
    matched = match_expanding(analyse(source.proto, {}, source.weights))
    assert not matched.unmatched
    return prove(source, matched.graph, None, None)


def _off(by: float) -> Callable[[Arrays], Arrays]:
    """A framework whose first element is off by a part of the largest magnitude (or of 1)."""

    def change(outputs: Arrays) -> Arrays:
        y = outputs["y"].copy()
        y.reshape(-1)[0] += np.float32(by * max(1.0, np.abs(y).max()))
        return {"y": y}

    return change


ROWS = (F, ["n", 4])


def relu() -> onnx.ModelProto:
    return graph([node("Relu", ["x"], ["y"])], {"x": ROWS}, {"y": ROWS})


def rounded() -> onnx.ModelProto:
    return graph([node("Round", ["x"], ["y"])], {"x": ROWS}, {"y": ROWS})


def quantized() -> onnx.ModelProto:
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["q"]), node("DequantizeLinear", ["q", "s", "z"], ["y"])]
    return graph(nodes, {"x": ROWS}, {"y": ROWS}, {"s": np.float32(0.05), "z": np.int8(0)})


def logarithm_of_small_sums() -> onnx.ModelProto:
    """log((x − x·w)² + 1e-12) with w near 1: the rounding of float32 determines the logarithm."""
    nodes = [
        node("MatMul", ["x", "w"], ["m"]),
        node("Mul", ["m", "m"], ["p"]),
        node("Add", ["p", "tiny"], ["q"]),
        node("Log", ["q"], ["y"]),
    ]
    kernel = (
        np.tile(np.array([1, -1], np.float32), 256)[:, None] * np.linspace(1, 1.001, 512, dtype=np.float32)[:, None]
    )
    given = {"w": kernel @ np.ones((1, 64), np.float32), "tiny": np.float32(1e-12)}
    return graph(nodes, {"x": (F, ["n", 512])}, {"y": (F, ["n", 64])}, given)


@dataclass(frozen=True)
class Case:
    """A model, the error of its framework, the tolerance in parts of the magnitude, and the note."""

    model: Callable[[], onnx.ModelProto]
    off: float
    tolerance: float
    says: str | None


WIDENED = {
    "a framework that agrees": Case(relu, 0.0, 1e-5, None),
    "less than half of the usual": Case(relu, 4e-6, 1e-5, None),
    "rounding": Case(
        *(relu, 1.5e-5, 3e-5, "output `y`: tolerance .* because ONNX Runtime itself differs from Framework 1.0 by"),
    ),
    "the most that rounding explains": Case(relu, 4.9e-5, 9.8e-5, r"\(rounding\)\.$"),
    "a jump in one element": Case(rounded, 1e-3, 2e-3, "rounding changes the result of Round in a few elements"),
    "a step of a quantized value": Case(quantized, 0.02, 0.04, r"a quantized value \(QuantizeLinear\) by one step"),
}


@pytest.mark.parametrize("name", WIDENED)
def test_tolerances_of_a_source_framework(tmp_path: Path, name: str) -> None:
    import re

    case = WIDENED[name]
    proof, notes = _prove(case.model(), tmp_path, _off(case.off))
    magnitude = max(1.0, float(np.abs(proof.outputs["y"]).max()))
    assert proof.tolerances["y"] == pytest.approx(case.tolerance * magnitude, rel=0.05)
    assert bool(notes) == (case.says is not None)
    assert case.says is None or re.search(case.says, notes[0])


@pytest.mark.parametrize(
    ("model", "off"), [(relu, 6e-5), (relu, 2.6e-3), (relu, 1.0), (quantized, 0.5), (rounded, 0.5)]
)
def test_what_nothing_explains_is_refused(tmp_path: Path, model: Callable[[], onnx.ModelProto], off: float) -> None:
    with pytest.raises(ConversionError, match=r"output `y` .* element \[0, 0\] is .* where rounding explains"):
        _prove(model(), tmp_path, _off(off))


def test_all_elements_a_little_off_are_no_jump(tmp_path: Path) -> None:
    """Like an interpolation with other coefficients, in a model that also rounds somewhere."""

    def change(outputs: Arrays) -> Arrays:
        return {"y": outputs["y"] + np.float32(0.01)}

    with pytest.raises(ConversionError, match="where rounding explains"):
        _prove(rounded(), tmp_path, change)


def _exact_logarithms(x: np.ndarray) -> np.ndarray:
    """The outputs of ``logarithm_of_small_sums`` in float64."""
    kernel = np.tile([1.0, -1.0], 256) * np.linspace(1, 1.001, 512, dtype=np.float32).astype(np.float64)
    logarithms = np.log((x.astype(np.float64) @ kernel) ** 2 + np.float32(1e-12).astype(np.float64))
    return np.repeat(logarithms[:, None], 64, axis=1)


def _conv_and_logarithm() -> onnx.ModelProto:
    """log(c² + 1e-10), where c is a convolution that is close to 0 in a few of many elements."""
    nodes = [
        node("Conv", ["x", "w"], ["c"], kernel_shape=[512], strides=[64]),
        node("Mul", ["c", "c"], ["p"]),
        node("Add", ["p", "tiny"], ["q"]),
        node("Log", ["q"], ["y"]),
    ]
    kernel = np.random.default_rng(0).standard_normal((64, 1, 512)).astype(np.float32) / 22
    shapes = {"x": (F, ["n", 1, 2048])}, {"y": (F, ["n", 64, 25])}
    return graph(nodes, *shapes, {"w": kernel, "tiny": np.float32(1e-10)})


def _exact_conv_and_logarithm(x: np.ndarray) -> np.ndarray:
    kernel = np.random.default_rng(0).standard_normal((64, 1, 512)).astype(np.float32) / 22
    windows = np.lib.stride_tricks.sliding_window_view(x[:, 0].astype(np.float64), 512, axis=1)[:, ::64]
    sums = np.einsum("npk,ok->nop", windows, kernel[:, 0].astype(np.float64))
    return np.log(sums**2 + np.float32(1e-10).astype(np.float64))


MAGNIFYING = {
    "small sums": (logarithm_of_small_sums, _exact_logarithms),
    "convolution": (_conv_and_logarithm, _exact_conv_and_logarithm),
}


@pytest.mark.parametrize("name", MAGNIFYING)
def test_elements_in_which_a_model_magnifies_rounding_have_tolerances_of_their_own(tmp_path: Path, name: str) -> None:
    """Each covers the distance from float64 twice; the other elements keep a tolerance that rounding explains."""
    build, exact = MAGNIFYING[name]
    proof, notes = _prove(build(), tmp_path, None)
    y, own = proof.outputs["y"], proof.elements["y"]
    assert np.all(2 * np.abs(y - exact(proof.inputs["x"])) <= np.maximum(own, proof.tolerances["y"]))
    assert proof.tolerances["y"] <= 1e-4 * np.abs(y).max()
    assert 0 < np.count_nonzero(own) < own.size
    says = f"{np.count_nonzero(own)} of its {own.size} elements have tolerances of their own"
    assert any(says in note for note in notes)
    assert np.array_equal(proof.features()["tolerances"].reshape(own.shape), own)


def test_a_fault_beside_magnified_rounding_is_found(tmp_path: Path) -> None:
    """A fault of 1e-3 of the magnitude, in all elements, in a model that magnifies rounding in some."""

    def change(outputs: Arrays) -> Arrays:
        return {"y": outputs["y"] * np.float32(1.001)}

    with pytest.raises(ConversionError, match="where rounding explains"):
        _prove(_conv_and_logarithm(), tmp_path, change)


WIDE = (F, ["n", 512])


def waves() -> onnx.ModelProto:
    """sin(1.9 x): the sine moves as far as its angle, which is up to 6."""
    nodes = [node("Mul", ["x", "c"], ["z"]), node("Sin", ["z"], ["y"])]
    return graph(nodes, {"x": WIDE}, {"y": WIDE}, {"c": np.float32(1.9)})


def quantized_sums() -> onnx.ModelProto:
    """Sums of quantized numbers, of which a small change moves a few by one step."""
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["r"]),
        node("MatMul", ["r", "w"], ["y"]),
    ]
    weights = {"s": np.float32(0.05), "z": np.int8(0), "w": np.full((8192, 4), 0.01, np.float32)}
    return graph(nodes, {"x": (F, ["n", 8192])}, {"y": ROWS}, weights)


def quantized_averages() -> onnx.ModelProto:
    """Averages of two integers, half of which are halfway between two integers, in a model that hides small changes."""
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["r"]),
        node("Reshape", ["r", "pairs"], ["p"]),
        node("ReduceMean", ["p"], ["m"], axes=[2], keepdims=0),
        node("QuantizeLinear", ["m", "s", "z"], ["o"]),
        node("DequantizeLinear", ["o", "s", "z"], ["y"]),
    ]
    weights = {"s": np.float32(0.05), "z": np.int8(0), "pairs": np.array([0, 256, 2])}
    return graph(nodes, {"x": WIDE}, {"y": (F, ["n", 256])}, weights, opset=13)


def halves() -> onnx.ModelProto:
    """(x + 20) − 20 in float16, which loses the last digits of x."""
    nodes = [node("Add", ["x", "c"], ["z"]), node("Sub", ["z", "c"], ["y"])]
    half = (onnx.TensorProto.FLOAT16, ["n", 512])
    return graph(nodes, {"x": half}, {"y": half}, {"c": np.float16(20)})


@pytest.mark.parametrize(
    ("model", "least", "most", "says"),
    [
        (waves, 1.1e-5, 3e-5, r"in its inputs and weights moves it by \d\.\de-06 \(rounding\)"),
        (quantized_sums, 2e-4, 1e-3, r"moves a quantized value \(QuantizeLinear\) by one step"),
        (quantized_averages, 0.01, 0.1, r"moves a quantized value \(QuantizeLinear\) by one step"),
        (halves, 1.1e-3, 1e-2, r"rounding after every operator changes it by \d\.\de-03"),
    ],
    ids=["waves", "quantized", "averages", "float16"],
)
def test_rounding_of_the_whole_model(
    tmp_path: Path, model: Callable[[], onnx.ModelProto], least: float, most: float, says: str
) -> None:
    proof, notes = _prove(model(), tmp_path, None)
    assert least < proof.tolerances["y"] / max(1.0, np.abs(proof.outputs["y"]).max()) < most
    assert any(re.search(says, note) for note in notes), notes


def test_rows_of_a_ranking_can_change_places(tmp_path: Path) -> None:
    """The scores sin(1e5 x) of some elements are nearly equal, so rounding decides about their order."""
    nodes = [
        node("Mul", ["x", "c"], ["z"]),
        node("Sin", ["z"], ["scores"]),
        node("TopK", ["scores", "k"], ["best", "i"]),
        node("GatherElements", ["x", "i"], ["r"], axis=1),
        node("Unsqueeze", ["r", "last"], ["y"]),
    ]
    weights = {"c": np.float32(1e5), "k": np.array([64]), "last": np.array([2])}
    model = graph(nodes, {"x": WIDE}, {"y": (F, ["n", 64, 1])}, weights)
    proof, notes = _prove(model, tmp_path, None)
    assert np.all(proof.elements["y"] > 1)
    assert any("its rows are in the order of a ranking (TopK)" in note for note in notes)


def test_models_that_magnify_nothing_have_one_tolerance(tmp_path: Path) -> None:
    proof, notes = _prove(relu(), tmp_path, None)
    assert not proof.elements
    assert not notes


@pytest.mark.parametrize(
    ("nodes", "constants", "says"),
    [
        ([node("Mul", ["x", "c"], ["y"])], {"c": np.float32(0)}, "`y` is zero everywhere"),
        (
            [node("Mul", ["x", "c"], ["z"]), node("Exp", ["z"], ["y"])],
            {"c": np.float32(0)},
            "is the same for all samples",
        ),
        (
            [node("Mul", ["x", "c"], ["z"]), node("Log", ["z"], ["y"])],
            {"c": np.float32(0)},
            "is NaN or infinite everywhere",
        ),
        ([node("Relu", ["x"], ["y"])], {}, None),
    ],
)
def test_outputs_that_show_little_are_noted(
    tmp_path: Path, nodes: list[onnx.NodeProto], constants: Mapping[str, np.ndarray], says: str | None
) -> None:
    model = graph(nodes, {"x": ROWS}, {"y": ROWS}, constants)
    _, notes = _prove(model, tmp_path, None)
    assert [says in note for note in notes] == ([True] if says else []) if says else notes == []


def test_a_source_is_not_changed_by_its_proof(tmp_path: Path) -> None:
    source = open_onnx(save(relu(), tmp_path / "model.onnx"))
    before = source.proto.SerializeToString()
    prove(source, match_expanding(analyse(source.proto)).graph, None, None)
    assert source.proto.SerializeToString() == before
    assert replace(source) == source
