"""The report in a real browser: it runs without errors, unfolds, searches, and fits a phone. Screenshots stay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.codegen import test_unconverted
from tests.codegen.test_report import hostile
from tests.models.graphs import control, image, save
from tests.quantization.models import images
from tests.quantization.test_quantize import cnn
from tests.targets.browser import Browser
from tf2rust.codegen.report.page import framed
from tf2rust.conversion import Options, convert, report_of_source
from tf2rust.converted.inspection import find_report
from tf2rust.quantization.settings import Settings
from tf2rust.report_file import write_file
from tf2rust.source import open_onnx

SIZES = {"phone": (390, 844), "desktop": (1400, 1000)}
MODELS = {"image": image, "control": control, "hostile": hostile}
ZOO = Path(__file__).parents[1] / "zoo" / "models"
ENCODER = "torchscript_encoder"
UNFOLD = "for (const item of items.values()) if (item.items.length) open.add(item.id); redraw();"
"""Unfolds everything: blocks, loops, and layers into their nodes."""

SHOWN = "return [...document.querySelectorAll('main section')].filter((s) => !s.hidden).map((s) => s.id)"
"""The sections that the page shows."""

pytestmark = pytest.mark.targets


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports of conversions, by model."""
    folder = tmp_path_factory.mktemp("models")
    files = {name: save(make(), folder / f"{name}.onnx") for name, make in MODELS.items()}
    files[ENCODER] = ZOO / f"{ENCODER}.onnx"
    for name, file in files.items():
        title = "<img src=x onerror=document.title=1>" if name == "hostile" else name
        convert(open_onnx(file), Options(folder / name, title))
    return {name: find_report(folder / name) for name in files}


def _boxes(browser: Browser) -> list[str]:
    found: list[str] = browser.run("return [...document.querySelectorAll('.box')].map((box) => box.dataset.id)")
    return found


@pytest.fixture(scope="module")
def unconverted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The reports of models without their crates, by model."""
    folder = tmp_path_factory.mktemp("unconverted")
    for name, make in test_unconverted.MODELS.items():
        file = save(make(), folder / f"{name}.onnx")
        write_file(folder / f"{name}.html", report_of_source(open_onnx(file), {}))
    return {name: folder / f"{name}.html" for name in test_unconverted.MODELS}


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a model that was quantized, with a layer in float."""
    folder = tmp_path_factory.mktemp("quantized")
    np.savez(folder / "samples.npz", image=images(24))
    settings = Settings("int8", folder / "samples.npz", keep_float=("c2",))
    convert(open_onnx(save(cnn(), folder / "cnn.onnx")), Options(folder / "cnn", "cnn", quantization=settings))
    return find_report(folder / "cnn")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [*MODELS, ENCODER])
def test_every_page_runs_and_fits(
    browser: Browser, reports: dict[str, Path], tmp_path: Path, name: str, size: str, theme: str
) -> None:
    _check_page(browser, reports[name], ("graph", "layers", "proof", "memory"), tmp_path, size, theme)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", test_unconverted.MODELS)
def test_every_page_without_a_crate_runs_and_fits(
    browser: Browser, unconverted: dict[str, Path], tmp_path: Path, name: str, size: str, theme: str
) -> None:
    sections = ("graph", "layers") if name == "image" else ("unmatched", "graph", "layers")
    _check_page(browser, unconverted[name], sections, tmp_path, size, theme)
    assert browser.run(SHOWN) == list(sections)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_quantization_fits(browser: Browser, quantized: Path, tmp_path: Path, size: str, theme: str) -> None:
    """Every layer has its ratio, what it computes with, and a link to its box."""
    _check_page(browser, quantized, ("quantization",), tmp_path, size, theme)
    rows = browser.run("return [...document.querySelectorAll('#noise tbody tr')].map((row) => row.innerText)")
    assert [row.split()[0] for row in rows] == ["c1", "c2", "c3", "logits"]
    assert all("dB" in row for row in rows)
    assert ["float: --keep_float names it" in row for row in rows] == [False, True, False, False]
    assert browser.run("return document.querySelectorAll('#noise .share.low').length") >= 1
    browser.click("#noise tbody button")
    assert browser.run("return selected.name") == "c1"


def _check_page(browser: Browser, report: Path, sections: Sequence[str], folder: Path, size: str, theme: str) -> None:
    """Opens a report, which must run without errors, fit the width and follow the theme. Pictures of sections stay."""
    browser.resize(*SIZES[size])
    browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    browser.open(report)
    assert browser.messages() == []
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    for section in sections:
        browser.run("document.getElementById(arguments[0]).scrollIntoView()", section)
        picture = browser.picture(folder / f"{report.stem}_{size}_{theme}_{section}.png")
        assert picture.stat().st_size > 5_000
    light = browser.run("return getComputedStyle(document.body).backgroundColor === 'rgb(246, 247, 249)'")
    assert light == (theme == "light")


def test_unmatched_nodes_come_first_and_are_marked(browser: Browser, unconverted: dict[str, Path]) -> None:
    browser.resize(*SIZES["desktop"])
    browser.open(unconverted["refused"])
    assert browser.run("return selected.name") == "node/s"
    assert browser.run("return document.querySelectorAll('.box.refused').length") == 2
    assert browser.run("return document.querySelectorAll('.box.blocked').length") == 1
    rows = browser.run("return [...document.querySelectorAll('#table tbody tr td.name')].map((cell) => cell.innerText)")
    assert set(rows[:3]) == {"node/s", "node/y", "node/e"}
    browser.type("#reason-filter", "sharpen no rule")
    assert browser.run("return document.getElementById('reasons-filtered').textContent") == "1 of 2 nodes"
    browser.type("#search", "no rule supports")
    assert browser.run("return document.getElementById('found').textContent") == "2 layers"
    browser.click("#blocked-nodes summary")
    browser.wait("return document.querySelectorAll('#blocked-nodes li').length === 1")
    browser.click("#blocked-nodes li button")
    assert browser.run("return selected.name") == "node/y"
    assert "depends on" in browser.run("return document.getElementById('panel').innerText")
    assert browser.messages() == []


def test_hostile_names_of_unmatched_nodes_do_nothing(browser: Browser, unconverted: dict[str, Path]) -> None:
    browser.open(unconverted["hostile"])
    browser.run(f"for (const item of items.values()) select(item); {UNFOLD}")
    assert browser.run("return document.title") == "hostile – tf2rust"
    assert browser.run("return document.querySelectorAll('img, b').length") == 0
    assert browser.messages() == []


def test_blocks_and_layers_unfold(browser: Browser, reports: dict[str, Path]) -> None:
    browser.resize(*SIZES["desktop"])
    browser.open(reports[ENCODER])
    browser.click("#fold")
    folded = _boxes(browser)
    assert any(box.startswith("block") for box in folded)
    browser.click("[data-toggle^=block]")
    unfolded = _boxes(browser)
    assert len(unfolded) > len(folded)
    browser.click("#unfold")
    layers = browser.run("return data.layers.length")
    assert sum(box.startswith("layer") for box in _boxes(browser)) == layers
    browser.click("[data-toggle^=layer]")
    assert any("node" in box for box in _boxes(browser))
    assert browser.messages() == []


def test_boxes_do_not_overlap(browser: Browser, reports: dict[str, Path]) -> None:
    """With everything unfolded, boxes are beside each other or inside each other."""
    for report in reports.values():
        browser.open(report)
        browser.run(UNFOLD)
        places = browser.run(
            "return [...drawn.keys()].map((id) => items.get(id)).map((i) => [i.left, i.top, i.width, i.height])"
        )
        for i, (x, y, w, h) in enumerate(places):
            for u, v, p, q in places[:i]:
                beside = x + w <= u or u + p <= x or y + h <= v or v + q <= y
                inside = (u <= x and v <= y and x + w <= u + p and y + h <= v + q) or (
                    x <= u and y <= v and u + p <= x + w and v + q <= y + h
                )
                assert beside or inside, report


def test_a_loop_unfolds_into_its_body(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open(reports["control"])
    browser.run(UNFOLD)
    assert sum("body" in box and box.endswith("body0") for box in _boxes(browser)) >= 2
    inside = browser.run("return data.layers.filter((layer) => layer.inside !== undefined).length")
    assert inside
    assert browser.messages() == []


def test_search_finds_layers_by_their_nodes(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open(reports["image"])
    browser.type("#search", "node/c2")
    assert browser.run("return document.getElementById('found').textContent") == "1 layer"
    browser.type("#search", "\ue007")
    assert browser.run("return document.querySelector('#panel .kind-line').textContent") == "DepthwiseConv2D"
    assert browser.run("return document.querySelectorAll('.box.selected').length") == 1
    browser.type("#filter", "winograd nothing")
    assert browser.run("return document.getElementById('filtered').textContent").startswith("0 of ")


def test_keys_move_the_selection_and_zoom(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open(reports["image"])
    browser.run("select(items.get('layer1')); document.getElementById('stage').focus()")
    before = browser.run("return view.scale")
    press = "document.getElementById('stage').dispatchEvent(new KeyboardEvent('keydown', { key: arguments[0] }))"
    browser.run(press, "ArrowDown")
    assert browser.run("return selected.id") == "layer2"
    browser.run(press, "+")
    assert browser.run("return view.scale") > before
    browser.run(press, "Escape")
    assert browser.run("return selected") is None


def test_hostile_names_do_nothing(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open(reports["hostile"])
    browser.run(f"for (const item of items.values()) select(item); {UNFOLD}")
    assert browser.run("return document.title").endswith("– tf2rust")
    assert browser.run("return document.querySelectorAll('img').length") == 0
    assert browser.messages() == []


def test_the_theme_can_be_chosen(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open(reports["image"])
    seen = []
    for _ in range(3):
        browser.click("#theme")
        seen.append(browser.run("return document.documentElement.dataset.theme ?? 'auto'"))
    assert sorted(seen) == ["auto", "dark", "light"]


def test_a_profile_becomes_a_table(browser: Browser, reports: dict[str, Path]) -> None:
    """The slowest layers come first; a file that is no profile is a message, and names are text."""
    browser.open(reports["image"])
    slow, fast = (
        {"name": name, "kind": "Conv2D", "calls": 10, "seconds": seconds, "multiply_adds": 1000, "bytes": 0}
        for name, seconds in (("<b>", 3e-3), ("node", 1e-3))
    )
    profile = {"version": 1, "runs": [{"batch": 1, "layers": [fast, slow]}]}
    browser.run("showProfile(arguments[0])", json.dumps(profile))
    rows = browser.run(
        "return [...document.querySelectorAll('#times tbody tr')].map((row) => row.innerText.split(/\\s+/))"
    )
    assert [[row[0], row[2], row[4]] for row in rows] == [["<b>", "75.0", "300"], ["node", "25.0", "100"]]
    browser.run("showProfile('[]')")
    found = browser.run("return document.getElementById('times').textContent")
    assert found == "This is not a profile of a crate: it has no runs of version 1."


def test_a_thousand_layers_unfold_quickly(browser: Browser, tmp_path: Path) -> None:
    from tests.models.large import chain

    convert(open_onnx(save(chain(2000), tmp_path / "chain.onnx")), Options(tmp_path / "out", "chain"))
    browser.open(find_report(tmp_path / "out"))
    assert browser.run("return data.layers.length") >= 1000
    seconds = browser.run("const start = performance.now(); unfoldBlocks(); return (performance.now() - start) / 1000")
    assert seconds < 3


def test_a_notebook_frames_the_report_safely(browser: Browser, reports: dict[str, Path], tmp_path: Path) -> None:
    """The frame draws the graph without a network, and cannot reach the page around it."""
    place = tmp_path / "notebook.html"
    place.write_text(f"<!doctype html><title>notebook</title>{framed(reports['hostile'])}", encoding="utf-8")
    browser.resize(*SIZES["desktop"])
    browser.open(place)
    assert browser.run("return document.title") == "notebook"
    assert browser.run("return document.querySelector('iframe').contentDocument") is None
    browser.enter("iframe")
    browser.wait("return document.readyState === 'complete'")
    assert browser.run("return document.querySelectorAll('.box').length") > 1
    assert browser.run("try { return parent.document.title } catch { return 'refused' }") == "refused"
    assert browser.picture(tmp_path / "notebook.png").stat().st_size > 5_000
    browser.click("[data-toggle]")
    assert browser.messages() == []
