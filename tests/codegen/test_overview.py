"""The picture of a model: its pixels are decoded, and its coordinates are read back from the renderer."""

from __future__ import annotations

import html
import itertools
import os
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tf2rust.codegen import overview
from tf2rust.codegen.overview import Box, OverviewError, draw_overview, render
from tf2rust.codegen.overview.arrange import MAX_BOXES, MAX_BOXES_IN_ROW, MAX_LANES, arrange
from tf2rust.codegen.overview.dot import BOX_WIDTH_POINTS, write_dot

SHAPE = "float32 [n, 56, 56, 64]"


@dataclass
class Graph:
    boxes: list[Box] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)

    def add(self, kind: str, *inputs: int, name: str = "", shape: str = SHAPE, detail: str = "") -> int:
        box = len(self.boxes)
        shapes = tuple(self.boxes[index].outputs[0] for index in inputs)
        self.boxes.append(Box(name or f"{kind.lower()}_{box}", kind, shapes, (shape,), (detail,)))
        self.edges += [(index, box) for index in inputs]
        return box


def chain(length: int) -> Graph:
    graph = Graph()
    x = graph.add("Input")
    for index in range(length - 1):
        x = graph.add(("Dense", "LayerNorm", "LSTM", "MaxPool")[index % 4], x, detail="relu")
    return graph


def text_cnn() -> Graph:
    graph = Graph()
    heads = []
    for name in ("url", "headers", "body"):
        x = graph.add("Embedding", graph.add("Input", name=name, shape="int32 [n, 82]"), shape="float32 [n, 82, 64]")
        branches = [graph.add("GlobalMaxPool", graph.add("Conv1D", x, detail=f"kernel {k}, relu")) for k in (3, 4, 5)]
        heads.append(graph.add("Concat", *branches))
    graph.add("Dense", graph.add("Concat", *heads), detail="softmax")
    return graph


def resnet(blocks: int) -> Graph:
    graph = Graph()
    x = graph.add("Input")
    for block in range(blocks):
        y = graph.add("Conv2D", graph.add("Conv2D", x))
        x = graph.add("Add", y, graph.add("Conv2D", x) if block % 4 == 0 else x)
    return graph


def unet(depth: int) -> Graph:
    graph = Graph()
    x = graph.add("Input")
    skips = []
    for _ in range(depth):
        x = graph.add("Conv2D", graph.add("Conv2D", x))
        skips.append(x)
        x = graph.add("MaxPool", x)
    for skip in reversed(skips):
        x = graph.add("Conv2D", graph.add("Concat", skip, graph.add("Resize", x)))
    return graph


def densenet(layers: int) -> Graph:
    """Each layer reads all layers before it, like an unfused concatenation."""
    graph = Graph()
    features = [graph.add("Input")]
    for _ in range(layers):
        features.append(graph.add("Conv2D", graph.add("Concat", *features)))
    return graph


def wide(branches: int) -> Graph:
    graph = Graph()
    x = graph.add("Input")
    graph.add("Concat", *[graph.add("Dense", x) for _ in range(branches)])
    return graph


GRAPHS: dict[str, Callable[[], Graph]] = {
    "nothing": Graph,
    "one": lambda: chain(1),
    "chain of 5": lambda: chain(5),
    "chain of 200": lambda: chain(200),
    "chain of 2000": lambda: chain(2000),
    "text CNN": text_cnn,
    "resnet": lambda: resnet(20),
    "unet": lambda: unet(6),
    "densenet": lambda: densenet(120),
    "wide": lambda: wide(60),
    "very wide": lambda: wide(2000),
    "separate": lambda: Graph([Box(str(index), "Input", (), (SHAPE,)) for index in range(30)]),
}
graphs = pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)


def decode(png: bytes) -> tuple[int, int, bytes]:
    """The width, the height and the filtered scan lines, after checking the checksums of all chunks."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, width, height, data = 8, 0, 0, b""
    while at < len(png):
        (size,) = struct.unpack_from(">I", png, at)
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size)[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height = struct.unpack_from(">II", body)
            assert tuple(body[8:]) == (8, 6, 0, 0, 0), "8-bit RGBA, not interlaced"
        data += body if kind == b"IDAT" else b""
        at += 12 + size
    return width, height, zlib.decompress(data)


def cpu_seconds() -> float:
    """The CPU time of this process and its finished children, which other tests do not affect."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@dataclass(frozen=True)
class Place:
    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Place) -> bool:
        return (
            abs(self.x - other.x) < (self.width + other.width) / 2 - 1e-3
            and abs(self.y - other.y) < (self.height + other.height) / 2 - 1e-3
        )

    def holds(self, x: float, y: float) -> bool:
        # The corners are round: a line may graze the outermost hundredths of an inch.
        return abs(self.x - x) < self.width / 2 - 0.06 and abs(self.y - y) < self.height / 2 - 0.06


def plain(graph: Graph) -> str:
    return render(write_dot("model", arrange(graph.boxes, graph.edges)), "plain").decode()


def laid_out(text: str) -> dict[str, Place]:
    """All labelled items by their name in the DOT text, in inches."""
    number = r"([-+.\de]+)"
    found = re.findall(rf"^node ((?:n|to|from)\S+) {number} {number} {number} {number} ", text, re.MULTILINE)
    return {name: Place(*map(float, numbers)) for name, *numbers in found}


def lines(text: str) -> list[tuple[str, str, list[tuple[float, float]]]]:
    """The visible arrows as (source, target, points along the curve)."""
    found = []
    for line in text.splitlines():
        match = re.match(r"edge ((?:n|to|from)\S+) ((?:n|to|from)\S+) (\d+) (.*)", line)
        if match is None or " invis " in line:
            continue
        numbers = [float(word) for word in match[4].split()[: 2 * int(match[3])]]
        control = list(zip(numbers[::2], numbers[1::2], strict=True))
        points = []
        for first in range(0, len(control) - 3, 3):
            for step in range(21):
                t = step / 20
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                corner = control[first : first + 4]
                points.append(
                    (
                        sum(w * x for w, (x, _) in zip(weights, corner, strict=True)),
                        sum(w * y for w, (_, y) in zip(weights, corner, strict=True)),
                    )
                )
        found.append((match[1], match[2], points))
    return found


@graphs
def test_draws_a_picture_of_bearable_size(make: Callable[[], Graph]) -> None:
    graph = make()
    started = cpu_seconds()
    pictures = draw_overview("model", graph.boxes, graph.edges)
    assert cpu_seconds() - started < 10
    svg = ElementTree.fromstring(pictures["svg"])
    assert len(svg.findall(".//{*}g[@class='node']")) >= min(len(graph.boxes), MAX_BOXES)
    width, height, pixels = decode(pictures["png"])
    assert len(pixels) == height * (1 + 4 * width)
    assert len(set(pixels)) > 10, "a blank picture"
    assert width * height < 40e6
    assert 1 / 3 < width / height < 8


@graphs
def test_everything_has_its_own_place_and_room_for_its_text(make: Callable[[], Graph]) -> None:
    graph = make()
    places = laid_out(plain(graph))
    assert sum(name.startswith("n") for name in places) == min(len(graph.boxes), MAX_BOXES)
    for (a, first), (b, second) in itertools.combinations(places.items(), 2):
        assert not first.overlaps(second), f"{a} lies on {b}"
    # A box is widened by text that is too long for it.
    widths = {place.width for name, place in places.items() if name.startswith("n")}
    assert all(width == pytest.approx(BOX_WIDTH_POINTS / 72, abs=0.01) for width in widths)


@pytest.mark.parametrize("name", ["chain of 200", "text CNN", "resnet", "unet"])
def test_no_arrow_runs_through_a_box(name: str) -> None:
    text = plain(GRAPHS[name]())
    places = laid_out(text)
    arrows = lines(text)
    assert arrows
    for source, target, points in arrows:
        for box, place in places.items():
            if box not in (source, target):
                assert not any(place.holds(x, y) for x, y in points), f"{source} -> {target} through {box}"


@graphs
def test_columns_stand_in_reading_order_and_arrows_point_down(make: Callable[[], Graph]) -> None:
    graph = make()
    arrangement = arrange(graph.boxes, graph.edges)
    places = laid_out(plain(graph))
    for left, right in itertools.pairwise(arrangement.columns):
        for row in range(min(len(left), len(right))):
            end = max(places[f"n{box}"].x for box in left[row])
            assert end < min(places[f"n{box}"].x for box in right[row])
    for column in arrangement.columns:
        inside = {box for row in column for box in row}
        for a, b in arrangement.arrows:
            if {a, b} <= inside:
                assert places[f"n{a}"].y > places[f"n{b}"].y


@graphs
def test_every_edge_is_drawn_or_written(make: Callable[[], Graph]) -> None:
    graph = make()
    arrangement = arrange(graph.boxes, graph.edges)
    assert not set(arrangement.arrows) & set(arrangement.written)
    if not arrangement.summarised:
        assert sorted([*arrangement.arrows, *arrangement.written]) == sorted(set(graph.edges))
    assert all(len(row) <= MAX_BOXES_IN_ROW for column in arrangement.columns for row in column)


def test_passing_arrows_leave_a_row_legible() -> None:
    graph = densenet(120)
    arrangement = arrange(graph.boxes, graph.edges)
    row_of = {box: row for row, boxes in enumerate(itertools.chain(*arrangement.columns)) for box in boxes}
    column_of = {box: c for c, rows in enumerate(arrangement.columns) for row in rows for box in row}
    for row in range(len(row_of)):
        passing = [
            (a, b) for a, b in arrangement.arrows if row_of[a] < row < row_of[b] and column_of[a] == column_of[b]
        ]
        assert len(passing) <= MAX_LANES
    dot = write_dot("model", arrangement)
    assert f"{len(arrangement.written):,} long connections are written" in dot
    assert "also from input_0 +" in dot
    assert "also to " in dot


def test_a_huge_graph_says_what_it_leaves_out() -> None:
    graph = chain(2000)
    arrangement = arrange(graph.boxes, graph.edges)
    dot = write_dot("model", arrangement)
    assert len(arrangement.boxes) == MAX_BOXES
    assert arrangement.summarised == 1601
    assert "1,601 layers not drawn" in dot
    assert "2,000 layers · read column by column · 1,601 layers in the middle are one box" in dot


def test_a_late_input_stands_where_it_is_needed() -> None:
    graph = chain(10)
    late = graph.add("Embedding", graph.add("Input"))
    graph.add("Concat", 9, late)
    (rows,) = arrange(graph.boxes, graph.edges).columns
    assert [sorted(row) for row in rows[8:]] == [[8, 10], [9, 11], [12]]


def test_edges_that_cross_columns_become_references() -> None:
    graph = resnet(20)
    dot = write_dot("model", arrange(graph.boxes, graph.edges))
    leaving = set(re.findall(r"^to(\d+) ", dot, re.MULTILINE))
    assert leaving
    assert leaving == set(re.findall(r"^from(\d+)_", dot, re.MULTILINE))


def test_the_same_input_gives_the_same_bytes() -> None:
    graph = resnet(20)
    first = draw_overview("model", graph.boxes, graph.edges)
    assert draw_overview("model", list(graph.boxes), list(reversed(graph.edges))) == first


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "a\nb\r\n\tc",
        'quoted "name" and \\',
        "\\N \\G \\L",
        "<b>&amp;</table>>",
        "]]> -- { } ; /* */ %s",
        "слой_Ω_é",
        "层 😀 שכבה",
        "\x00\x01\x7f\u200b\u202e\ud800\ufffe",
        "W" * 300,
        "x" * 3_000_000,
        "StatefulPartitionedCall/model/block_1/conv/Conv2D;StatefulPartitionedCall/model/block_1/conv/BiasAdd",
    ],
    # Not the names themselves: pytest puts ids into the environment, where the longest has no room.
    ids=lambda name: ascii(name[:12]),
)
def test_any_name_is_drawn_inside_its_box(name: str) -> None:
    box = Box(name, name, (name, name), (name, SHAPE), (name,))
    pictures = draw_overview(name, [box, box], [(0, 1)])
    ElementTree.fromstring(pictures["svg"])
    width, height, _ = decode(pictures["png"])
    assert width < 800
    assert height < 600
    places = laid_out(plain(Graph([box, box], [(0, 1)])))
    assert {round(place.width * 72) for place in places.values()} == {BOX_WIDTH_POINTS}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("conv_1", "conv_1"),
        ("a\n  b", "a b"),
        ('a<b>&"c"', 'a<b>&"c"'),
        ("\\N\\n\\\\", "\\N\\n\\\\"),
        ("слой_é", "слой_é"),
        ("层_1", "\\u5c42_1"),
        ("first_" + "x" * 60 + "_last", "first_xxxxxxxx…xxxxxxxx_last"),
    ],
)
def test_names_are_shown_as_they_are_but_for_length_and_letters(name: str, shown: str) -> None:
    dot = write_dot("model", arrange([Box(name, "Dense", (), (SHAPE,))], []))
    texts = [html.unescape(text) for text in re.findall(r"<text [^>]*>([^<]*)</text>", render(dot, "svg").decode())]
    assert texts[texts.index("Dense") + 1] == shown


def test_shapes_are_told_once_where_they_do_not_change() -> None:
    graph = Graph()
    x = graph.add("Input", shape="float32 [n, 8]")
    same = graph.add("Relu", x, shape="float32 [n, 8]")
    graph.add("Concat", x, same, shape="float32 [n, 16]")
    relu, concat = (
        re.sub(r"<[^>]*>", "|", line)
        for line in write_dot("model", arrange(graph.boxes, graph.edges)).splitlines()
        if line.startswith(("n1 [", "n2 ["))
    )
    assert relu.count("float32") == 1
    assert "2 × float32 [n, 8]" in concat
    assert "→ float32 [n, 16]" in concat


def test_a_failing_renderer_is_named() -> None:
    with pytest.raises(OverviewError, match=r"graphviz-pure failed: .+"):
        render("digraph {", "png")


def test_a_missing_renderer_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(overview, "_renderer", lambda: tmp_path / "missing")
    with pytest.raises(OverviewError, match="cannot run graphviz-pure"):
        render("digraph {}", "png")
