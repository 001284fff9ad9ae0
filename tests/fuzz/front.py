"""What a front is, and the cases that it makes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

Enter = Callable[[str], None]
"""Says which stage comes next."""
_MAX_SIZE = 1 << 18
"""Bytes: mutants do not grow beyond that."""


class Front(ABC):
    """One kind of file: its seeds, its mutator, and what is done with it."""

    name: str
    suffix: str
    seconds = 10.0
    """Of processor time that a case may take."""
    memory = 2 << 30
    """Bytes that a case may take."""
    share = 500
    """Cases that a worker runs before another one takes its place, for some libraries never give memory back."""

    @abstractmethod
    def seeds(self) -> Iterator[bytes]:
        """The files that cases begin with; always the same, in the same order. Runs in a process of its own."""

    @abstractmethod
    def mutate(self, rng: Random, data: bytes, donor: bytes) -> bytes:
        """``data`` after one change; parts of it may come from ``donor``, another seed."""

    @abstractmethod
    def convert(self, path: Path, enter: Enter, rng: Random) -> None:
        """Takes a file through the stages of a conversion; some need a folder, which is that of ``path``."""

    def prepare(self) -> None:  # noqa: B027
        """Imports what ``convert`` needs, before workers are forked; here nothing."""

    def parts(self, data: bytes) -> Iterator[bytes]:
        """Smaller files than ``data``, each with something taken away, for a finding to be made small."""
        size = len(data) // 2
        while size:
            for at in range(0, len(data), size):
                yield data[:at] + data[at + size :]
            size //= 2 if size > 8 else size


@dataclass(frozen=True)
class Case:
    """A seed and the mutations that are made of it, each with a seed of its own so that it can be left out."""

    seed: int
    steps: tuple[tuple[int, int], ...]
    """For each mutation the state of its random numbers, and the donor."""

    def data(self, front: Front, seeds: Sequence[bytes]) -> bytes:
        """The bytes of the file."""
        data = seeds[self.seed]
        for state, donor in self.steps:
            changed = front.mutate(Random(state), data, seeds[donor])
            data = changed if len(changed) <= _MAX_SIZE else data
        return data


def case(front: Front, seeds: Sequence[bytes], number: int, index: int) -> Case:
    """The case ``index`` of the run with seed ``number``."""
    rng = Random(f"{front.name}/{number}/{index}")
    count = rng.choice((1, 1, 1, 2, 2, 3, 5))
    steps = tuple((rng.getrandbits(48), rng.randrange(len(seeds))) for _ in range(count))
    return Case(rng.randrange(len(seeds)), steps)
