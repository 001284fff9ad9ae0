"""A packaged crate builds without the folder that it came from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.crates import ROOT, Crates
from tests.models import graphs
from tf2rust.conversion import Options, convert
from tf2rust.source import open_onnx


@pytest.mark.targets
def test_a_packaged_crate_builds(tmp_path: Path) -> None:
    source = open_onnx(graphs.save(graphs.mlp(), tmp_path / "mlp.onnx"))
    crate = convert(source, Options(tmp_path / "out", "mlp", license="MIT")).crate
    shutil.copy(ROOT / "tests" / "Cargo.lock", crate / "Cargo.lock")
    printed = Crates(crate).cargo("pack", "--allow-dirty")
    assert "Verifying mlp" in printed
