"""Fronts and their cases."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

Enter = Callable[[str], None]
"""Reports the name of the next stage."""
_MAX_SIZE = 1 << 18
"""The maximum size of a mutant in bytes."""


class Front(ABC):
    """One kind of file: its seeds, its mutator, and the stages that read it."""

    name: str
    suffix: str
    seconds = 10.0
    """The maximum processor time of a case in seconds."""
    memory = 2 << 30
    """The maximum memory of a case in bytes."""
    share = 500
    """The number of cases after which a worker is replaced, because some libraries never return memory."""

    @abstractmethod
    def seeds(self) -> Iterator[bytes]:
        """The seeds, always the same and in the same order. Runs in a separate process."""

    @abstractmethod
    def mutate(self, rng: Random, data: bytes, donor: bytes) -> bytes:
        """``data`` after one change. Parts may come from ``donor``, another seed."""

    @abstractmethod
    def convert(self, path: Path, enter: Enter, rng: Random) -> None:
        """Runs the stages of a conversion on a file. Stages that need a folder use that of ``path``."""

    def prepare(self) -> None:  # noqa: B027
        """Imports what ``convert`` needs before workers are forked. The default imports nothing."""

    def parts(self, data: bytes) -> Iterator[bytes]:
        """Variants of ``data`` with something removed, to minimise a finding."""
        size = len(data) // 2
        while size:
            for at in range(0, len(data), size):
                yield data[:at] + data[at + size :]
            size //= 2 if size > 8 else size


@dataclass(frozen=True)
class Case:
    """A seed and its mutations. Each mutation has its own random state, so that others can be left out."""

    seed: int
    steps: tuple[tuple[int, int], ...]
    """For each mutation, its random state and the donor."""

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
