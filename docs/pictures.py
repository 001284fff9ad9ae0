"""Draws the pictures of the documents: ``python -m docs.pictures``."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import onnx
from rich.console import Console
from rich.text import Text

from examples.model import colors
from tf2rust.conversion import Options, convert
from tf2rust.source import open_onnx

ROOT = Path(__file__).resolve().parents[1]
_COLUMNS = 100
_COMMANDS = (
    "tf2rust from-onnx colors.onnx --path_to_save out --model_name colors",
    "tf2rust verify out",
    "tf2rust summary out",
)


def overview() -> None:
    """Draws the layers of a small model, as its conversion does, to ``docs/overview.svg``."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "colors.onnx"
        onnx.save(colors(), path)
        converted = convert(open_onnx(path), Options(Path(name) / "out", "colors"))
        shutil.copy(converted.model_info / "model_overview.svg", ROOT / "docs" / "overview.svg")


def terminal() -> None:
    """Runs commands and draws what they print to ``docs/terminal.svg``."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    program = Path(sys.executable).with_name("tf2rust")
    with tempfile.TemporaryDirectory() as name:
        onnx.save(colors(), Path(name) / "colors.onnx")
        for command in _COMMANDS:
            console.print(Text.assemble(("$ ", "green"), (command, "bold")))
            words = [str(program), *command.split()[1:]]
            done = subprocess.run(
                words, cwd=name, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
            )
            console.print(Text(done.stdout.replace(f"{Path(name).resolve()}/", "")))
    svg = console.export_svg(title="tf2rust", unique_id="terminal")
    # The font of the template comes from the network; the system's own is as good.
    kept = _without_fonts(svg)
    (ROOT / "docs" / "terminal.svg").write_text(kept, encoding="utf-8")


def _without_fonts(svg: str) -> str:
    begin, end = svg.index("@font-face"), svg.index(".terminal-matrix")
    return svg[:begin] + svg[end:]


if __name__ == "__main__":
    overview()
    terminal()
