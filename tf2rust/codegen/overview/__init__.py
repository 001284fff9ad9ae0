"""The picture of a model: ``model_overview.png``.

graphviz-pure lays out and paints: Graphviz' own ``dot`` algorithm with its fonts in a 6 MB wheel for Linux, macOS and
Windows, no system library, the same bytes on every platform. Pillow or resvg would only paint and leave the layout to
us, grandalf is unmaintained, fast-sugiyama needs Python 3.11, the WASM builds need a WASM runtime and write no PNG.
It is a young package, so it is used for nothing but this picture, through DOT, which any Graphviz can take over.

``arrange`` decides what is drawn and where columns break, ``dot`` writes it down, this file runs the renderer.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

from tf2rust.codegen.overview.arrange import Box, arrange
from tf2rust.codegen.overview.dot import write_dot

__all__ = ["Box", "OverviewError", "draw_overview", "render"]

# Far above the seconds which the largest drawing takes; a hanging renderer must not hang a conversion.
_TIMEOUT_SECONDS = 60


class OverviewError(Exception):
    """The picture could not be drawn; the conversion itself is not affected."""


def draw_overview(title: str, boxes: Sequence[Box], edges: Sequence[tuple[int, int]], path: Path) -> None:
    """Draw ``boxes``, given in topological order, and ``edges``, which are indices into them, as a PNG at ``path``.

    The same input gives the same bytes. Raises OverviewError when the renderer is missing or fails.
    """
    path.write_bytes(render(write_dot(title, arrange(boxes, edges)), "png"))


def render(dot: str, form: str) -> bytes:
    """What the renderer makes of ``dot`` in the output format ``form``: ``png``, or ``plain`` for the coordinates."""
    try:
        done = subprocess.run(
            [_renderer(), f"-T{form}"], input=dot.encode(), capture_output=True, timeout=_TIMEOUT_SECONDS, check=True
        )
    except subprocess.CalledProcessError as error:
        raise OverviewError(f"graphviz-pure failed: {error.stderr.decode(errors='replace').strip()}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OverviewError(f"graphviz-pure could not be run: {error}") from error
    return done.stdout


@cache
def _renderer() -> Path:
    """The program inside the installed wheel: its folder need not be on the PATH, and a stranger's must not be used."""
    try:
        files = metadata.files("graphviz-pure") or []
    except metadata.PackageNotFoundError as error:
        raise OverviewError("the package graphviz-pure is not installed: pip install graphviz-pure") from error
    for file in files:
        if file.name in ("graphviz-pure", "graphviz-pure.exe"):
            return Path(str(file.locate())).resolve()
    raise OverviewError("the package graphviz-pure is damaged: pip install --force-reinstall graphviz-pure")
