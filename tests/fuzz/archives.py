"""Mutations of zip archives: of their members, and of the records that describe them."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from random import Random

from tests.fuzz.values import integer, text

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_FIELDS = {
    _LOCAL: (4, 6, 8, 14, 18, 22, 26, 28),
    _CENTRAL: (4, 6, 8, 10, 16, 20, 24, 28, 30, 38, 42),
    _END: (8, 10, 12, 16),
}
"""The offsets of the numbers in each record."""
_ENCRYPTED = 1

Members = list[tuple[str, bytes]]


def members(data: bytes) -> Members | None:
    """The members of an archive in order; None if it cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:  # what zipfile raises for a damaged archive is what is looked for elsewhere
        return None


def archive_of(found: Members, method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive that does not depend on the clock."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
        warnings.simplefilter("ignore")  # two members of one name
        for name, content in found:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, content)
    return stream.getvalue()


def mutate_archive(rng: Random, data: bytes, found: Members, donor: Members) -> bytes:
    """Changes the list of members, how they are packed, or the numbers in the archive's records."""
    choice = rng.randrange(6)
    at = rng.randrange(len(found)) if found else 0
    names = [name for name, _ in [*found, *donor]]
    if choice == 0 and found:
        return archive_of([*found[:at], *found[at + 1 :]])
    if choice == 1 and found:
        return archive_of([*found, (text(rng, names), rng.choice((found[at][1], b"")))])
    if choice == 2 and found:
        return archive_of([(text(rng, names) if i == at else n, c) for i, (n, c) in enumerate(found)])
    if choice == 3 and donor:
        return archive_of([*found, rng.choice(donor)])
    if choice == 4:
        data = archive_of(found, rng.choice(_METHODS))
    return _with_changed_record(rng, data)


def _with_changed_record(rng: Random, data: bytes) -> bytes:
    kind = rng.choice((_LOCAL, _CENTRAL, _CENTRAL, _END))
    places = [i for i in range(len(data) - 4) if data[i : i + 4] == kind]
    if not places:
        return data
    at = rng.choice(places) + rng.choice(_FIELDS[kind])
    width = rng.choice((2, 2, 4))
    if at + width > len(data):
        return data
    near = int.from_bytes(data[at : at + width], "little")
    value = near ^ _ENCRYPTED if rng.random() < 0.3 else integer(rng, 0, (1 << 8 * width) - 1, near)
    return data[:at] + struct.pack("<H" if width == 2 else "<I", value) + data[at + width :]
