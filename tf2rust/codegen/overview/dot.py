"""Writes an arrangement as DOT text for Graphviz."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from tf2rust.codegen.overview.arrange import Arrangement, Box
from tf2rust.codegen.overview.text import fitted, html, printable

BOX_WIDTH_POINTS = 172
_TEXT_WIDTH_POINTS = BOX_WIDTH_POINTS - 14
_SMALL = 9

# The names of the nodes in each cell (column, row); references can be in row -1.
_Grid = dict[tuple[int, int], list[str]]

# The fill, line and kind colours for the first word that occurs in the lower-case kind.
_FAMILIES: tuple[tuple[str, tuple[str, str, str]], ...] = (
    ("not drawn", ("#ffffff", "#8b95a5", "#4a5464")),
    ("input|output", ("#eef7ee", "#a5c9a8", "#2f6b3a")),
    ("conv", ("#edf2fc", "#a9bfe6", "#274b8f")),
    ("lstm|gru|rnn|attention|bidirectional", ("#f4effb", "#c4b1e2", "#5b3a93")),
    ("dense|gemm|matmul", ("#e9f5f8", "#9dccd8", "#1c6375")),
    ("embed|gather|lookup", ("#fdf0f4", "#e3b3c3", "#8c2f50")),
    ("pool|reduce|mean", ("#fdf6e7", "#e0c88f", "#7a5a10")),
    ("norm", ("#f3f6e8", "#c3cf98", "#566419")),
    ("add|concat|mul|sub|div|max|min|merge", ("#fdf1ea", "#e6bfa5", "#8e4a1f")),
)
_OTHER = ("#f5f6f8", "#c2c8d1", "#3f4855")

_HEAD = """digraph overview {{
graph [rankdir=TB, ranksep=0.28, nodesep=0.26, pad=0.35, bgcolor=white, splines=true, dpi=96, mclimit=0.5, nslimit=10,
  fontname="Arial", labelloc=t, labeljust=l, label=<{label}>];
node [shape=box, style="filled,rounded", fontname="Arial", fontsize=10, fontcolor="#2a313c", width={width},
  height=0.3, margin="0.06,0.05"];
edge [color="#8b95a5", arrowsize=0.6, penwidth=1.1];"""


def write_dot(title: str, arrangement: Arrangement) -> str:
    """The DOT text of a picture with the heading ``title``."""
    notes: dict[int, list[str]] = defaultdict(list)
    for word, own, other in (("also from", 1, 0), ("also to", 0, 1)):
        ends: dict[int, list[str]] = defaultdict(list)
        for edge in arrangement.written:
            ends[edge[own]].append(arrangement.boxes[edge[other]].name)
        for box, names in ends.items():
            notes[box].append(_listed(word, names))

    head = _HEAD.format(label=_caption(title, arrangement), width=f"{BOX_WIDTH_POINTS / 72:.3f}")
    nodes = [_node(index, box, notes[index]) for index, box in enumerate(arrangement.boxes)]
    cells = _cells(arrangement)
    references, reference_arrows, grid = _references(arrangement, cells)
    for box, cell in enumerate(cells):
        grid[cell].append(f"n{box}")
    arrows = [_arrow(a, b, cells) for a, b in arrangement.arrows if cells[a][0] == cells[b][0]]
    rulers = ["{", *_rulers(len(arrangement.columns), grid), "}"]
    return "\n".join([head, *nodes, *references, *rulers, *arrows, *reference_arrows, "}", ""])


def _cells(arrangement: Arrangement) -> list[tuple[int, int]]:
    cells = {
        box: (column, row)
        for column, rows in enumerate(arrangement.columns)
        for row, boxes in enumerate(rows)
        for box in boxes
    }
    return [cells[box] for box in range(len(cells))]


def _caption(title: str, arrangement: Arrangement) -> str:
    count = len(arrangement.boxes) - 1 + arrangement.summarised if arrangement.summarised else len(arrangement.boxes)
    infos = [f"{count:,} layer{'' if count == 1 else 's'}"]
    if len(arrangement.columns) > 1:
        infos.append("read column by column")
    if arrangement.summarised:
        infos.append(f"{arrangement.summarised:,} layers in the middle are one box")
    if arrangement.written:
        infos.append(f"{len(arrangement.written):,} long connections are written as “also from”, “also to”")
    heading = f'<font point-size="16" color="#1c222b"><b>{html(title, 420, 16)}</b></font>'
    lines = [heading, '<font point-size="4"> </font>', _small(" · ".join(infos), 1000), " "]
    return "".join(f'{line}<br align="left"/>' for line in lines)


def _node(index: int, box: Box, notes: Sequence[str]) -> str:
    summary = box.kind.endswith("not drawn")
    fill, line, ink = next((colours for words, colours in _FAMILIES if re.search(words, box.kind.lower())), _OTHER)
    lines = [f'<font color="{ink}"><b>{html(box.kind, _TEXT_WIDTH_POINTS, 10, bold=True)}</b></font>']
    lines.append(html(box.name, _TEXT_WIDTH_POINTS, 10))
    lines += [_small(part) for part in (*box.details, *_shapes(box), *notes) if part]
    style = ', style="filled,rounded,dashed"' if summary else ""
    rows = "".join(f"<tr><td>{part}</td></tr>" for part in lines)
    label = f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{rows}</table>'
    return f'n{index} [fillcolor="{fill}", color="{line}"{style}, label=<{label}>];'


def _shapes(box: Box) -> list[str]:
    """One line if the layer keeps its shape, otherwise one for its inputs and one for its outputs."""
    inputs, outputs = _counted(box.inputs), _counted(box.outputs)
    if not inputs or inputs == outputs:
        return [outputs]
    return [inputs, f"→ {outputs}"]


def _counted(shapes: Sequence[str]) -> str:
    counts = {shape: shapes.count(shape) for shape in dict.fromkeys(shapes)}
    return ", ".join(shape if count == 1 else f"{count} × {shape}" for shape, count in counts.items())


def _listed(word: str, names: Sequence[str]) -> str:
    """Some of ``names``, and the number of the others."""
    more = f" +{len(names) - 1:,}" if len(names) > 1 else ""
    return f"{word} {fitted(printable(names[0]), 84, _SMALL)}{more}"


def _references(arrangement: Arrangement, cells: Sequence[tuple[int, int]]) -> tuple[list[str], list[str], _Grid]:
    """The references between columns, their arrows and their cells: ``to y`` below x, ``from x`` above y."""
    leaving: dict[int, list[int]] = defaultdict(list)
    # Targets in the same row share a reference; a target further down gets its own.
    entering: dict[tuple[int, tuple[int, int]], list[int]] = defaultdict(list)
    for a, b in arrangement.arrows:
        if cells[a][0] != cells[b][0]:
            leaving[a].append(b)
            entering[a, cells[b]].append(b)

    def node(name: str, note: str) -> str:
        return f'{name} [shape=plaintext, style="", width=0, height=0, margin="0.03,0.03", label=<{_small(note)}>];'

    nodes, arrows = [], []
    grid: _Grid = defaultdict(list)
    for a, targets in leaving.items():
        name = f"to{a}"
        nodes.append(node(name, _listed("to", [arrangement.boxes[b].name for b in targets])))
        arrows.append(f"n{a} -> {name} [style=dashed, weight=5];")
        grid[cells[a][0], cells[a][1] + 1].append(name)
    for (a, (column, row)), targets in entering.items():
        name = f"from{a}_{column}_{row}"
        nodes.append(node(name, _listed("from", [arrangement.boxes[a].name])))
        arrows += [f"{name} -> n{b} [style=dashed, weight=5];" for b in targets]
        grid[column, row - 1].append(name)
    return nodes, arrows, grid


def _rulers(columns: int, grid: _Grid) -> list[str]:
    """An invisible chain at the left of each column, which fixes the rows of its boxes and the order of the columns.

    Without it, ``dot`` can swap columns and move a box without inputs to another row.
    """
    lines = ['node [shape=point, style=invis, width=0.01, height=0.01, label=""];', "edge [style=invis];"]
    rows = sorted({row for _, row in grid})
    # Row numbers start at -1, and a name must not contain a minus sign.
    rulers = [[f"r{column}_{index}" for index in range(len(rows))] for column in range(columns)]
    lines += [f"{' -> '.join(chain)} [weight=100];" for chain in rulers if len(chain) > 1]
    for index, row in enumerate(rows):
        members = [chain[index] for chain in rulers]
        for column in range(columns):
            for name in grid.get((column, row), ()):
                members.append(name)
                lines.append(f"{rulers[column][index]} -> {name};")
                if column + 1 < columns:
                    lines.append(f"{name} -> {rulers[column + 1][index]};")
        lines.append(f"{{rank=same; {'; '.join(members)}}}")
    return lines


def _arrow(a: int, b: int, cells: Sequence[tuple[int, int]]) -> str:
    # Heavy edges become straight and short, so the main path stays straight and detours bend.
    return f"n{a} -> n{b} [weight={20 if cells[b][1] - cells[a][1] == 1 else 1}];"


def _small(text: str, width: float = _TEXT_WIDTH_POINTS) -> str:
    return f'<font point-size="{_SMALL}" color="#626c7a">{html(text, width, _SMALL)}</font>'
