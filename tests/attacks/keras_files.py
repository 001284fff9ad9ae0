"""Keras files that try to do more than compute, or to be read as something other than what was checked.

Every attack is a function that writes a file into a folder. What it writes or runs leaves a file in the folder
``canary`` beside it; what it reads is the file ``secret`` there.
"""

from __future__ import annotations

import base64
import io
import json
import marshal
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Attack = Callable[[Path], Path]
Json = dict[str, Any]

KERAS_2, KERAS_3 = "2.13.1", "3.5.0"
KERNEL = np.arange(4, dtype=np.float32).reshape(4, 1)


@dataclass(frozen=True)
class Case:
    """An attack, and a part of the message that refuses it."""

    write: Attack
    says: str


def canary(folder: Path) -> str:
    """The path where an attack leaves its mark."""
    return str(folder / "canary" / "mark")


def secret(folder: Path) -> str:
    """A file that the model must not read."""
    return str(folder / "secret")


# --- architectures of Keras 2


def layer(class_name: str, name: str, inbound: Any = None, **config: Any) -> Json:
    """A layer that is called on ``x``, or on ``inbound``."""
    nodes = [[["x", 0, 0, {}]]] if inbound is None else inbound
    return {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


def dense(on: str = "x", **config: Any) -> Json:
    return layer("Dense", "out", [[[on, 0, 0, {}]]], units=1, use_bias=False, **{"activation": "linear", **config})


def functional(*layers: Json, out: str = "out", dtype: str = "float32") -> Json:
    """A model with an input ``x`` and the layers; a Dense layer is its output, or the one that ``out`` names."""
    x = layer("InputLayer", "x", [], batch_input_shape=[None, 4], dtype=dtype)
    last = () if any(found["name"] == out for found in layers) else (dense(),)
    config = {"name": "m", "layers": [x, *layers, *last], "input_layers": [["x", 0, 0]], "output_layers": [[out, 0, 0]]}
    return {"class_name": "Functional", "config": config}


def call(function: str, *arguments: Any, **keywords: Any) -> Json:
    """A layer that calls a TensorFlow function on constants."""
    first, *rest = arguments or (1.0,)
    named = {**{f"arg{index}": value for index, value in enumerate(rest)}, **keywords}
    return layer("TFOpLambda", "call", [["_CONSTANT_VALUE", -1, first, named]], function=function)


def class_method(symbol: str, method: str, *arguments: Any) -> Json:
    inbound = [["_CONSTANT_VALUE", -1, list(arguments), {"kwargs": {}}]]
    return layer("ClassMethod", "call", inbound, cls_symbol=symbol, method_name=method)


def lambda_layer(mark: str) -> Json:
    """A Lambda layer whose byte code writes ``mark``."""
    source = f"def f(x):\n    open({mark!r}, 'w').write('ran')\n    return x\n"
    code = next(c for c in compile(source, "lambda", "exec").co_consts if hasattr(c, "co_code"))
    packed = base64.b64encode(marshal.dumps(code)).decode("ascii")
    return layer("Lambda", "code", function=[packed, None, None], function_type="lambda", arguments={})


def function(name: str, module: str, **more: Any) -> Json:
    return {"class_name": "function", "config": name, "module": module, "registered_name": name, **more}


# --- files


def write_h5(path: Path, config: Any, version: Any = KERAS_2, user_block: int = 0) -> Path:
    """An HDF5 file with the architecture ``config``: JSON, or any value that an attribute can have."""
    with h5py.File(path, "w", userblock_size=user_block) as file:
        file.attrs["keras_version"] = version
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps(config) if isinstance(config, dict) else config
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"x", b"out"]
        weights.create_group("x").attrs["weight_names"] = np.zeros(0, "S1")
        own = weights.create_group("out")
        own.attrs["weight_names"] = [b"out/kernel:0"]
        own["out/kernel:0"] = KERNEL
    return path


def h5(config: Callable[[Path], Any], name: str = "model.h5", **more: Any) -> Attack:
    return lambda folder: write_h5(folder / name, config(folder), **more)


def keras_3(folder: Path, *layers: Json) -> Json:
    """An architecture of Keras 3: an input, the layers, a Dense layer."""
    module = {"module": "keras.layers", "registered_name": None}
    x = layer("InputLayer", "x", [], batch_shape=[None, 4], dtype="float32") | module
    config = {"name": "m", "layers": [x, *layers, dense() | module]}
    config |= {"input_layers": [["x", 0, 0]], "output_layers": [["out", 0, 0]]}
    return {"class_name": "Functional", "module": "keras.src.models.functional", "config": config}


def keras_2(last: Json) -> Json:
    """An architecture of the ``.keras`` files of Keras 2: an input and a layer."""
    x = layer("InputLayer", "x", [], batch_input_shape=[None, 4], dtype="float32")
    first = x | {"module": "keras.layers", "registered_name": None}
    layers = [first, {"module": "keras.layers", "registered_name": None} | last]
    config = {"name": "m", "trainable": True, "layers": layers, "input_layers": [["x", 0, 0]]}
    config |= {"output_layers": [[last["name"], 0, 0]]}
    return {"class_name": "Functional", "module": "tf_keras.src.engine.functional", "config": config}


def _with_class_name(found: Json) -> Json:
    """The layer with a class name in an argument that does not describe an object."""
    return found | {"config": found["config"] | {"class_name": "Dense"}}


def _as_value(folder: Path, name: str) -> Json:
    return lambda_layer(canary(folder)) | {"class_name": name, "module": "tf_keras.layers", "registered_name": "Lambda"}


def _as_spec(folder: Path, shown: str, spec: str) -> Json:
    module = {"module": "tensorflow.python.keras.layers.core", "registered_name": "Lambda"}
    names = {"class_name": "__typespec__", "type_spec": shown, "spec_name": spec}
    return names | module | {"config": lambda_layer(canary(folder))["config"]}


def weights_file(edit: Callable[[h5py.File], None] | None = None) -> bytes:
    """The weights of ``keras_3``'s Dense layer as HDF5; ``edit`` changes them."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["layers/dense/vars/0"] = KERNEL
        if edit is not None:
            edit(file)
    return buffer.getvalue()


def members(config: Any, version: Any = KERAS_3, weights: bytes | None = None) -> dict[str, bytes]:
    """The members of a ``.keras`` archive."""
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    metadata = json.dumps({"keras_version": version, "date_saved": "2024-01-01"}).encode()
    contents = weights_file() if weights is None else weights
    return {"metadata.json": metadata, "config.json": text, "model.weights.h5": contents}


def write_archive(path: Path, contents: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def archive(contents: Callable[[Path], Mapping[str, bytes]], **more: Any) -> Attack:
    return lambda folder: write_archive(folder / "model.keras", contents(folder), **more)


# --- HDF5 that reaches for other files


def _external_storage(path: str) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        file.create_dataset("stolen", (16,), "u1", external=[(path, 0, 16)])

    return edit


def _external_link(path: str) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        file["stolen"] = h5py.ExternalLink(path, "/")

    return edit


def _soft_link(path: str) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        file["stolen"] = h5py.SoftLink("/nowhere")

    return edit


def _virtual(path: str) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((4, 1), "f4")
        layout[:] = h5py.VirtualSource(path, "numbers", (4, 1))
        file.create_virtual_dataset("deep/down/stolen", layout)

    return edit


def _unwritten(path: str) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        file.create_dataset("huge", (1 << 40,), "f4", chunks=(1 << 16,), compression="gzip")

    return edit


EDITS = {
    "external storage": (_external_storage, "stores its data in another file"),
    "an external link": (_external_link, "has a link '/stolen'"),
    "a soft link to nowhere": (_soft_link, "has a link '/stolen'"),
    "a virtual array": (_virtual, "'/deep/down/stolen', which stores its data in another file"),
    "an array of terabytes": (_unwritten, "claims 4398046511104 bytes"),
}


def _edited_h5(edit: Callable[[str], Callable[[h5py.File], None]]) -> Attack:
    def write(folder: Path) -> Path:
        path = write_h5(folder / "model.h5", functional())
        with h5py.File(path, "r+") as file:
            edit(secret(folder))(file)
        return path

    return write


def _edited_archive(edit: Callable[[str], Callable[[h5py.File], None]]) -> Attack:
    return archive(lambda folder: members(keras_3(folder), weights=weights_file(edit(secret(folder)))))


# --- one file that two readers understand differently


def _h5_and_zip(folder: Path) -> Path:
    path = write_h5(folder / "model.keras", functional())
    with zipfile.ZipFile(path, "a") as appended:
        for name, content in members(keras_3(folder, lambda_layer(canary(folder)))).items():
            appended.writestr(name, content)
    return path


def _zip_called_h5(folder: Path) -> Path:
    """A zip archive with an HDF5 file at byte 512, the second offset that HDF5 tries."""
    inner = write_h5(folder / "inner.h5", functional(lambda_layer(canary(folder)))).read_bytes()
    path = folder / "model.h5"
    write_archive(path, members(keras_3(folder)))
    head = path.read_bytes()
    path.write_bytes(b"PK\x03\x04" + bytes(508) + inner + head)
    return path


def _bytes_around(before: bytes = b"", behind: bytes = b"") -> Attack:
    def write(folder: Path) -> Path:
        path = write_archive(folder / "model.keras", members(keras_3(folder)))
        path.write_bytes(before + path.read_bytes() + behind)
        return path

    return write


def _two_archives(folder: Path) -> Path:
    first = write_archive(folder / "first.keras", members(keras_3(folder))).read_bytes()
    path = write_archive(folder / "model.keras", members(keras_3(folder, lambda_layer(canary(folder)))))
    path.write_bytes(first + path.read_bytes())
    return path


def _named_twice(folder: Path) -> Path:
    path = write_archive(folder / "model.keras", members(keras_3(folder)))
    with zipfile.ZipFile(path, "a") as appended:
        appended.writestr("config.json", json.dumps(keras_3(folder, lambda_layer(canary(folder)))))
    return path


def _encrypted(folder: Path) -> Path:
    path = write_archive(folder / "model.keras", members(keras_3(folder)))
    content = bytearray(path.read_bytes())
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(magic) + flags] |= 1
    path.write_bytes(content)
    return path


def _bomb(name: str) -> Attack:
    """A member that claims a gigabyte but stores a few bytes."""

    def write(folder: Path) -> Path:
        contents = members(keras_3(folder))
        contents[name] = bytes(4096)
        path = write_archive(folder / "model.keras", contents, zipfile.ZIP_DEFLATED)
        content = path.read_bytes()
        # The size of an entry stands behind its checksum and its packed size, here and in the directory.
        at = content.rindex(name.encode()) - 46
        path.write_bytes(content[: at + 24] + (1 << 30).to_bytes(4, "little") + content[at + 28 :])
        return path

    return write


def _key_twice(folder: Path) -> bytes:
    """A duplicate key: the first reader uses the first ``class_name``, the second reader the second."""
    harmless = json.dumps(keras_3(folder))
    return harmless.replace('"class_name": "Dense"', '"class_name": "Lambda", "class_name": "Dense"').encode()


_LISTED: dict[str, Case] = {
    # Values under whose name Keras would look for a class.
    "a Lambda as a slice": Case(archive(lambda f: members(keras_2(_as_value(f, "__slice__")), KERAS_2)), "'Lambda'"),
    "a Lambda as a tensor": Case(
        archive(lambda f: members(keras_2(_as_value(f, "__keras_tensor__")), KERAS_2)), "'Lambda'"
    ),
    "a module as a slice": Case(
        archive(
            lambda f: members(
                keras_2(layer("__slice__", "code") | {"module": "this", "registered_name": None}), KERAS_2
            )
        ),
        "'this'",
    ),
    "a Lambda as a spec": Case(
        archive(lambda f: members(keras_2(dense(activation=_as_spec(f, "TensorSpec", "Lambda"))), KERAS_2)), "'Lambda'"
    ),
    "a Lambda registered as a spec": Case(
        archive(lambda f: members(keras_2(dense(activation=_as_spec(f, "Lambda", "TensorSpec"))), KERAS_2)),
        "'TensorSpec'",
    ),
    "a vocabulary beside a class name": Case(
        h5(lambda f: functional(_with_class_name(layer("StringLookup", "a", vocabulary=secret(f))))), "secret"
    ),
    # Calls of TensorFlow's functions.
    "write_file": Case(h5(lambda f: functional(call("io.write_file", canary(f), contents="x"))), "'io.write_file'"),
    "write_file of v1": Case(
        h5(lambda f: functional(call("compat.v1.write_file", canary(f), contents="x"))), "'compat.v1.write_file'"
    ),
    "gfile": Case(h5(lambda f: functional(call("io.gfile.copy", secret(f), dst=canary(f)))), "'io.gfile.copy'"),
    "print to a file": Case(
        h5(lambda f: functional(call("print", "x", output_stream=f"file://{canary(f)}"))), "'print'"
    ),
    "print_tensor": Case(h5(lambda f: functional(call("keras.backend.print_tensor", 1.0))), "print_tensor"),
    "a summary writer": Case(
        h5(lambda f: functional(call("summary.create_file_writer", canary(f)))), "'summary.create_file_writer'"
    ),
    "a profile": Case(
        h5(lambda f: functional(call("profiler.experimental.start", canary(f)))), "'profiler.experimental"
    ),
    "read_file": Case(h5(lambda f: functional(call("io.read_file", secret(f)))), "'io.read_file'"),
    "matching_files": Case(h5(lambda f: functional(call("io.matching_files", "/etc/*"))), "'io.matching_files'"),
    "a library": Case(h5(lambda f: functional(call("load_op_library", f"{canary(f)}.so"))), "'load_op_library'"),
    "a SavedModel": Case(h5(lambda f: functional(call("saved_model.load", secret(f)))), "'saved_model.load'"),
    "a raw op": Case(
        h5(lambda f: functional(call("raw_ops.WriteFile", filename=canary(f), contents="x"))), "'raw_ops.WriteFile'"
    ),
    "a vocabulary of a sampler": Case(
        h5(lambda f: functional(call("nn.fixed_unigram_candidate_sampler", [[1]], vocab_file=secret(f)))), "sampler'"
    ),
    "a setting of the process": Case(
        h5(lambda f: functional(call("debugging.set_log_device_placement", True))), "'debugging.set_log"
    ),
    "a slice that is none": Case(
        h5(lambda f: functional(call("io.write_file", canary(f), contents="x") | {"class_name": "SlicingOpLambda"})),
        "'io.write_file'",
    ),
    "a function as a class": Case(
        h5(lambda f: functional(class_method("io.write_file", "__call__", canary(f), "x"))), "'io.write_file'"
    ),
    "a file as a class": Case(
        h5(lambda f: functional(class_method("io.gfile.GFile", "__call__", canary(f), "w"))), "'io.gfile.GFile'"
    ),
    "a model as text": Case(
        h5(
            lambda f: functional(
                class_method(
                    "keras.models.model_from_json", "__call__", json.dumps(functional(lambda_layer(canary(f))))
                )
            )
        ),
        "model_from_json",
    ),
    "an attribute": Case(
        h5(lambda f: functional(layer("InstanceProperty", "call", attr_name="__class__"))), "attribute '__class__'"
    ),
    "a method": Case(h5(lambda f: functional(layer("InstanceMethod", "call", attr_name="eval"))), "attribute 'eval'"),
    "an op as a message": Case(
        h5(lambda f: functional(layer("TensorFlowOpLayer", "call", node_def={"op": "WriteFile", "input": ["a", "b"]}))),
        "op 'WriteFile'",
    ),
    # Python code, in every place that Keras makes objects of.
    "a Lambda": Case(h5(lambda f: functional(lambda_layer(canary(f)))), "'code' is a Lambda"),
    "a Lambda in a model": Case(
        h5(lambda f: functional(layer("Functional", "in", layers=[lambda_layer(canary(f))]))), "'code' is a Lambda"
    ),
    "a Lambda over time": Case(
        h5(lambda f: functional(layer("TimeDistributed", "each", layer=lambda_layer(canary(f))))), "'code' is a Lambda"
    ),
    "a Lambda backwards": Case(
        h5(
            lambda f: functional(
                layer(
                    "Bidirectional", "both", layer=layer("LSTM", "l", units=1), backward_layer=lambda_layer(canary(f))
                )
            )
        ),
        "'code' is a Lambda",
    ),
    "a Lambda as an argument": Case(
        h5(lambda f: functional(call("math.add", 1.0, y=lambda_layer(canary(f))))), "'code' is a Lambda"
    ),
    "a cell that is a Lambda": Case(
        h5(
            lambda f: functional(
                layer("RNN", "rnn", cell=layer("StackedRNNCells", "cells", cells=[lambda_layer(canary(f))]))
            )
        ),
        "'code' is a Lambda",
    ),
    "code in a cell's wrapper": Case(
        h5(lambda f: functional(layer("RNN", "rnn", cell=layer("ResidualWrapper", "cell", residual_fn="4wE=")))),
        "'ResidualWrapper'",
    ),
    "code as an activation": Case(
        h5(lambda f: functional(dense(activation={"class_name": "__lambda__", "config": {"value": "4wE="}}))),
        "'out' is a Lambda",
    ),
    "exec": Case(h5(lambda f: functional(dense(activation="exec"))), "activation 'exec'"),
    "exec of Python's": Case(h5(lambda f: functional(dense(activation=function("exec", "builtins")))), "'exec'"),
    "system": Case(h5(lambda f: functional(dense(activation=function("system", "os")))), "module 'os'"),
    "a package like Keras": Case(
        h5(lambda f: functional(dense() | {"module": "keras_mark.layers"})), "'keras_mark.layers'"
    ),
    "another registered name": Case(
        h5(lambda f: functional(dense() | {"module": "keras.layers", "registered_name": "get_file"})), "'get_file'"
    ),
    "a dtype": Case(
        h5(lambda f: functional(dense(dtype={"class_name": "system", "config": {}, "module": "os"}))), "'system'"
    ),
    "a type": Case(
        h5(
            lambda f: functional(
                layer("Activation", "a", type={"class_name": "__typespec__", "spec_name": "system", "module": "os"})
            )
        ),
        "'system'",
    ),
    "a list as a class": Case(
        h5(lambda f: functional(dense() | {"class_name": ["Dense"]})), "has ['Dense'] as a class name"
    ),
    # Files.
    "a vocabulary": Case(
        h5(
            lambda f: functional(
                layer("IntegerLookup", "words", vocabulary=secret(f), num_oov_indices=1), out="words", dtype="int64"
            )
        ),
        "'words' reads its vocabulary",
    ),
    "a vocabulary of text": Case(
        h5(lambda f: functional(layer("TextVectorization", "words", vocabulary="/etc/passwd"))), "'/etc/passwd'"
    ),
    "another model": Case(
        archive(lambda f: members(keras_3(f, layer("TFSMLayer", "other", filepath=secret(f))))), "'TFSMLayer'"
    ),
    "a pickle": Case(
        archive(lambda f: members(keras_3(f, layer("TorchModuleWrapper", "torch", module="gASV")))),
        "'TorchModuleWrapper'",
    ),
    "a Lambda of Keras 3": Case(
        archive(lambda f: members(keras_3(f, lambda_layer(canary(f)) | {"module": "keras.layers"}))),
        "'code' is a Lambda",
    ),
    "a module of Keras 2": Case(
        archive(
            lambda f: members(
                keras_3(f, layer("Mark", "mark") | {"module": "mark_of_canary", "registered_name": "Mark"}), KERAS_2
            )
        ),
        "'mark_of_canary'",
    ),
    # Two readers.
    "HDF5 and zip": Case(_h5_and_zip, "both an HDF5 file and a zip archive"),
    "zip and HDF5": Case(_zip_called_h5, "before 'metadata.json'"),
    "bytes before": Case(_bytes_around(before=b"PK\x03\x04" + bytes(60)), "before 'metadata.json'"),
    "bytes behind": Case(_bytes_around(behind=b"more"), "after its directory"),
    "two archives": Case(_two_archives, "before 'metadata.json'"),
    "a member twice": Case(_named_twice, "contains 'config.json' 2 times"),
    "a key twice": Case(archive(lambda f: members(_key_twice(f))), "'class_name' occurs twice"),
    "a user block": Case(h5(lambda f: functional(), user_block=512), "neither an HDF5 file"),
    "a password": Case(_encrypted, "is encrypted"),
    # Damage.
    "a config that is too large": Case(_bomb("config.json"), "larger than 64 MiB"),
    "weights that are too large": Case(
        _bomb("model.weights.h5"), "claims that 'model.weights.h5' has 1073741824 bytes"
    ),
    "an asset outside": Case(
        archive(lambda f: {**members(keras_3(f)), f"assets/../../{canary(f)}": b"x"}), "outside of its folder"
    ),
    "a config of numbers": Case(h5(lambda f: np.arange(4)), "is ndarray instead of text"),
    "a config of nothing": Case(h5(lambda f: h5py.Empty("S1")), "is Empty instead of text"),
    "a config in Latin-1": Case(h5(lambda f: np.bytes_(b'{"name": "caf\xe9"}')), "not UTF-8"),
    "a config in UTF-16": Case(archive(lambda f: members(json.dumps(keras_3(f)).encode("utf-16"))), "not UTF-8"),
    "a config too deep": Case(
        archive(lambda f: members(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")), "nested too deep"
    ),
    "a version of numbers": Case(h5(lambda f: functional(), version=3), "is int64 instead of text"),
    "a version of a list": Case(archive(lambda f: members(keras_3(f), version=["3"])), "is list instead of text"),
    "a version too long": Case(h5(lambda f: functional(), version="9" * 5000), "which is not a valid version"),
}

CASES: dict[str, Case] = {
    **_LISTED,
    **{f"{name} in .h5": Case(_edited_h5(edit), says) for name, (edit, says) in EDITS.items()},
    **{f"{name} in .keras": Case(_edited_archive(edit), says) for name, (edit, says) in EDITS.items()},
}
