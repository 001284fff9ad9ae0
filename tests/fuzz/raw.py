"""Mutations of bytes, without knowledge of the format."""

from __future__ import annotations

from random import Random

_LONGEST_RUN = 64


def mutate_bytes(rng: Random, data: bytes) -> bytes:
    """``data`` after one change: flipped bits, an overwritten, doubled, inserted or removed run, or a cut."""
    if not data:
        return rng.randbytes(rng.randint(1, 16))
    at = rng.randrange(len(data))
    run = rng.randint(1, min(_LONGEST_RUN, len(data)))
    choice = rng.randrange(7)
    if choice == 0:
        return data[:at]
    if choice == 1:
        return data[:at] + data[at + run :]
    if choice == 2:
        return data[:at] + rng.randbytes(run) + data[at:]
    if choice == 3:
        return data[:at] + data[at : at + run] * 2 + data[at + run :]
    if choice == 4:
        return data[:at] + rng.choice((b"\x00", b"\xff", b"\x7f", b"\x80")) * run + data[at + run :]
    changed = bytearray(data)
    for _ in range(1 if choice == 5 else rng.randint(1, 16)):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)
