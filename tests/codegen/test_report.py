"""``report.html``: one file that loads nothing, runs nothing but its program, and shows what the conversion found."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from typer.testing import CliRunner

from tests.models.graphs import control, graph, image, node, save, two_inputs
from tests.models.large import chain
from tf2rust.cli import app
from tf2rust.codegen.report.page import read_report, render_report
from tf2rust.conversion import Options, convert, match_layers
from tf2rust.converted.inspection import find_report, summary_of_folder
from tf2rust.proof.proof import Difference
from tf2rust.source import open_onnx

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>",
    "<!--<script>",
    "a\u2028b\u2029c\u202e\x00\x1b[31m",
    "'\"`{{ 7 * 7 }}{% raw %}${1}",
    "x" * 10_000,
)


def hostile() -> onnx.ModelProto:
    """A chain of layers whose nodes have the names in HOSTILE, and so have the input and the output."""
    values = ["<in>", *(f"h{index}" for index in range(len(HOSTILE) - 1)), "</title><svg onload=alert(2)>"]
    nodes = [
        node(("MatMul", "Relu")[index % 2], [values[index], "w"][: 2 - index % 2], [values[index + 1]])
        for index in range(len(HOSTILE))
    ]
    for made, name in zip(nodes, HOSTILE, strict=True):
        made.name = name
    shape = ["<n>", 4]
    ends = [{name: (TensorProto.FLOAT, shape)} for name in (values[0], values[-1])]
    return graph(nodes, *ends, {"w": np.eye(4, dtype=np.float32) * 2})


MODELS = {"image": image, "two_inputs": two_inputs, "control": control, "hostile": hostile}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The output folders of conversions, by model."""
    folder = tmp_path_factory.mktemp("reports")
    for name, make in MODELS.items():
        source = open_onnx(save(make(), folder / f"{name}.onnx"))
        title = f"{name} </title><script>alert(3)</script>" if name == "hostile" else name
        convert(source, Options(folder / name, title))
    return {name: folder / name for name in MODELS}


class Page(HTMLParser):
    """The tags of a page with their attributes, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self._inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in self.texts:
            self._inside = tag
            self.texts[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside is not None:
            self.texts[self._inside][-1] += data


def page_of(report: Path) -> Page:
    """The tags and scripts of a report."""
    return Page(report.read_text("utf-8"))


def _page(folder: Path) -> Page:
    return page_of(find_report(folder))


@pytest.mark.parametrize("name", MODELS)
def test_the_page_is_self_contained(folders: dict[str, Path], name: str) -> None:
    page = _page(folders[name])
    assert [attributes.get("type") for tag, attributes in page.tags if tag == "script"] == ["application/json", None]
    assert not {tag for tag, _ in page.tags} & {"img", "link", "iframe", "object", "base", "form", "audio", "video"}
    for tag, attributes in page.tags:
        assert not attributes.keys() & {"src", "srcset", "style", "onload", "onerror", "onclick"}, tag
        assert attributes.get("href", "#").startswith("#")
    (style,) = page.texts["style"]
    assert not re.search(r"url\(|@import", style)
    program = page.texts["script"][1]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|fetch\(|import\(", program)
    assert re.findall(r"https?://[^\"]*", program) == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize("name", MODELS)
def test_the_policy_names_the_style_and_the_program(folders: dict[str, Path], name: str) -> None:
    page = _page(folders[name])
    (policy,) = (a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a)
    hashes = {
        directive: f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for directive, text in (("style-src", page.texts["style"][0]), ("script-src", page.texts["script"][1]))
    }
    assert policy is not None
    assert policy.split("; ") == [
        "default-src 'none'",
        *(f"{directive} {found}" for directive, found in hashes.items()),
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_hostile_names_are_text(folders: dict[str, Path]) -> None:
    """The page of a model with hostile names has the same tags as that of any other model."""
    page = _page(folders["hostile"])
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in _page(folders["image"]).tags]
    data = page.texts["script"][0]
    assert data.isascii()
    assert not set("<>&") & set(data)
    found = read_report(find_report(folders["hostile"]))
    names = [name for layer in found["layers"] for name, _ in layer["nodes"]]
    assert HOSTILE[0] in names
    assert all(name.isprintable() and len(name) <= 2000 for name in names)
    assert len(find_report(folders["hostile"]).read_bytes()) < 200_000


@pytest.mark.parametrize("name", MODELS)
def test_the_figures_are_those_of_the_summary(folders: dict[str, Path], name: str) -> None:
    data = read_report(find_report(folders[name]))
    found = summary_of_folder(folders[name]).as_json()
    assert found["totals"].items() <= data["totals"].items()
    keys = ("name", "kind", "outputs", "parameters", "multiply_adds", "weight_bytes")
    assert [[row[k] for k in keys] for row in found["layers"]] == [[row[k] for k in keys] for row in data["layers"]]


def test_every_node_and_value_is_in_the_report(folders: dict[str, Path]) -> None:
    for name, folder in folders.items():
        data = read_report(find_report(folder))
        listing, _ = match_layers(open_onnx(folder.with_suffix(".onnx")))
        shown = [node for layer in data["layers"] for node, _ in layer["nodes"]]
        shown += [node for nodes in data["nodes"].values() for node, _ in nodes]
        assert len(shown) == len(listing.nodes()), name
        check_tree(data)


def check_tree(data: dict[str, Any]) -> None:
    """Every layer is once in the tree of its graph, and no index is out of range."""
    trees = [data["tree"], *(body["tree"] for layer in data["layers"] for body in layer.get("bodies", ()))]
    waiting, seen = list(trees), []
    while waiting:
        for item in waiting.pop():
            if isinstance(item, dict):
                waiting.append(item["items"])
            else:
                seen.append(item)
    assert sorted(seen) == list(range(len(data["layers"])))
    for layer in data["layers"]:
        assert all(0 <= value < len(data["values"]) for value in (*layer["inputs"], *layer["values"]))
        assert set(layer["weights"].values()) <= data["weights"].keys()


def test_memory_holds_what_is_alive(folders: dict[str, Path]) -> None:
    """While a layer runs, its inputs and outputs are held; no buffer holds two things at once.

    The layers of a body count as one with the layer that runs it, so there a buffer can hold one thing after another.
    """
    for name, folder in folders.items():
        data = read_report(find_report(folder))
        rows = data["memory"]["rows"]
        outer = [layer for layer in data["layers"] if "inside" not in layer]
        assert len(data["memory"]["live"]) == len(outer), name
        for row in rows:
            for before, after in zip(row["spans"], row["spans"][1:], strict=False):
                in_body = before["to"] == after["from"] and "bodies" in outer[after["from"]]
                assert before["to"] < after["from"] or in_body, (name, row["label"])
        for step, layer in enumerate(outer):
            held = {v for row in rows for s in row["spans"] if s["from"] <= step <= s["to"] for v in s["values"]}
            needed = {v for v in (*layer["inputs"], *layer["values"]) if data["values"][v]["place"] != "constant"}
            assert needed <= held, (name, layer["name"])


def test_the_report_is_the_same_every_time(folders: dict[str, Path], tmp_path: Path) -> None:
    convert(open_onnx(folders["image"].with_suffix(".onnx")), Options(tmp_path / "again", "image"))
    assert find_report(tmp_path / "again").read_bytes() == find_report(folders["image"]).read_bytes()
    text = find_report(folders["hostile"]).read_text("utf-8")
    assert render_report(read_report(find_report(folders["hostile"]))) == text


def test_a_large_model_takes_little_time_and_room(tmp_path: Path) -> None:
    """A thousand layers: less than a second of processor time, and 2 MB."""
    from tf2rust.codegen.model import build
    from tf2rust.codegen.report.data import report_data
    from tf2rust.codegen.report.graph import Origin
    from tf2rust.proof.proof import Proof

    _, layers = match_layers(open_onnx(save(chain(2000), tmp_path / "chain.onnx")))
    assert len(layers.layers) >= 1000
    model = build(layers, inplace=True, memdrop=True)
    started = time.process_time()
    text = render_report(
        report_data("chain", model, layers, Proof({}, {}, "TensorFlow", {}, {}, False), Origin("", ""))
    )
    assert time.process_time() - started < 1
    assert len(text) < 2_000_000


def test_a_difference_has_a_histogram() -> None:
    reference = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, np.inf]], np.float32)
    found = reference + np.array([[0, 2e-3], [2e-7, -0.5], [0, 0]])
    difference = Difference.between("float64", 0.5, reference, found, 3)
    assert difference.equal == 3
    assert difference.histogram == ((-7.0, 1), (-3.0, 1), (-0.5, 1))
    assert difference.worst == 1
    assert Difference.between("float64", 0.0, reference, reference, 3) == Difference("float64", 0.0, 6)


def _run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_commands(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = folders["image"]
    assert _run("report", folder).stdout.strip() == str(find_report(folder))
    assert _run("summary", folder).stdout == _run("summary", folder.with_suffix(".onnx")).stdout
    assert '"multiply_adds"' in _run("summary", folder, "--json").stdout
    missing = _run("report", tmp_path)
    assert missing.exit_code == 2
    assert "is not the output folder of a conversion: give the folder of --path_to_save" in missing.stderr
    (tmp_path / ".tf2rust").write_text("{}")
    assert (
        "has no report.html: it was deleted, or an earlier version of tf2rust wrote the folder"
        in _run("summary", tmp_path).stderr
    )
    (tmp_path / "model_info").mkdir()
    (tmp_path / "model_info" / "report.html").write_text("<html>")
    assert "cannot be read (it has no data); convert the model again" in _run("summary", tmp_path).stderr
