"""Turns arbitrary names into unique Rust identifiers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_KEYWORDS = frozenset(
    """
    as async await become box break const continue crate do dyn else enum extern false final fn for
    gen if impl in let loop macro match mod move mut override priv pub ref return self Self static
    struct super trait true try type typeof unsafe unsized use virtual where while yield union raw
    """.split()  # noqa: SIM905, fifty quoted words read worse
)

_RESERVED = _KEYWORDS | frozenset(
    """
    alloc compiler-builtins core panic-abort panic-unwind proc-macro std test unwind
    image memmap2 ndarray rayon rayon-core tf-layers
    build deps examples incremental
    aux con nul prn com0 com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt0 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9
    """.split()  # noqa: SIM905
)
"""Names of the compiler's crates, of the crates that generated code uses, of cargo and of Windows devices."""


def _ascii_words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.findall(r"[A-Za-z0-9]+", plain)


def snake_case(name: str, fallback: str = "x") -> str:
    """``café/1 "x"`` → ``cafe_1_x``; never a keyword, never empty."""
    folded = "_".join(_ascii_words(re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name))).lower()[:60].strip("_") or fallback
    if folded[0].isdigit():
        folded = f"{fallback}_{folded}"
    return f"{folded}_" if folded in _KEYWORDS else folded


def pascal_case(name: str, fallback: str = "X") -> str:
    """``mnist-v2`` → ``MnistV2``."""
    folded = "".join(word[0].upper() + word[1:] for word in _ascii_words(name))[:60] or fallback
    return f"{fallback}{folded}" if folded[0].isdigit() else folded


def crate_name(name: str) -> str:
    """``mnist-v2`` → ``mnist-v2``: a name that cargo accepts and that has no special meaning."""
    folded = "-".join(_ascii_words(name)).lower()[:60].strip("-") or "model"
    return f"model-{folded}" if folded[0].isdigit() or folded in _RESERVED else folded


def words(text: str) -> set[str]:
    """The names in Rust source, except for fields and parts of other names."""
    return set(re.findall(r"(?<![\w.])\w+", text))


class Names:
    """Assigns unique identifiers."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)
        self._counts: dict[str, int] = {}

    def take(self, name: str) -> None:
        """Reserves ``name``."""
        self.taken.add(name)

    def unique(self, wanted: str) -> str:
        """Returns ``wanted``, or ``wanted_2``, ``wanted_3``, …"""
        name, stem = wanted, wanted.rstrip("_")
        while name in self.taken:
            # Names stay reserved, so all numbers up to this one are reserved too.
            self._counts[stem] = self._counts.get(stem, 1) + 1
            name = f"{stem}_{self._counts[stem]}"
        self.taken.add(name)
        return name
