"""No ONNX file reads a forbidden file, exhausts the machine, or ends in anything but a message."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import pytest

from tests.attacks.onnx_files import ATTACKS, CANARY, Attack
from tf2rust.conversion import match_layers
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensors import messages
from tf2rust.onnx_import.weights import whole_model
from tf2rust.source import open_onnx

_MEMORY = 64 << 20
"""The maximum memory in bytes that Python can use for any of these files, which are all small."""


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_an_attack_is_refused_in_a_sentence_or_does_nothing(attack: Attack, tmp_path: Path) -> None:
    path = attack.save(tmp_path)
    with taking_little():
        if attack.refused is None:
            source = open_onnx(path)
            match_layers(source)
            whole = whole_model(source.proto, source.weights)
            assert CANARY not in whole.SerializeToString()
            assert not any(t.data_location or t.external_data for t in messages(whole, onnx.TensorProto))
            return
        with pytest.raises(ConversionError) as caught:
            open_onnx(path)
    assert attack.refused in str(caught.value)
    assert CANARY.decode() not in str(caught.value)
    assert all(reason.endswith(".") and len(reason) < 1000 for reason in caught.value.reasons)


@contextmanager
def taking_little() -> Iterator[None]:
    """Checks that Python uses little memory, as all files of this module are small."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < _MEMORY
    finally:
        tracemalloc.stop()


def test_a_file_that_is_exchanged_for_a_link_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder changes after the file was checked and before it is opened."""
    (attack,) = (a for a in ATTACKS if a.name == "a file as it should be")
    path = attack.save(tmp_path)
    plain = os.open

    def exchanging(name: str | os.PathLike[str], *args: int, **more: int | None) -> int:
        if name == "data":
            (path.parent / "data").unlink()
            (path.parent / "data").symlink_to(tmp_path / "secret" / "canary")
        return plain(name, *args, **more)

    monkeypatch.setattr(os, "open", exchanging)
    with pytest.raises(ConversionError, match="is a link or cannot be opened"):
        open_onnx(path)


@pytest.mark.parametrize("kind", ["nothing", "a folder", "a pipe"])
def test_what_is_no_file_is_not_opened(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    with pytest.raises(ConversionError, match="is a folder" if kind == "a folder" else "does not exist"):
        open_onnx(path)
