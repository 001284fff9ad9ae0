"""The crate's copy of tf-layers, and versions that distinguish conversions.

Cargo allows neither two packages of one name in a workspace, nor two packages of one name and version in a program. To
allow any number of generated crates in a program, the copy of tf-layers is named after its crate, and versions carry a
hash of the conversion as build metadata: ``0.1.0+5f3c9d0a4b21``.
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
    """The folder ``templates`` or ``tf-layers``, in the installed package or in a checkout."""
    inside = importlib.resources.files("tf2rust") / "_data" / name
    if inside.is_dir():
        return Path(str(inside))
    return Path(__file__).resolve().parents[2] / name


def package_name(crate: str) -> str:
    """The package name of the copy of tf-layers in ``crate``."""
    return f"{crate}-tf-layers"


def tf_layers_version() -> str:
    """The version of tf-layers."""
    found = re.search('^version = "(.*)"$', (resource("tf-layers") / "Cargo.toml").read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def vendored(crate: str) -> dict[str, str]:
    """The text files of tf-layers in ``crate``, by path, without its tests and their profiles."""
    folder = resource("tf-layers")
    names = ["Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "clippy.toml", "rustfmt.toml"]
    sources = sorted(path.relative_to(folder).as_posix() for path in (folder / "src").rglob("*.rs"))
    texts = {name: (folder / name).read_text("utf-8") for name in [*names, *sources]}
    texts["Cargo.toml"] = _manifest(texts["Cargo.toml"], package_name(crate))
    return texts


def _manifest(text: str, name: str) -> str:
    package, *sections = re.split(r"\n(?=\[)", text)
    package = re.sub('^name = ".*"$', f'name = "{name}"', package, flags=re.MULTILINE)
    # A copy has no README, and all of its files belong to it.
    package = re.sub("^(readme|include) = .*\n", "", package, flags=re.MULTILINE)
    # The examples in its documentation use its original name.
    library = "[lib]\ndoctest = false\n"
    # A comment before a section is at the end of the section before it.
    dropped = ("[profile", "[package.metadata")
    kept = [re.sub(r"(\n#.*)+\n*\Z", "\n", part) for part in sections if not part.startswith(dropped)]
    return "\n".join([package, library, *kept])


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
    """The text of a ``Cargo.toml`` with ``build`` as build metadata of its version."""
    return re.sub(r'^version = "([0-9.]+)"$', rf'version = "\1+{build}"', manifest, count=1, flags=re.MULTILINE)
