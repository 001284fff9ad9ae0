"""The architecture: which package can import which, and that imports form no cycle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.crates import ROOT

PACKAGE = ROOT / "tf2rust"
# Data flows source → onnx_import → ops → proof → passes → planning → codegen → publish. A part of tf2rust, which is a
# package or a module, may import the packages and modules listed here; a part that is not listed may import any. The
# longest name that a module begins with decides about it.
ALLOWED = {
    "rust": {"rust"},
    "ops": {"ops", "rust", "errors", "stages"},
    "onnx_import": {"onnx_import", "ops", "errors", "stages"},
    "passes": {"passes", "ops"},
    "planning": {"planning", "ops"},
    "proof": {"proof", "onnx_import", "ops", "errors", "npz", "source"},
    "quantization": {"quantization", "onnx_import", "ops", "proof", "source", "errors", "npz", "stages"},
    "proof.agreement": {"errors"},
    "proof.proof": {"proof.agreement", "ops", "errors"},
    "proof.reference": {"proof.reference", "onnx_import", "ops", "errors", "source"},
    "proof.samples": {"proof.samples", "proof.reference", "proof.proof", "onnx_import", "ops", "errors", "npz"},
    "proof.tolerance": {
        *("proof.tolerance", "proof.samples", "proof.reference", "proof.proof", "onnx_import", "ops", "errors"),
    },
    "codegen": {"codegen", "planning", "ops", "rust", "errors", "classifier", "proof.proof"},
    "publish": {"publish", "errors"},
    "targets": {"targets", "codegen", "publish", "rust", "ops", "errors", "proof.proof"},
    "source": {"onnx_import", "npz", "stages"},
    "classifier": {"classifier", "proof.samples.features", "proof.proof", "ops", "errors", "stages", "text_file"},
    "converted": {
        *("converted", "targets", "codegen", "publish", "classifier", "proof.samples.features", "ops"),
        *("rust", "config", "source", "errors", "stages", "npz", "text_file"),
    },
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def _imports(path: Path) -> set[str]:
    """The modules of tf2rust that a file imports anywhere, including in functions and for type checkers."""
    found = set()
    for item in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(item, ast.ImportFrom) and item.module and item.level == 0:
            names = {f"{item.module}.{alias.name}" for alias in item.names}
            found |= names if names <= MODULES.keys() else {item.module, *names}
        elif isinstance(item, ast.Import):
            found |= {alias.name for alias in item.names}
    # Python imports the root of the package before any module of it.
    return (found & MODULES.keys()) - {"tf2rust"}


def _parts(name: str) -> list[str]:
    """``a``, ``a.b`` and ``a.b.c`` of the module ``tf2rust.a.b.c``."""
    names = name.split(".")[1:]
    return [".".join(names[:n]) for n in range(1, len(names) + 1)]


IMPORTS = {name: _imports(path) for name, path in MODULES.items()}


@pytest.mark.parametrize("name", MODULES)
def test_nothing_imports_backwards(name: str) -> None:
    listed = [part for part in _parts(name) if part in ALLOWED]
    if not listed:
        return
    for imported in IMPORTS[name]:
        assert ALLOWED[listed[-1]] & {*_parts(imported)}, f"{name} imports {imported}"


def test_no_imports_form_a_cycle() -> None:
    """Removes modules that import none of the rest until only cycles are left."""
    rest = {name: imported - {name} for name, imported in IMPORTS.items()}
    while symbolic := {name for name, imported in rest.items() if not imported}:
        rest = {name: imported - symbolic for name, imported in rest.items() if name not in symbolic}
    assert rest == {}


@pytest.mark.parametrize("word", ["import onnx", "onnx_ir"])
@pytest.mark.parametrize("package", ["codegen", "passes", "planning"])
def test_the_graph_of_layers_is_all_that_is_known_of_onnx(package: str, word: str) -> None:
    assert [p.name for p in (PACKAGE / package).rglob("*.py") if word in p.read_text(encoding="utf-8")] == []
