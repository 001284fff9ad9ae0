"""Blocks of layers: their names, and that a graph of blocks has no cycle."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest

from tf2rust.codegen.report.blocks import Block, Items, block_path, find_blocks

PATHS = {
    "dense": (),
    "dense_2": (),
    "conv2d_3": (),
    "expanded_conv_project": (),
    "Split_254_2": (),
    "block_1_expand": ("block_1",),
    "conv2_block1_out": ("conv2", "conv2_block1"),
    "layers.0.attention.query": ("layers.0", "layers.0.attention"),
    "layer1.0.conv1": ("layer1", "layer1.0"),
    "lstm/Reshape": ("lstm",),
    "": (),
    "././/..": (),
}


@pytest.mark.parametrize("name", PATHS)
def test_names_tell_the_blocks_around_a_layer(name: str) -> None:
    assert block_path(name) == PATHS[name]


def _chain(count: int) -> list[tuple[int, int]]:
    return [(index, index + 1) for index in range(count - 1)]


def _shown(items: Items, names: Sequence[str]) -> list[object]:
    return [[item.name, _shown(item.items, names)] if isinstance(item, Block) else names[item] for item in items]


def test_blocks_have_three_layers_or_more() -> None:
    names = ["stem", *(f"block_{block}_{part}" for block in (1, 2) for part in "abc"), "head_1_a", "head_1_b"]
    assert _shown(find_blocks(names, _chain(len(names))), names) == [
        "stem",
        ["block_1", ["block_1_a", "block_1_b", "block_1_c"]],
        ["block_2", ["block_2_a", "block_2_b", "block_2_c"]],
        "head_1_a",
        "head_1_b",
    ]


def test_blocks_contain_blocks() -> None:
    names = [f"layers.{layer}.{part}.{leaf}" for layer in (0, 1) for part in ("attention", "mlp") for leaf in "abc"]
    found = find_blocks(names, _chain(len(names)))
    assert [item.name for item in found if isinstance(item, Block)] == ["layers.0", "layers.1"]
    first = found[0]
    assert isinstance(first, Block)
    assert [item.name for item in first.items if isinstance(item, Block)] == ["layers.0.attention", "layers.0.mlp"]
    assert first.count == 6


def test_a_layer_without_a_block_joins_its_neighbours() -> None:
    names = ["input", "block_1_a", "reshape", "block_1_b", "block_2_a", "transpose", "block_3_a"]
    (_, block, *rest) = find_blocks(names, _chain(len(names)))
    assert isinstance(block, Block)
    assert _shown((block,), names) == [["block_1", ["block_1_a", "reshape", "block_1_b"]]]
    assert _shown(tuple(rest), names) == ["block_2_a", "transpose", "block_3_a"]


def test_a_block_around_the_whole_model_is_left_out() -> None:
    names = [f"model/block_{block}_{part}" for block in (1, 2) for part in "abc"]
    assert [item.name for item in find_blocks(names, _chain(6)) if isinstance(item, Block)] == [
        "model/block_1",
        "model/block_2",
    ]


def _blocks(items: Items) -> Iterator[Items]:
    yield items
    for item in items:
        if isinstance(item, Block):
            yield from _blocks(item.items)


def _layers(item: Block | int) -> list[int]:
    return [layer for inner in item.items for layer in _layers(inner)] if isinstance(item, Block) else [item]


@pytest.mark.parametrize("seed", range(20))
def test_a_graph_of_blocks_has_no_cycle(seed: int) -> None:
    """Random graphs with random names: inside every block, edges lead from an earlier item to a later one."""
    chosen = random.Random(seed)
    count = chosen.choice([1, 5, 40, 400])
    edges = sorted({tuple(sorted(chosen.sample(range(count), 2))) for _ in range(2 * count)}) if count > 1 else []
    names = [f"layers.{chosen.randrange(4)}.part_{chosen.randrange(3)}_x{chosen.randrange(9)}" for _ in range(count)]
    found = find_blocks(names, [(a, b) for a, b in edges])
    assert sorted(layer for item in found for layer in _layers(item)) == list(range(count))
    for items in _blocks(found):
        assert len(items) <= 120
        place = {layer: at for at, item in enumerate(items) for layer in _layers(item)}
        assert all(place[a] <= place[b] for a, b in edges if a in place and b in place)


def test_many_layers_without_names_become_runs() -> None:
    names = [f"node{letter}" for letter in range(10_000)]
    found = find_blocks(names, _chain(len(names)))
    assert len(found) <= 120
    assert all(isinstance(item, Block) and len(item.items) <= 120 for item in found)
    first = found[0]
    assert isinstance(first, Block)
    assert first.name == "node0 … node99"
