"""The picture of a model: ``model_overview.png`` and ``model_overview.svg``.

graphviz-pure does layout and painting: Graphviz's own ``dot`` algorithm and its fonts in a 6 MB wheel for Linux, macOS
and Windows, without system libraries, and with identical output on every platform. Pillow and resvg only paint,
grandalf is unmaintained, fast-sugiyama needs Python 3.11, and the WASM builds need a WASM runtime and cannot write PNG.
It is a young package, so it is used only for this picture, through DOT, which any Graphviz reads.

``arrange`` decides what is drawn and where columns break, ``dot`` writes DOT text, and this module runs the renderer.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

from tf2rust.codegen.overview.arrange import Box, arrange
from tf2rust.codegen.overview.dot import write_dot

__all__ = ["Box", "OverviewError", "draw_overview", "render"]

FORMATS = ("png", "svg")

# Far above the time of the largest drawing; a hanging renderer must not block a conversion.
_TIMEOUT_SECONDS = 60


class OverviewError(Exception):
    """The picture could not be drawn; the conversion itself is not affected."""


def draw_overview(title: str, boxes: Sequence[Box], edges: Sequence[tuple[int, int]]) -> dict[str, bytes]:
    """Draws ``boxes``, in topological order, and ``edges``, which are pairs of their indices, as ``png`` and ``svg``.

    The output is deterministic. Raises OverviewError if the renderer is missing or fails.
    """
    dot = write_dot(title, arrange(boxes, edges))
    with tempfile.TemporaryDirectory() as folder:
        paths = {form: Path(folder) / f"overview.{form}" for form in FORMATS}
        # One run lays the graph out once for both.
        _run(dot, [argument for form, path in paths.items() for argument in (f"-T{form}", f"-o{path}")])
        return {form: path.read_bytes() for form, path in paths.items()}


def render(dot: str, form: str) -> bytes:
    """Renders ``dot`` in the format ``form``, such as ``plain`` for coordinates."""
    return _run(dot, [f"-T{form}"])


def _run(dot: str, arguments: Sequence[str]) -> bytes:
    try:
        done = subprocess.run(
            [_renderer(), *arguments], input=dot.encode(), capture_output=True, timeout=_TIMEOUT_SECONDS, check=True
        )
    except subprocess.CalledProcessError as error:
        raise OverviewError(f"graphviz-pure failed: {error.stderr.decode(errors='replace').strip()}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OverviewError(f"cannot run graphviz-pure: {error}") from error
    return done.stdout


@cache
def _renderer() -> Path:
    """The program inside the installed wheel. The PATH is not used, so that no other program can take its place."""
    try:
        files = metadata.files("graphviz-pure") or []
    except metadata.PackageNotFoundError as error:
        raise OverviewError(
            "the package graphviz-pure is not installed; install it with: pip install graphviz-pure"
        ) from error
    for file in files:
        if file.name in ("graphviz-pure", "graphviz-pure.exe"):
            return Path(str(file.locate())).resolve()
    raise OverviewError(
        "the package graphviz-pure is damaged; reinstall it with: pip install --force-reinstall graphviz-pure"
    )
