"""Values that often cause mistakes: limits of integers, strange names, special floats."""

from __future__ import annotations

import math
from random import Random

_EDGES = (0, 1, 2, 3, 7, 8, 16, 127, 128, 255, 256, 65535, 1 << 20, 10**9, 1 << 31, 1 << 32, 1 << 62, 1 << 63, 1 << 64)
_FLOATS = (0.0, -0.0, 0.5, 1.0, -1.0, 1e-45, 1e-7, 3.4e38, -3.4e38, 1e300, math.inf, -math.inf, math.nan)
_TEXTS = (
    *(
        "",
        " ",
        "x",
        "0",
        "-1",
        "n",
        "batch",
        "y:0",
        "/",
        "..",
        "../../etc/passwd",
        "/etc/hosts",
        "a b",
        "a_b",
        "T",
        "t",
    ),
    *("self", "fn", "r#type", "\n", "\x00", "\x1b[31m", "é", "\u202e", "\U0001f600", "`", '"', "{{", "'; --", "%s%n"),
    *(
        "d" * 300,
        "long " * 2000,
        "float32",
        "int64",
        "None",
        "true",
        "[1, 2]",
        "1e400",
        "9" * 40,
        "builtins",
        "os.system",
    ),
)


def integer(rng: Random, low: int, high: int, near: int = 0) -> int:
    """An integer from low to high: near a given one, at a limit, or any."""
    choice = rng.random()
    if choice < 0.4:
        found = near + rng.choice((-2, -1, 1, 2, near, -2 * near, -near // 2))
    elif choice < 0.9:
        found = rng.choice(_EDGES) * rng.choice((1, -1)) + rng.choice((-1, 0, 0, 1))
    else:
        found = rng.randint(low, high)
    return min(max(found, low), high)


def floating(rng: Random, near: float = 0.0) -> float:
    """A float: near a given one, or a special value."""
    return near * rng.uniform(-2, 2) if rng.random() < 0.3 else rng.choice(_FLOATS)


def text(rng: Random, known: list[str]) -> str:
    """A text, mostly one from the file, because it then refers to something."""
    if known and rng.random() < 0.6:
        found = rng.choice(known)
        return found if rng.random() < 0.8 else found + rng.choice(("0", "_", ".", ":0", "/x", " "))
    return rng.choice(_TEXTS)
