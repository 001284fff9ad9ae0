"""The user's other files: NPZ, class names, thresholds. Damaged or malicious ones give a message."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tf2rust.classifier.labels import read_labels
from tf2rust.classifier.thresholds import read_thresholds
from tf2rust.errors import ConversionError, UsageError
from tf2rust.npz import read_npz
from tf2rust.options import dims

WANTED = "--path_to_fv expects an NPZ file of features"


def npy(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, array)  # type: ignore[arg-type]
    return file.getvalue()


def header(descr: str, shape: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def archive(*members: tuple[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", packing) as target:
        for name, content in members:
            target.writestr(name, content)
    return file.getvalue()


def changed(local: int, central: int, value: int) -> bytes:
    """An archive with a changed byte in both headers of its member, at offsets ``local`` and ``central``."""
    content = bytearray(archive(("x.npy", npy(np.ones(3)))))
    content[local] = value
    content[content.index(b"PK\x01\x02") + central] = value
    return bytes(content)


def corrupt() -> bytes:
    content = bytearray(archive(("x.npy", npy(np.arange(999))), packing=zipfile.ZIP_DEFLATED))
    content[60:90] = bytes(30)
    return bytes(content)


class Touch:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("unpickled",)


ZEROS = b"\0" * 16
NPZ = {
    "empty": (b"", "BadZipFile"),
    "text": (b"x,y\n1,2\n", "BadZipFile"),
    "one array": (npy(np.ones(3)), "BadZipFile"),
    "cut": (archive(("x.npy", npy(np.ones(3))))[:-30], "BadZipFile"),
    "pickle": (pickle.dumps(Touch()), "BadZipFile"),
    "objects": (archive(("x.npy", npy(np.array([Touch()], object)))), "Python objects or records"),
    "records": (archive(("x.npy", npy(np.zeros(2, [("a", "f4")])))), "Python objects or records"),
    "subarrays": (archive(("x.npy", header("('<f4', (2,))", "(2,)", ZEROS))), "Python objects or records"),
    "code": (archive(("x.npy", header("__import__('os').mkdir('ran')", "(1,)"))), "ValueError"),
    "deep header": (archive(("x.npy", header("(" * 9000 + ")" * 9000, "(1,)"))), "not a readable NPZ"),
    "version 3": (archive(("x.npy", header("'<f4'", "(4,)", ZEROS, b"\x03\x00"))), "version"),
    "version 9": (archive(("x.npy", header("'<f4'", "(4,)", ZEROS, b"\x09\x00"))), "not a readable NPZ"),
    "claims much": (archive(("x.npy", header("'<f4'", "(1000000000000, 4)", ZEROS))), "does not match its shape"),
    "overflows": (archive(("x.npy", header("'<f4'", "(4294967296, 4294967296)", b""))), "does not match"),
    "negative": (archive(("x.npy", header("'<f4'", "(-1, 4)", ZEROS))), "does not match its shape"),
    "a float for a size": (archive(("x.npy", header("'<f4'", "(1.0,)", ZEROS))), "not a readable NPZ"),
    "short": (archive(("x.npy", header("'<f4'", "(5,)", ZEROS))), "does not match its shape"),
    "long": (archive(("x.npy", header("'<f4'", "(3,)", ZEROS))), "does not match its shape"),
    "no array": (archive(("x.npy", b"hello")), "not a readable NPZ"),
    "raw member": (archive(("x", b"hello")), "is not a .npy array"),
    "twice": (archive(("x.npy", npy(np.ones(1))), ("x.npy", npy(np.ones(2)))), "twice"),
    "encrypted": (changed(6, 8, 1), "encrypted"),
    "corrupt": (corrupt(), "error"),
    "unknown packing": (changed(8, 10, 99), "NotImplementedError"),
    "bomb": (archive(("x.npy", npy(np.zeros(80 << 20, "i4"))), packing=zipfile.ZIP_DEFLATED), "claims to unpack to"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", NPZ)
def test_a_bad_npz_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    content, sentence = NPZ[name]
    (tmp_path / "f.npz").write_bytes(content)
    with pytest.raises(ConversionError) as caught:
        read_npz(tmp_path / "f.npz", WANTED)
    (reason,) = caught.value.reasons
    assert sentence in reason
    assert reason.startswith(f"{tmp_path / 'f.npz'} ")
    assert reason.endswith(".")
    assert len(reason) < 600
    assert [p.name for p in tmp_path.iterdir()] == ["f.npz"]


def test_arrays_come_as_they_are_used(tmp_path: Path) -> None:
    given = {
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(4, dtype=">f4"),
        "scalar": np.float32(3),
        "none": np.zeros((1 << 20, 0, 6), np.int8),
        "größe/1": np.array(["a", "bc"]),
    }
    np.savez(tmp_path / "f.npz", **given)  # type: ignore[arg-type]
    found = read_npz(tmp_path / "f.npz", WANTED)
    assert list(found) == list(given)
    for name, array in given.items():
        assert np.array_equal(found[name], array)
        assert found[name].shape == np.shape(array)
        assert found[name].flags.c_contiguous
        assert found[name].dtype.isnative


def fifo(path: Path) -> None:
    os.mkfifo(path)


def large(path: Path) -> None:
    os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 34)


PLACES: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: None, "does not exist"),
    (lambda path: path.mkdir(), "is not a regular file"),
    (fifo, "is not a regular file"),
    (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
]
READERS = {
    "npz": lambda path: read_npz(path, WANTED),
    "labels": read_labels,
    "thresholds": read_thresholds,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("make", "sentence"), PLACES)
def test_what_is_no_file_is_not_opened(
    tmp_path: Path, make: Callable[[Path], object], sentence: str, reader: str
) -> None:
    make(tmp_path / "f")
    with pytest.raises(ConversionError, match=sentence):
        READERS[reader](tmp_path / "f")


GOOD = '"bottom":0,"low":0,"medium":0,"high":1'
TEXTS = [
    ("thresholds", b"\xff\xfe{}", "not a UTF-8 text file"),
    ("thresholds", b"[" * 200_000, "is not valid JSON"),
    ("thresholds", b'{"dirty":{"bottom":NaN,"low":0,"medium":0,"high":1}}', "NaN is not a JSON number"),
    ("thresholds", b'{"dirty":{"bottom":0,"low":0,"medium":0,"high":1e999}}', "`high`"),
    ("thresholds", b'{"dirty":{"bottom":0,"low":0,"medium":0,"high":' + b"9" * 5000 + b"}}", "is not valid JSON"),
    ("thresholds", b'{"dirty":{"bottom":0,"low":0,"medium":0,"high":' + b"9" * 4000 + b"}}", "`high`"),
    ("thresholds", b'{"dirty":{%s},"dirty":{%s}}' % (GOOD.encode(), GOOD.encode()), "a key occurs twice"),
    ("thresholds", b'{"version":true,"dirty":{%s}}' % GOOD.encode(), "must have exactly the keys `version`"),
    ("thresholds", b'{"version":[1],"dirty":{%s}}' % GOOD.encode(), "must have exactly the keys `version`"),
    ("thresholds", b'{"version":1.0,"dirty":{%s}}' % GOOD.encode(), "must have exactly the keys `version`"),
    ("thresholds", b'{"dirty":{"bottom":"\\ud800","low":0,"medium":0,"high":1}}', "`bottom`"),
    ("labels", bytes(range(128, 256)), "not a UTF-8 text file"),
    ("labels", b"[" * 200_000, "is not valid JSON"),
    ("labels", b"[1]", "a JSON list of strings"),
    ("labels", b"[null]", "a JSON list of strings"),
]


@pytest.mark.parametrize(("reader", "content", "sentence"), TEXTS)
def test_a_bad_text_is_a_sentence(tmp_path: Path, reader: str, content: bytes, sentence: str) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(ConversionError, match=sentence) as caught:
        READERS[reader](tmp_path / "f")
    assert max(map(len, caught.value.reasons)) < 600


def test_a_huge_text_is_not_read(tmp_path: Path) -> None:
    large(tmp_path / "f")
    for name in ("labels", "thresholds"):
        with pytest.raises(ConversionError, match="is larger than 16 MiB"):
            READERS[name](tmp_path / "f")


@pytest.mark.parametrize("size", ["", "0", "-1", "²", "٣", "1.0", "9" * 30, "9" * 5000, "2147483648", " 1", "n"])
def test_what_is_no_size_is_refused(size: str) -> None:
    with pytest.raises(UsageError, match="with sizes from 1 to 2147483647") as caught:
        dims([f"n={size}"])
    assert len(str(caught.value)) < 200
