"""The report of a model without its crate: unmatched nodes with their reasons among the matched layers."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

from tests.codegen.test_report import HOSTILE, check_tree, page_of
from tests.models.graphs import graph, image, node, save
from tf2rust.cli import app
from tf2rust.codegen.report.page import read_report
from tf2rust.conversion import Options, convert, match_layers, report_of_source
from tf2rust.errors import UnmatchedError
from tf2rust.source import open_onnx

FLOAT = TensorProto.FLOAT
_KERNEL = np.sin(np.arange(8 * 3 * 9, dtype=np.float32)).reshape(8, 3, 3, 3)


def refused() -> onnx.ModelProto:
    """A convolution before an unknown operator, whose result a Relu reads, beside layers that all match."""
    return graph(
        [
            node("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1]),
            node("Sharpen", ["c", "amount"], ["s"], domain="com.example", radius=2, modes=["edge", "wrap"]),
            node("Relu", ["s"], ["y"]),
            node("GlobalAveragePool", ["c"], ["p"]),
            node("Flatten", ["p"], ["f"]),
            node("MatMul", ["f", "w"], ["z"]),
            node("Erode", ["z"], ["e"], domain="com.example"),
            node("Exp", ["c"], ["nothing reads it"]),
        ],
        {"x": (FLOAT, ["batch", 3, 8, 8])},
        {"y": (FLOAT, ["batch", 8, 8, 8]), "z": (FLOAT, ["batch", 4]), "e": (FLOAT, ["batch", 4])},
        {"k": _KERNEL, "w": np.ones((8, 4), np.float32), "amount": np.float32([1, 2])},
    )


def refused_in_a_body() -> onnx.ModelProto:
    """An If with an unknown operator in one branch, beside the same operator."""

    def branch(op: str, domain: str = "") -> onnx.GraphProto:
        info = helper.make_tensor_value_info(op, FLOAT, [4])
        return helper.make_graph([node(op, ["x"], [op], domain=domain)], op, [], [info])

    nodes = [
        node("If", ["c"], ["y"], then_branch=branch("Relu"), else_branch=branch("Erode", "com.example")),
        node("Erode", ["x"], ["z"], domain="com.example"),
    ]
    values = {name: (FLOAT, [4]) for name in "xyz"}
    ends = {"x": values["x"], "c": (TensorProto.BOOL, [])}, {"y": values["y"], "z": values["z"]}
    return graph(nodes, *ends)


def hostile() -> onnx.ModelProto:
    """Unknown operators, attributes and values with the names in HOSTILE."""
    nodes = []
    for index, name in enumerate(HOSTILE):
        made = node("Relu", [f"<h{index}>"], [f"<h{index + 1}>"])
        made.name, made.op_type, made.domain = name, name.replace("/", "|"), "com.example"
        made.attribute.append(helper.make_attribute("<b>onclick", name))
        nodes.append(made)
    ends = [{name: (FLOAT, ["<n>", 4])} for name in ("<h0>", f"<h{len(HOSTILE)}>")]
    proto = graph([node("Relu", ["<h0>"], [f"<h{len(HOSTILE)}>"])], *ends)
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    proto.opset_import.append(helper.make_opsetid("com.example", 1))
    return proto


MODELS = {"refused": refused, "body": refused_in_a_body, "hostile": hostile, "image": image}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: save(make(), folder / f"{name}.onnx") for name, make in MODELS.items()}


@pytest.fixture(scope="module")
def reports(files: dict[str, Path]) -> dict[str, dict[str, Any]]:
    return {name: report_of_source(open_onnx(file), {}) for name, file in files.items()}


def _run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", MODELS)
def test_every_node_and_value_is_in_the_report(
    files: dict[str, Path], reports: dict[str, dict[str, Any]], name: str
) -> None:
    data = reports[name]
    listing, _ = match_layers(open_onnx(files[name]))
    shown = [node for layer in data["layers"] if layer["rules"] for node, _ in layer["nodes"]]
    shown += [node for nodes in data["nodes"].values() for node, _ in nodes]
    assert len(shown) + len(data["unmatched"]) == len(listing.nodes())
    assert len(data["unmatched"]) == len(listing.unmatched)
    assert (data["proof"], data["memory"]) == (None, None)
    check_tree(data)


def test_unmatched_nodes_are_boxes_with_reasons(reports: dict[str, dict[str, Any]]) -> None:
    data = reports["refused"]
    found = {row["node"]: row for row in data["unmatched"]}
    assert found["node/s"] | {"box": None} == {
        "node": "node/s",
        "op": "com.example.Sharpen",
        "attributes": {"radius": 2, "modes": ["edge", "wrap"]},
        "nearest_rule": "shape",
        "reason": "no rule supports this operator",
        "blocked_by": None,
        "inside": [],
        "box": None,
    }
    assert {name for name, row in found.items() if row["blocked_by"] is None} == {"node/s", "node/e"}
    for number, row in enumerate(data["unmatched"]):
        box = data["layers"][row["box"]]
        assert (box["name"], box["kind"], box["unmatched"]) == (row["node"], row["op"], [number])


def test_unmatched_nodes_are_connected(reports: dict[str, dict[str, Any]]) -> None:
    """The values between boxes are those of the model, with their shapes where they are known."""
    data = reports["refused"]
    layers = {name: layer for layer in data["layers"] for name, _ in layer["nodes"]}
    sharpen, relu, erode = (layers[f"node/{name}"] for name in ("s", "y", "e"))
    assert sharpen["inputs"][0] in {value for layer in data["layers"] if layer["rules"] for value in layer["values"]}
    assert relu["inputs"] == sharpen["values"]
    assert relu["values"] == [data["outputs"][0]["value"]]
    assert erode["inputs"] == layers["node/z"]["values"] == [data["outputs"][1]["value"]]
    amount = data["values"][sharpen["inputs"][1]]
    assert (amount["dtype"], amount["shape"]) == ("float32", [2])
    assert data["values"][sharpen["values"][0]]["dtype"] == "unknown"


def test_matched_layers_keep_their_figures(reports: dict[str, dict[str, Any]]) -> None:
    data = reports["refused"]
    (conv,) = (layer for layer in data["layers"] if layer["kind"] == "Conv2D")
    assert (conv["parameters"], conv["multiply_adds"]) == (_KERNEL.size, _KERNEL.size * 64)
    assert data["totals"]["multiply_adds"] == _KERNEL.size * 64 + 8 * 4
    assert [node for node, _ in data["nodes"]["unused"]] == ["node/nothing reads it"]


def test_a_node_in_a_body_marks_the_box_around_it(reports: dict[str, dict[str, Any]]) -> None:
    data = reports["body"]
    (inner,) = (row for row in data["unmatched"] if row["inside"])
    assert (inner["op"], inner["inside"]) == ("com.example.Erode", ["`node/y` (If)"])
    assert data["layers"][inner["box"]]["kind"] == "If"


def test_a_model_that_matches_has_a_report_too(reports: dict[str, dict[str, Any]], files: dict[str, Path]) -> None:
    data = reports["image"]
    assert data["unmatched"] == []
    _, layers = match_layers(open_onnx(files["image"]))
    assert len(data["layers"]) == len(layers.layers)


def test_the_command_writes_a_page(files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = _run("report", files["hostile"])
    path = tmp_path / "hostile.report.html"
    assert (done.exit_code, done.stdout.strip()) == (1, str(path))
    assert "5 unmatched nodes; the report has the reasons" in done.stderr
    page = page_of(path)
    data = page.texts["script"][0]
    assert data.isascii()
    assert not set("<>&") & set(data)
    assert path.stat().st_size < 250_000
    assert os.listdir(tmp_path) == [path.name]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert _run("report", files["image"], "--output", "image.html").exit_code == 0
    assert [tag for tag, _ in page_of(tmp_path / "image.html").tags] == [tag for tag, _ in page.tags]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_only_such_a_report_is_overwritten(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert _run("report", files["refused"], "--output", path).exit_code == 1
    before = path.read_bytes()
    assert _run("report", files["body"], "--output", path).exit_code == 1
    assert path.read_bytes() != before
    (tmp_path / "link.html").symlink_to(path)
    (tmp_path / "mine.html").write_text("<html>mine</html>")
    (tmp_path / "folder.html").mkdir()
    refusal = "the file exists and is not the report of a model without its crate; give another path or remove the file"
    for name in ("link.html", "mine.html", "folder.html"):
        failed = _run("report", files["refused"], "--output", tmp_path / name)
        assert failed.exit_code == 2, name
        assert refusal in failed.stderr
    missing = _run("report", files["refused"], "--output", tmp_path / "none" / "report.html")
    assert missing.exit_code == 2
    assert f"the folder {tmp_path / 'none'} does not exist; create it" in missing.stderr
    assert sorted(os.listdir(tmp_path)) == ["folder.html", "link.html", "mine.html", "report.html"]
    assert (tmp_path / "mine.html").read_text() == "<html>mine</html>"


def test_a_conversion_report_is_not_overwritten(files: dict[str, Path], tmp_path: Path) -> None:
    converted = convert(open_onnx(files["image"]), Options(tmp_path / "out", "image"))
    report = converted.model_info / "report.html"
    assert _run("report", files["refused"], "--output", report).exit_code == 2
    used = _run("report", tmp_path / "out", "--output", tmp_path / "other.html")
    assert (used.exit_code, used.stderr.count("--output is only for a model")) == (2, 1)


def test_a_failed_write_leaves_nothing(files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tf2rust.report_file.os.replace", full)
    failed = _run("report", files["refused"], "--output", tmp_path / "report.html")
    assert failed.exit_code == 2
    assert "the report cannot be written (No space left on device); give another path" in failed.stderr
    assert os.listdir(tmp_path) == []


def test_a_refused_conversion_names_the_command(files: dict[str, Path], tmp_path: Path) -> None:
    """The command in the message works as it is."""
    arguments = ["from-onnx", files["refused"], "--path_to_save", tmp_path / "out", "--model_name", "m"]
    failed = _run(*arguments, "--dim", "batch=2")
    assert failed.exit_code == 1
    *reasons, advice = failed.stderr.strip().splitlines()
    assert [reason.startswith("error: node `node/") for reason in reasons] == [True, True]
    before, command = advice.split(": ")
    assert before == "To see these nodes in the graph of the model, run"
    words = shlex.split(command)
    assert words == ["tf2rust", "report", str(files["refused"]), "--dim", "batch=2"]
    assert _run(*words[1:], "--output", tmp_path / "r.html").exit_code == 1
    assert read_report(tmp_path / "r.html")["values"][0]["shape"] == [2, 3, 8, 8]
    assert "To see" not in _run(*arguments, "--quiet").stderr
    with pytest.raises(UnmatchedError, match=r"com\.example\.Sharpen"):
        convert(open_onnx(files["refused"]), Options(tmp_path / "out", "m"))
    assert not (tmp_path / "out").exists()
