"""Files of Keras: ``.keras`` archives and ``.h5`` files of both generations."""

from __future__ import annotations

import importlib
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.archives import archive_of, members, mutate_archive
from tests.fuzz.front import Enter, Front
from tests.fuzz.raw import mutate_bytes
from tests.fuzz.stages import after_opening
from tests.fuzz.trees import dump, mutate_tree
from tests.fuzz.values import floating, integer, text

_MODELS = {
    "keras3": ("mlp", "odd_names", "two_class_softmax", "dict_outputs", "regression_two_outputs", "attention"),
    "keras2": ("hard_sigmoid", "thresholded_relu", "tensorflow_functions"),
}


class KerasFiles(Front):
    """Everything from a file of Keras to the text of the crate."""

    seconds = 30.0
    memory = 6 << 30
    share = 400

    def prepare(self) -> None:
        from tf2rust.onnx_import.tensorflow.runtime import library
        from tf2rust.ops.core.registry import load_ops

        for name in ("tensorflow", "keras", "tf_keras", "h5py", "tf2onnx", "tf2onnx.tf_loader"):
            library(name)
        load_ops()

    def seeds(self) -> Iterator[bytes]:
        from tf2rust.onnx_import.tensorflow.runtime import library, quiet

        with tempfile.TemporaryDirectory() as folder, quiet():
            for generation, names in _MODELS.items():
                library("tf_keras" if generation == "keras2" else "keras")
                module = importlib.import_module(f"tests.models.{generation}")
                for name in names:
                    path = Path(folder) / f"{generation}_{name}{self.suffix}"
                    module.build(name).save(path)
                    yield path.read_bytes()

    def convert(self, path: Path, enter: Enter, rng: Random) -> None:
        from tf2rust.source import open_tensorflow

        enter("open")
        after_opening(open_tensorflow(path), path, enter, rng)


class Keras(KerasFiles):
    """``.keras``: a zip archive of two JSON files and one of HDF5."""

    name, suffix = "keras", ".keras"

    def mutate(self, rng: Random, data: bytes, donor: bytes) -> bytes:
        found, other = members(data), members(donor) or []
        choice = rng.random()
        if not found or choice < 0.05:
            return mutate_bytes(rng, data)
        if choice < 0.2:
            return mutate_archive(rng, data, found, other)
        at = rng.choice([i for i, (name, _) in enumerate(found) for _ in range(8 if name == "config.json" else 1)])
        name, content = found[at]
        changed = mutate_h5(rng, content) if name.endswith(".h5") else mutate_json(rng, content, dict(other).get(name))
        return archive_of([*found[:at], (name, changed), *found[at + 1 :]])


class H5(KerasFiles):
    """``.h5``: weights and attributes, one of which is the architecture."""

    name, suffix = "h5", ".h5"

    def mutate(self, rng: Random, data: bytes, donor: bytes) -> bytes:
        return mutate_bytes(rng, data) if rng.random() < 0.1 else mutate_h5(rng, data)


def mutate_json(rng: Random, content: bytes, donor: bytes | None) -> bytes:
    """JSON after a change to its tree."""
    try:
        tree = json.loads(content)
        other = json.loads(donor) if donor else tree
    except (ValueError, RecursionError):
        return mutate_bytes(rng, content)
    return mutate_bytes(rng, content) if rng.random() < 0.05 else dump(rng, mutate_tree(rng, tree, other))


def mutate_h5(rng: Random, content: bytes) -> bytes:
    """An HDF5 file after a change to an attribute, a dataset or a link."""
    import h5py

    stream = io.BytesIO(content)
    try:
        with h5py.File(stream, "r+") as file:
            places: list[Any] = [file]
            file.visititems(lambda name, item: places.append(item))
            if "model_config" in file.attrs and rng.random() < 0.6:
                _change_attribute(rng, file, "model_config")
            elif rng.random() < 0.4:
                holder = rng.choice([p for p in places if len(p.attrs)] or places)
                _change_attribute(rng, holder, rng.choice(sorted(holder.attrs) or ["keras_version"]))
            else:
                _change_item(rng, file, rng.choice([p for p in places if p.name != "/"] or [file]))
    except Exception:  # h5py refuses some of the changes
        return mutate_bytes(rng, content)
    return stream.getvalue()


def _change_attribute(rng: Random, holder: Any, name: str) -> None:
    import numpy as np

    value = holder.attrs.get(name, "")
    raw = value.encode() if isinstance(value, str) else bytes(value) if isinstance(value, bytes) else b""
    choice = rng.random()
    del holder.attrs[name]
    if choice < 0.1:
        return
    if choice < 0.2:
        odd = (np.float32(floating(rng)), integer(rng, 0, 1 << 63), [1, 2], h5_empty(), np.bytes_(b"\xff\xfe"))
        holder.attrs[name] = rng.choice(odd)
    elif choice < 0.3 or not raw:
        holder.attrs[name] = text(rng, ["2.4.0", "3.5.0", "1", "10.0", "tensorflow", "dense", "3.x"]).replace("\0", "")
    else:
        changed = mutate_json(rng, raw, None)
        holder.attrs[name] = np.bytes_(changed) if rng.random() < 0.2 else changed.decode("utf-8", "surrogateescape")


def h5_empty() -> Any:
    """An attribute with a type but no value."""
    import h5py

    return h5py.Empty("f4")


def _change_item(rng: Random, file: Any, item: Any) -> None:
    import h5py
    import numpy as np

    name, parent = item.name, item.parent
    choice = rng.randrange(6)
    if choice == 0:
        del parent[name]
        return
    if choice == 1:
        parent.move(name, text(rng, [name, "kernel:0", "a/b"]).replace("\0", "") or "x")
        return
    if choice == 2:
        del parent[name]
        links = (h5py.SoftLink("/absent"), h5py.SoftLink(name), h5py.ExternalLink("/etc/hosts", "/"), h5py.HardLink())
        parent[name] = rng.choice(links[:3])
        return
    array = np.asarray(item[()]) if isinstance(item, h5py.Dataset) else np.zeros(3, np.float32)
    del parent[name]
    if choice == 3:
        shape = rng.choice(((), (0,), (1, *array.shape), (*array.shape, 1), (1 << 40,), tuple(reversed(array.shape))))
        parent.create_dataset(name, shape, "f4", chunks=(64,) if shape == (1 << 40,) else None)
    elif choice == 4:
        parent[name] = array.astype(rng.choice(("f2", "f8", "i4", "S4", "c8", "?"))) if array.dtype.kind != "O" else 0
    elif array.dtype.kind == "f" and array.size:
        array.reshape(-1)[rng.randrange(array.size)] = floating(rng)
        parent[name] = array
    else:
        parent.create_dataset(name, (2,), "f4", external=[("/etc/hosts", 0, 8)])
