"""keras.applications: every family converts, and its crate agrees with TensorFlow.

The plain tests convert small members; ``make applications`` converts all at full size.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.applications.families import FAMILIES
from tests.crates import ROOT, Crates
from tf2rust.codegen.crate import CRATE

FULL = os.environ.get("TF2RUST_APPLICATIONS") == "full"
NAMES = [name for name, member in FAMILIES.items() if FULL or member.small is not None]


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("applications"))
    for name in NAMES:
        folder = made.folder / name.lower()
        flags = ["--full"] if FULL else []
        command = [sys.executable, "-m", "tests.applications", name, str(folder), *flags]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{name}: {done.stdout}\n{done.stderr[-2000:]}"
        made.include(name.lower(), folder / CRATE)
    made.build()
    return made


@pytest.mark.parametrize("name", NAMES)
def test_application(crates: Crates, name: str) -> None:
    assert "test result: ok" in crates.test(name.lower())
