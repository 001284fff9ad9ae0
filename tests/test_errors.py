"""Terminal output is one line of printable text, whatever the model's names are."""

from __future__ import annotations

import pytest

from tf2rust.errors import ConversionError, UsageError


@pytest.mark.parametrize("kind", [ConversionError, UsageError])
@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("node `café 日本`: no.", "node `café 日本`: no."),
        ("red \x1b[31m and a bell \x07.", r"red \u{1b}[31m and a bell \u{7}."),
        ("turned \u202e around, lone \udc80.", r"turned \u{202e} around, lone \u{dc80}."),
        ("first\n  second\r\nthird.", "first second third."),
    ],
)
def test_sentences_are_lines(kind: type[Exception], given: str, shown: str) -> None:
    assert str(kind(given)) == shown


def test_a_long_sentence_keeps_its_beginning_and_what_to_do() -> None:
    (reason,) = ConversionError(f"node `{'x' * 100_000}` is not supported; export it again.").reasons
    assert reason.startswith("node `xxx")
    assert reason.endswith("xxx` is not supported; export it again.")
    assert len(reason) < 1600
