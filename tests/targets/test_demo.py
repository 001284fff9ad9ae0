"""``make demo``: it prints the scores, the speed, and where to look next."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.crates import ROOT


@pytest.mark.targets
def test_the_demo() -> None:
    done = subprocess.run([sys.executable, "-m", "demo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^\[(\d)/4\]", done.stdout, re.MULTILINE) == ["1", "2", "3", "4"]
    largest = re.search(r"largest difference: (\S+)", done.stdout)
    assert largest is not None
    assert float(largest[1]) <= 1e-5
    assert len(re.findall(r"\d+ µs", done.stdout)) == 4
    picture = re.search(r"as a picture: (.*)$", done.stdout, re.MULTILINE)
    assert picture is not None
    assert (ROOT / picture[1]).is_file()
