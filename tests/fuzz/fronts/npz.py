"""NPZ files: samples of ``--path_to_fv`` and arrays of ``--constants``."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.fuzz.archives import Members, archive_of, members, mutate_archive
from tests.fuzz.front import Enter, Front
from tests.fuzz.raw import mutate_bytes
from tests.fuzz.values import integer

_DTYPES = (
    *(
        "<f4",
        "<f8",
        "<f2",
        ">f4",
        "<i4",
        "<i8",
        "|i1",
        "|u1",
        "<u8",
        "|b1",
        "<c8",
        "<U5",
        "|S3",
        "|O",
        "|V3",
        "<M8[ns]",
    ),
    *("f4", "", "<f16", "<i3", "|b", "é", "<f4'", "[('a', '<f4')]", "<m8[0]", "<U99999999999", "(2,3)<f4", "a,b"),
)
_SHAPES = ("()", "(3,)", "(3", "(-1,)", "(0,)", "(9999999999,)", "(3.5,)", "3", "(1,)*9", "(" * 60, "(True,)", "('a',)")


class Npz(Front):
    """Reads and checks the arrays."""

    name, suffix = "npz", ".npz"
    share = 5000

    @cached_property
    def _model(self) -> tuple[Any, Any]:
        from tests.models.graphs import two_inputs
        from tf2rust.conversion import match_layers
        from tf2rust.source import Source

        proto = two_inputs()
        return proto, match_layers(Source(Path("two_inputs.onnx"), proto, "none", lambda inputs: {}))[1]

    def prepare(self) -> None:
        assert self._model

    def seeds(self) -> Iterator[bytes]:
        rng = np.random.default_rng(1)
        characters, numbers = rng.integers(0, 5, (4, 9)), rng.normal(size=(4, 3)).astype(np.float32)
        whole = {"characters": characters, "numbers": numbers}
        yield _npz(whole)
        yield _npz({**whole, "predictions": rng.random((4, 1)), "labels": np.array([0, 1, 1, 0])})
        yield _npz({"characters": characters.astype(np.float64), "numbers": np.asfortranarray(numbers)})
        yield _npz({"numbers": numbers})
        yield _npz({**whole, "text": np.array(["a", "bc"]), "more": np.array(1.5)})

    def mutate(self, rng: Random, data: bytes, donor: bytes) -> bytes:
        found = members(data)
        choice = rng.random()
        if found is None or choice < 0.15:
            return mutate_bytes(rng, data)
        if choice < 0.45 or not found:
            return mutate_archive(rng, data, found, members(donor) or [])
        at = rng.randrange(len(found))
        return archive_of([(n, _changed(rng, c) if i == at else c) for i, (n, c) in enumerate(found)])

    def convert(self, path: Path, enter: Enter, rng: Random) -> None:
        from tf2rust.npz import read_npz
        from tf2rust.onnx_import.constants import bind_constants
        from tf2rust.proof.samples.features import check_predictions, read_features

        proto, graph = self._model
        if rng.random() < 0.3:
            enter("constants")
            bind_constants(proto, read_npz(path, "--constants expects an NPZ file of arrays by input name"))
            return
        enter("features")
        features = read_features(path, graph)
        enter("predictions")
        rows = len(features.inputs["numbers"])
        outputs = {"score": np.zeros((rows, 1), np.float32)}
        check_predictions(features, outputs, 0)


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    found: Members = []
    for name, array in arrays.items():
        stream = io.BytesIO()
        np.save(stream, array)
        found.append((f"{name}.npy", stream.getvalue()))
    return archive_of(found)


def _changed(rng: Random, content: bytes) -> bytes:
    """A member with another header or other elements."""
    start, end = content.find(b"{"), content.find(b"\n")
    if not 0 <= start < end or rng.random() < 0.15:
        return mutate_bytes(rng, content)
    header, body = content[start:end].decode("latin1"), content[end + 1 :]
    choice = rng.randrange(5)
    if choice == 0:
        header = _with(header, "'descr': ", f"'{rng.choice(_DTYPES)}'", ", 'fortran")
    elif choice == 1:
        shape = rng.choice(_SHAPES) if rng.random() < 0.6 else f"({integer(rng, -(1 << 70), 1 << 70, 4)}, 3)"
        header = _with(header, "'shape': ", shape, ", }")
    elif choice == 2:
        header = header.replace("False", rng.choice(("True", "None", "1", "False, 'x': 1", "")))
    elif choice == 3:
        body = mutate_bytes(rng, body)
    else:
        version = rng.choice((b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x00\x00", b"\xff\x01"))
        return content[:6] + version + content[8:]
    text = header.encode("latin1", "replace") + b"\n"
    return content[:8] + min(len(text), 65535).to_bytes(2, "little") + text + body


def _with(header: str, key: str, value: str, before: str) -> str:
    head, found, rest = header.partition(key)
    return f"{head}{key}{value}{before}{rest.partition(before)[2]}" if found else header
