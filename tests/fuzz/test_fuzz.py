"""A few thousand mutants of every front, always the same, and all stored findings."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.crates import ROOT
from tests.fuzz.__main__ import main


# Processes of their own: the cases are forked, and TensorFlow does not survive that once it has run.
@pytest.mark.parametrize(
    ("fronts", "count"),
    [(("onnx", "npz", "json"), 3000), (("keras", "h5", "tflite", "pb"), 50)],
    ids=lambda value: "_".join(value) if isinstance(value, tuple) else str(value),
)
def test_every_mutant_is_converted_or_refused_in_sentences(fronts: tuple[str, ...], count: int) -> None:
    chosen = [option for front in fronts for option in ("--front", front)]
    command = [sys.executable, "-m", "tests.fuzz", *chosen, "--count", str(count), "--replay"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    for front in fronts:
        assert f"{front}: {count:,} cases" in done.stdout


def test_an_unknown_front_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["--front", "toml"])
