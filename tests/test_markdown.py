"""The project's own documents: every link and every path that they name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.crates import ROOT

DOCUMENTS = sorted(
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "bench/*.md",
        "examples/README.md",
        "examples/*/README.md",
        "tf-layers/README.md",
    )
    for path in ROOT.glob(pattern)
)
FOLDERS = ("tf2rust", "tf-layers", "tests", "templates", "bench", "fuzz", "docs", "examples", ".github")


def _name(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


def _anchors(document: Path) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_links_resolve(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_paths_exist(document: Path) -> None:
    for path in re.findall(r"`([\w.-]+/[\w./-]+)`", document.read_text(encoding="utf-8")):
        # Generated crates have folders of the same names.
        if path.split("/")[0] in FOLDERS and document.name not in ("files.md", "migrating.md"):
            assert (ROOT / path).exists(), path
