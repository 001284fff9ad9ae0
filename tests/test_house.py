"""The shape of the house: who may import whom, and how long a file may be."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.crates import ROOT

PACKAGE = ROOT / "tf2rust"
# Data flows cli → onnx_import → ops → proof → codegen. Who is named may be imported: a package, or one module of it.
ALLOWED = {
    "ops": {"ops", "errors", "stages"},
    "onnx_import": {"onnx_import", "ops", "errors", "stages"},
    "proof": {"proof", "onnx_import", "ops", "errors", "npz", "source"},
    "codegen": {"codegen", "ops", "errors", "thresholds", "proof.proof"},
    "publish": {"publish", "errors"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_nothing_imports_backwards(path: Path) -> None:
    allowed = ALLOWED.get(path.relative_to(PACKAGE).parts[0])
    if allowed is None:
        return
    for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(item, ast.ImportFrom) and item.module and item.module.startswith("tf2rust."):
            _, package, *rest = item.module.split(".")
            assert allowed & {package, ".".join([package, *rest])}, f"{path} imports {item.module}"


@pytest.mark.parametrize("word", ["import onnx", "onnx_ir"])
def test_codegen_knows_nothing_of_onnx(word: str) -> None:
    assert [p.name for p in (PACKAGE / "codegen").rglob("*.py") if word in p.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_a_file_fits_on_a_few_screens(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
