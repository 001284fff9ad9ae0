"""Checks that a ``.keras`` archive is a single zip file from its first byte to its last, without duplicate members."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

from tf2rust.errors import ConversionError

CONFIG, METADATA, ASSETS = "config.json", "metadata.json", "assets/"
WEIGHTS = ("model.weights.h5", "model.weights.npz")
# Architectures have some kilobytes to some megabytes; more is not plausible.
_MAX_CONFIG_BYTES = 64 << 20
# The maximum ratio of deflate, and the size that a member can claim in addition.
_MAX_EXPANSION = 1032
_MAX_SMALL_BYTES = 1 << 20
# The header of a member, and the sizes that can follow its contents if they were not known before.
_HEADER_BYTES = 30
_DESCRIPTOR_BYTES = 24
_ENCRYPTED = 0x1
# The end of a zip file without a comment.
_END_BYTES, _END_MAGIC = 22, b"PK\x05\x06"


def check_archive(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """The members that Keras reads. Raises ``ConversionError`` unless every zip reader finds the same ones."""
    members = archive.infolist()
    names = [member.filename for member in members]
    if not {CONFIG, METADATA} <= set(names):
        raise ConversionError(f"{path} is a zip archive but not a .keras model: it has no config.json.")
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise _ambiguous(path, f"it contains {name!r} {count} times")
    _check_layout(archive, members, path)
    wanted = [member for member in members if _is_wanted(member.filename)]
    for member in wanted:
        _check_member(member, path)
    return wanted


def _is_wanted(name: str) -> bool:
    return name in (CONFIG, METADATA, *WEIGHTS) or (name.startswith(ASSETS) and not name.endswith("/"))


def _check_layout(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], path: Path) -> None:
    """Checks that members are contiguous from the first byte to the directory."""
    file, end = archive.fp, 0
    assert file is not None
    for member in sorted(members, key=lambda member: member.header_offset):
        if not end <= member.header_offset <= end + (_DESCRIPTOR_BYTES if end else 0):
            raise _ambiguous(path, f"there is other data before {member.filename!r}")
        file.seek(member.header_offset)
        header = file.read(_HEADER_BYTES)
        lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        end = member.header_offset + _HEADER_BYTES + lengths + member.compress_size
    if not end <= archive.start_dir <= end + _DESCRIPTOR_BYTES:
        raise _ambiguous(path, "there is other data before its directory")
    file.seek(-_END_BYTES, os.SEEK_END)
    if file.read(4) != _END_MAGIC:
        raise _ambiguous(path, "there is other data after its directory")


def _check_member(member: zipfile.ZipInfo, path: Path) -> None:
    name = member.filename
    parts = PurePosixPath(name).parts
    if ".." in parts or "\\" in name or ":" in name or "\0" in member.orig_filename:
        raise ConversionError(
            f"{path} contains a file {name!r}, which would be extracted outside of its folder; save the model "
            "again with Keras."
        )
    if member.flag_bits & _ENCRYPTED:
        raise ConversionError(f"{path} is encrypted; extract it, and pack it again without a password.")
    if name in (CONFIG, METADATA) and member.file_size > _MAX_CONFIG_BYTES:
        raise ConversionError(
            f"{path} claims that {name} is larger than 64 MiB, which is not plausible for an architecture; save "
            "the model again with Keras."
        )
    if member.file_size > _MAX_SMALL_BYTES + _MAX_EXPANSION * member.compress_size:
        raise ConversionError(
            f"{path} claims that {name!r} has {member.file_size} bytes but stores only {member.compress_size}, "
            "which is not plausible; the archive is damaged or malicious: save the model again with Keras."
        )


def _ambiguous(path: Path, why: str) -> ConversionError:
    return ConversionError(
        f"{path} is not a plain zip archive ({why}), so two programs could read different models from it; save the "
        "model again with Keras."
    )
