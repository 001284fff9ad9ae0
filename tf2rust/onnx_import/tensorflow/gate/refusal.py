"""Reasons not to open a model unless the user trusts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tf2rust.errors import ConversionError


class Refusal(NamedTuple):
    """What a part of a model does beyond computing, as a clause without a full stop, and what to do about it."""

    clause: str
    remedy: str


def refuse_or_note(refusals: Sequence[Refusal], file: str, *, trust_code: bool) -> tuple[str, ...]:
    """Raises ``ConversionError`` with a sentence for each refusal, or returns notes on what ``trust_code`` allows.

    ``file`` is the name of the model in messages.
    """
    distinct = dict.fromkeys(refusals)
    if trust_code:
        return tuple(f"{refusal.clause}; --trust_code allows it." for refusal in distinct)
    if distinct:
        trust = f"or pass --trust_code if you trust the source of {file}."
        raise ConversionError(f"{refusal.clause}; {refusal.remedy}, {trust}" for refusal in distinct)
    return ()
