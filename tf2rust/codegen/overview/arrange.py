"""Decides which boxes and arrows are drawn, and their columns and rows.

The row is the depth in the graph. A deep graph is split into columns, like a newspaper, where few edges cross. Parts
that would make the picture illegible are replaced by text: the middle of a huge graph becomes one box, and an edge
without room becomes a note in its two boxes.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

MAX_BOXES = 400
MAX_ARROWS = 1500
MAX_ARROWS_INTO_BOX = 24
MAX_BOXES_IN_ROW = 12

# This many arrows can pass a row without touching its boxes.
MAX_LANES = 4

# Slightly wider than a page; a box with its gap is about twice as wide as high.
_PICTURE_ASPECT = 1.3
_BOX_ASPECT = 2.2
_MIN_ROWS = 12


@dataclass(frozen=True)
class Box:
    """One layer: shapes are text such as ``float32 [n, 82, 64]``, ``details`` are lines such as ``kernel 5, relu``."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrangement:
    """What is drawn: ``columns[c][r]`` are the boxes in row ``r`` of column ``c``; ``summarised`` boxes are merged into
    one.
    """

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[int, int], ...]
    written: tuple[tuple[int, int], ...]
    columns: tuple[tuple[tuple[int, ...], ...], ...]
    summarised: int


def arrange(boxes: Sequence[Box], edges: Sequence[tuple[int, int]]) -> Arrangement:
    """Arranges ``boxes``, in topological order, and the ``edges`` between them."""
    summarised = max(0, len(boxes) - MAX_BOXES + 1)
    drawn, joined = _summarise(boxes, edges, summarised)
    rows = _rows(len(drawn), joined)
    starts = _column_starts(rows, joined)
    column = [sum(start <= row for start in starts) for row in rows]
    arrows, written = _split(joined, rows, column)

    by_row: list[list[int]] = [[] for _ in range(max(rows, default=-1) + 1)]
    for box, row in enumerate(rows):
        by_row[row].append(box)
    bounds = [0, *starts, len(by_row)]
    columns = tuple(tuple(tuple(row) for row in by_row[a:b]) for a, b in itertools.pairwise(bounds))
    return Arrangement(tuple(drawn), arrows, written, columns, summarised)


def _summarise(
    boxes: Sequence[Box], edges: Sequence[tuple[int, int]], count: int
) -> tuple[list[Box], list[tuple[int, int]]]:
    """Merges ``count`` boxes in the middle into one.

    Merging neighbours in a topological order cannot create a cycle.
    """
    if not count:
        return list(boxes), sorted(set(edges))
    first = (len(boxes) - count) // 2
    last = first + count - 1
    kinds = Counter(box.kind for box in boxes[first : last + 1])
    common = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    detail = ", ".join(f"{number:,} × {kind}" for kind, number in common[:2]) + (", …" if len(common) > 2 else "")
    summary = Box(f"{boxes[first].name} … {boxes[last].name}", f"{count:,} layers not drawn", (), (), (detail,))

    def moved(box: int) -> int:
        return box if box <= first else max(first, box - count + 1)

    joined = {(moved(a), moved(b)) for a, b in edges}
    return [*boxes[:first], summary, *boxes[last + 1 :]], sorted(edge for edge in joined if edge[0] != edge[1])


def _rows(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The row of each box: below all its inputs, with at most MAX_BOXES_IN_ROW boxes per row."""
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        before[b].append(a)
        after[a].append(b)

    depth = [0] * count
    for box in range(count):
        depth[box] = max((depth[a] + 1 for a in before[box]), default=0)
    # An input that is needed late, and the chain below it, is placed where it is needed instead of at the top.
    led = [False] * count
    for box, inputs in enumerate(before):
        led[box] = not inputs or (len(inputs) == 1 and led[inputs[0]] and len(after[inputs[0]]) == 1)
    for box in reversed(range(count)):
        if led[box] and after[box]:
            depth[box] = min(depth[b] for b in after[box]) - 1

    rows = [0] * count
    filled: Counter[int] = Counter()
    for box in sorted(range(count), key=lambda box: (depth[box], box)):
        row = max([depth[box], *(rows[a] + 1 for a in before[box])])
        while filled[row] == MAX_BOXES_IN_ROW:
            row += 1
        rows[box] = row
        filled[row] += 1
    return _without_gaps(rows)


def _without_gaps(rows: list[int]) -> list[int]:
    compact = {row: index for index, row in enumerate(sorted(set(rows)))}
    return [compact[row] for row in rows]


def _column_starts(rows: Sequence[int], edges: Sequence[tuple[int, int]]) -> list[int]:
    """The first rows of all columns but the first: evenly spaced, moved a little to where the fewest edges cross."""
    total = max(rows, default=-1) + 1
    if total < 2 * _MIN_ROWS:
        return []
    width = _BOX_ASPECT * len(rows) / total
    count = min(total // _MIN_ROWS, max(1, round(math.sqrt(_PICTURE_ASPECT * total / width))))

    reach = list(rows)
    for a, b in edges:
        reach[a] = max(reach[a], rows[b])
    crossing = [0] * (total + 1)
    for row, end in zip(rows, reach, strict=True):
        for start in range(row + 1, end + 1):
            crossing[start] += 1

    slack = total // count // 4
    starts = []
    for index in range(1, count):
        ideal = index * total // count
        starts.append(
            min(range(ideal - slack, ideal + slack + 1), key=lambda start: (crossing[start], abs(start - ideal)))
        )
    return starts


def _split(
    edges: Sequence[tuple[int, int]], rows: Sequence[int], column: Sequence[int]
) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """Splits ``edges`` into those drawn as arrows and those written into their boxes; short edges are drawn first."""

    def span(edge: tuple[int, int]) -> int:
        return rows[edge[1]] - rows[edge[0]]

    arrows: list[tuple[int, int]] = []
    written: list[tuple[int, int]] = []
    into: Counter[int] = Counter()
    lanes: Counter[int] = Counter()
    for edge in sorted(edges, key=lambda edge: (span(edge), edge)):
        a, b = edge
        # Between columns there are no lines, only references below the source and above the target.
        passed = range(rows[a] + 1, rows[b]) if column[a] == column[b] else (rows[a], rows[b])
        room = into[b] < MAX_ARROWS_INTO_BOX and len(arrows) < MAX_ARROWS
        if room and all(lanes[row] < MAX_LANES for row in passed):
            arrows.append(edge)
            into[b] += 1
            lanes.update(passed)
        else:
            written.append(edge)
    return tuple(sorted(arrows)), tuple(sorted(written))
