"""Mutations of JSON-like trees: dicts, lists and plain values."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.fuzz.values import floating, integer, text

_MAX_DEPTH = 3000
Place = tuple[Any, Any]
"""A dict or list, and a key or index in it."""


def mutate_tree(rng: Random, tree: Any, donor: Any) -> Any:
    """A copy of ``tree`` with one node changed, removed, renamed, doubled, or copied from it or from ``donor``."""
    tree = copy.deepcopy(tree)
    places = list(_places(tree))
    if not places:
        return plain(rng, tree, [])
    holder, key = rng.choice(places)
    others = [h[k] for h, k in [*places, *_places(donor)]]
    known = [v for v in others if isinstance(v, str)]
    choice = rng.randrange(8)
    if choice == 0:
        del holder[key]
    elif choice == 1:
        holder[key] = copy.deepcopy(rng.choice(others))
    elif choice == 2 and isinstance(holder, dict):
        holder[text(rng, [*known, *(k for k in holder if isinstance(k, str))])] = copy.deepcopy(holder[key])
    elif choice == 2:
        holder.insert(key, copy.deepcopy(rng.choice((holder[key], rng.choice(others)))))
    elif choice == 3:
        holder[key] = rng.choice(([], {}, [holder[key]], {"x": holder[key]}, None))
    else:
        holder[key] = plain(rng, holder[key], known)
    return tree


def plain(rng: Random, value: Any, known: list[str]) -> Any:
    """A plain value, mostly of the same type as ``value``."""
    if rng.random() < 0.2:
        return rng.choice((None, True, False, 0, -1, 1.5, "", [], {}, 10**30, [None], "1"))
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return integer(rng, -(1 << 64), 1 << 64, value)
    if isinstance(value, float):
        return floating(rng, value)
    return text(rng, known)


def dump(rng: Random, tree: Any) -> bytes:
    """The tree as JSON; sometimes malformed, as by a careless writer or an attacker."""
    choice = rng.random()
    if choice < 0.03:
        return b"[" * rng.randint(1, _MAX_DEPTH) + json.dumps(tree).encode()
    if choice < 0.06:
        return json.dumps(tree).encode("utf-16")
    return json.dumps(tree, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def _places(tree: Any) -> Iterator[Place]:
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])
