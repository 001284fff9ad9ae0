"""The stages after a model is opened; all fronts for models share them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.front import Enter
from tests.fuzz.oracle import CONTROL

_WHOLE = 40
"""One in this many cases runs the whole conversion, with samples, proof and files."""


def after_opening(source: Any, path: Path, enter: Enter, rng: Random) -> None:
    """Matches the model and generates the Rust of its layers; sometimes runs the whole conversion."""
    from tf2rust.codegen.model import build
    from tf2rust.conversion import Options, convert, match_layers
    from tf2rust.errors import ConversionError

    enter("match")
    found, graph = match_layers(source)
    found.as_json()
    assert not CONTROL.search(found.as_text().replace("\n", "")), "the listing holds control characters"
    if found.unmatched:
        raise ConversionError([unmatched.sentence() for unmatched in found.unmatched])
    enter("build")
    build(graph, inplace=rng.random() < 0.9, memdrop=rng.random() < 0.9)
    if rng.randrange(_WHOLE) == 0:
        enter("convert")
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            convert(source, Options(Path(folder) / "out", "model", tf_layers=path.parent), enter)
