"""Small texts from users: ``thresholds.json``, class names, and values of options."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.fuzz.front import Enter, Front
from tests.fuzz.raw import mutate_bytes
from tests.fuzz.trees import dump, mutate_tree

_LEVELS = {"bottom": 0.1, "low": 0.25, "medium": 0.5, "high": 0.99}


class Texts(Front):
    """Reads and checks the text."""

    name, suffix = "json", ".json"
    share = 5000

    def seeds(self) -> Iterator[bytes]:
        yield json.dumps({"version": 1, "dirty": _LEVELS}).encode()
        yield json.dumps({"dirty": dict.fromkeys(_LEVELS, 0)}).encode()
        yield json.dumps(["cat", "dog", "naïve"], ensure_ascii=False).encode()
        yield "cat\ndog\nnaïve\n".encode()
        yield b"batch=4"
        yield b"bottom=0.1,low=0.01"
        yield b"x:0, y:0"

    def mutate(self, rng: Random, data: bytes, donor: bytes) -> bytes:
        try:
            tree, other = json.loads(data), json.loads(donor)
        except (ValueError, RecursionError):
            return mutate_bytes(rng, data)
        return mutate_bytes(rng, data) if rng.random() < 0.2 else dump(rng, mutate_tree(rng, tree, other))

    def convert(self, path: Path, enter: Enter, rng: Random) -> None:
        from tf2rust import options
        from tf2rust.classifier.labels import check_labels, read_labels
        from tf2rust.classifier.thresholds import read_thresholds

        choice = rng.randrange(5)
        given = path.read_bytes().decode("utf-8", "surrogateescape")
        if choice == 0:
            enter("thresholds")
            read_thresholds(path)
        elif choice == 1:
            enter("labels")
            check_labels(path, read_labels(path), 3)
        elif choice == 2:
            enter("dims")
            options.dims([given])
        elif choice == 3:
            enter("rates")
            options.rates(given)
        else:
            enter("names")
            options.names("--inputs", given)
