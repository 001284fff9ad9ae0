"""Hooks of MkDocs: the site has the tree of the repository, so links between its documents are valid on both."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
_SUFFIXES = (".md", ".svg")
_FOLDERS = ("docs/", "bench/", "examples/", "tf-layers/")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s#]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Replaces the files of ``docs_dir`` by the documents, pictures and examples of the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.splitlines() if _belongs(name) and (ROOT / name).is_file()]
    theme = [file for file in files if file.src_dir != config.docs_dir]
    return Files(theme + [File.generated(config, name, abs_src_path=str(ROOT / name)) for name in sorted(names)])


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Replaces links to source files by their paths. Links to files that do not exist stay, and fail the build."""
    folder = (ROOT / page.file.src_uri).parent

    def replace(link: re.Match[str]) -> str:
        target = (folder / link[2]).resolve()
        if "://" in link[2] or not target.is_relative_to(ROOT) or not target.exists():
            return link[0]
        name = target.relative_to(ROOT).as_posix()
        return link[0] if files.get_file_from_path(name) else f"`{name}`"

    return _LINK.sub(replace, markdown)


def _belongs(name: str) -> bool:
    if name.startswith(("examples/", "LICENSE")):
        return True
    return name.endswith(_SUFFIXES) and ("/" not in name or name.startswith(_FOLDERS))
