"""Blocks: groups of layers whose names share a prefix, such as ``block_1_`` or ``layers.0.``.

A block is drawn as one box until it is unfolded, so the boxes of a graph of blocks must not form a cycle. Every block
is a run of consecutive layers in one topological order; such runs never form a cycle.
"""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

_MOST_ITEMS = 120
"""The maximum number of boxes of one block; more become runs without a common prefix."""
_FEWEST = 3
"""The minimum number of layers of a block."""
_MOST_READY = 64
"""The number of candidates for the next layer that are compared."""
_WHOLE = 0.8
"""A block with more than this share of all layers is no help and is left out."""
_RANK = re.compile(r"\d[dD]")
_REPEATED = re.compile(r"^(\w+)\.\1\.")
_COUNT = re.compile(r"_\d+$")
"""What makes a repeated name unique."""


@dataclass(frozen=True)
class Block:
    """A group of layers: a name, and items that are blocks or indices of layers."""

    name: str
    items: tuple[Block | int, ...]

    @property
    def count(self) -> int:
        """The number of layers inside."""
        return sum(item.count if isinstance(item, Block) else 1 for item in self.items)


Items = tuple[Block | int, ...]


def find_blocks(names: Sequence[str], edges: Sequence[tuple[int, int]]) -> Items:
    """The blocks and the other layers of a graph, in topological order.

    ``names`` are those of the layers in topological order; ``edges`` are pairs of indices of a layer and a reader.
    """
    paths = _paths(names, edges)
    found = _divided(_ordered(paths, edges), paths, 0)
    while len(blocks := [item for item in found if isinstance(item, Block)]) == 1 and (
        blocks[0].count > _WHOLE * len(names)
    ):
        at = found.index(blocks[0])
        found = (*found[:at], *blocks[0].items, *found[at + 1 :])
    return _in_runs(found, names)


def block_path(name: str) -> tuple[str, ...]:
    """The names of the blocks around a layer, from the outermost to the innermost.

    ``layers.0.attention.query`` is in ``layers.0`` and ``layers.0.attention``; ``conv2_block1_out`` is in ``conv2`` and
    ``conv2_block1``. A number belongs to the name before it.
    """
    parts = re.split(r"([./])", name)
    segments, separators = parts[::2], ["", *parts[1::2]]
    path: list[str] = []
    prefix = ""
    for index, (separator, segment) in enumerate(zip(separators, segments, strict=True)):
        words = segment.split("_")
        for count in range(1, len(words)):
            word = words[count - 1]
            numbered = any(c.isdigit() for c in word) and not _RANK.search(word)
            # A last number tells apart layers with the same name.
            if numbered and not all(rest.isdecimal() for rest in words[count:]):
                path.append(f"{prefix}{separator}{'_'.join(words[:count])}")
        prefix += separator + segment
        numbered = any(c.isdigit() for c in segment)
        if segment.strip() and index + 1 < len(segments) and (numbered or not segments[index + 1].isdecimal()):
            path.append(prefix)
    return tuple(dict.fromkeys(path))


def _paths(names: Sequence[str], edges: Sequence[tuple[int, int]]) -> list[tuple[str, ...]]:
    """The blocks around each layer.

    A layer with the name of a block is in it. One whose name tells no block, such as a Reshape that a pass inserted, is
    in the blocks that what it reads and what reads it have in common.
    """
    # PyTorch's exporters write both `layers.layers.0` and `layers.0`.
    short = [_REPEATED.sub(r"\1.", name) for name in names]
    paths = [block_path(name) for name in short]
    blocks = {block for path in paths for block in path}
    for index, (path, name) in enumerate(zip(paths, short, strict=True)):
        own = next((text for text in (name, _COUNT.sub("", name)) if text in blocks and text not in path), None)
        paths[index] = path if own is None else (*path, own)
    sources: list[list[int]] = [[] for _ in names]
    readers: list[list[int]] = [[] for _ in names]
    for source, reader in edges:
        sources[reader].append(source)
        readers[source].append(reader)
    behind = list(paths)
    for index in reversed(range(len(names))):
        behind[index] = paths[index] or _common([behind[reader] for reader in readers[index]])
    for index, path in enumerate(paths):
        if not path and sources[index] and readers[index]:
            paths[index] = _common([behind[index], *(paths[source] for source in sources[index])])
    return paths


def _common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The blocks that all paths begin with."""
    if not paths:
        return ()
    return paths[0][: min(_shared(paths[0], path) for path in paths)]


def _ordered(paths: Sequence[tuple[str, ...]], edges: Sequence[tuple[int, int]]) -> list[int]:
    """A topological order that stays in a block as long as it can.

    It is made from the end, so that constants come right before their first reader.
    """
    waiting = [0] * len(paths)
    sources: list[list[int]] = [[] for _ in paths]
    for source, reader in edges:
        waiting[source] += 1
        sources[reader].append(source)
    # The last layers come last in these sorted lists.
    ready = [index for index, count in enumerate(waiting) if not count]
    order: list[int] = []
    current: tuple[str, ...] = ()
    while ready:
        chosen = max(ready[-_MOST_READY:], key=lambda index: (_shared(paths[index], current), index))
        ready.remove(chosen)
        order.append(chosen)
        current = paths[chosen]
        for source in sources[chosen]:
            waiting[source] -= 1
            if not waiting[source]:
                bisect.insort(ready, source)
    return order[::-1]


def _shared(a: Sequence[str], b: Sequence[str]) -> int:
    """The number of blocks that two layers have in common."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _divided(order: Sequence[int], paths: Sequence[tuple[str, ...]], depth: int) -> Items:
    """The layers of ``order``, with runs that share the block at ``depth`` as blocks."""
    found: list[Block | int] = []
    start = 0
    while start < len(order):
        path = paths[order[start]]
        end = start + 1
        if len(path) <= depth:
            found.append(order[start])
        else:
            while end < len(order) and paths[order[end]][depth : depth + 1] == (path[depth],):
                end += 1
            items = _divided(order[start:end], paths, depth + 1)
            block = Block(path[depth], items)
            found += [block] if len(items) > 1 and block.count >= _FEWEST else items
        start = end
    return tuple(found)


def _in_runs(items: Items, names: Sequence[str]) -> Items:
    """The items, with runs of them as blocks if there are too many for one picture."""
    inner = [Block(item.name, _in_runs(item.items, names)) if isinstance(item, Block) else item for item in items]
    if len(inner) <= _MOST_ITEMS:
        return tuple(inner)
    size = max(2, math.ceil(math.sqrt(len(inner))))
    runs = [tuple(inner[start : start + size]) for start in range(0, len(inner), size)]
    blocks = [Block(f"{_name(run[0], names)} … {_name(run[-1], names)}", run) for run in runs]
    return _in_runs(tuple(blocks), names)


def _name(item: Block | int, names: Sequence[str]) -> str:
    return item.name if isinstance(item, Block) else names[item]
