"""tf-layers as it goes into a crate, and versions that tell one conversion from another.

Cargo knows the packages of a program by name and version, wherever they lie. So that programs can hold any number of
generated crates, the version of each, and that of its copy of tf-layers, carries a hash of the conversion as build
metadata: ``0.1.0+5f3c9d0a4b21``.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

_DIGITS = 12


def resource(name: str) -> Path:
    """The folder ``templates`` or ``tf-layers``: inside the installed package, or at the top of a checkout."""
    inside = importlib.resources.files("tf2rust") / "_data" / name
    if inside.is_dir():
        return Path(str(inside))
    return Path(__file__).resolve().parents[2] / name


def vendored() -> dict[str, str]:
    """The text files of tf-layers without its tests, by path; the profiles of its manifest are for its own builds."""
    folder = resource("tf-layers")
    names = ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "clippy.toml", "rustfmt.toml"]
    sources = sorted(path.relative_to(folder).as_posix() for path in (folder / "src").rglob("*.rs"))
    texts = {name: (folder / name).read_text("utf-8") for name in [*names, *sources]}
    sections = re.split(r"\n(?=\[)", texts["Cargo.toml"])
    kept = [section for section in sections if not section.startswith("[profile")]
    # A comment at a section's end belongs to the next.
    texts["Cargo.toml"] = re.sub(r"(\n#.*)+\n*\Z", "\n", "\n".join(kept))
    return texts


def build_hash(texts: Mapping[str, str], weights: Mapping[str, np.ndarray]) -> str:
    """A hash of a crate's text files and weights."""
    found = hashlib.sha256()
    for name, text in sorted(texts.items()):
        found.update(f"{name}\0{len(text.encode())}\0{text}".encode())
    for name, array in weights.items():
        found.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()[:_DIGITS]


def with_build(manifest: str, build: str) -> str:
    """The text of a ``Cargo.toml`` with ``build`` as the build metadata of its version."""
    return re.sub(r'^version = "([0-9.]+)"$', rf'version = "\1+{build}"', manifest, count=1, flags=re.MULTILINE)
