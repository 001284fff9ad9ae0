"""ONNX files made to read from, fill or block the machine that converts them.

Each ``Attack`` writes a model into a folder, and contains a part of the message that refuses it. A file next to the
folder has the content ``CANARY``, which must not leak.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CANARY = b"these 32 bytes are not the model"
F = TensorProto.FLOAT

Change = Callable[[onnx.ModelProto, Path], None]


@dataclass(frozen=True)
class Attack:
    """A model file, and part of the message that refuses it; None if it may be converted."""

    name: str
    write: Callable[[Path], bytes]
    refused: str | None

    def __str__(self) -> str:
        return self.name

    def save(self, folder: Path) -> Path:
        """Writes the model and its files below ``folder``, and returns the model's path."""
        (folder / "secret").mkdir()
        (folder / "secret" / "canary").write_bytes(CANARY)
        own = folder / "model"
        own.mkdir()
        (own / "model.onnx").write_bytes(self.write(own))
        return own / "model.onnx"


def info(name: str, shape: Sequence[int | str], dtype: int = F) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def model(
    nodes: Sequence[onnx.NodeProto],
    weights: Sequence[onnx.TensorProto] = (),
    functions: Sequence[onnx.FunctionProto] = (),
    shape: Sequence[int | str] = ("n", 8),
) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "graph", [info("x", shape)], [info("y", shape)], list(weights))
    imports = [helper.make_opsetid("", 18), *([helper.make_opsetid("own", 1)] if functions else [])]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)


def external(location: str, shape: Sequence[int] = (8,), dtype: int = F, **entries: str) -> onnx.TensorProto:
    """A tensor in another file, with eight floats by default."""
    tensor = TensorProto(name="w", data_type=dtype, dims=shape, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


SECRET = "../secret/canary"
ADD = helper.make_node("Add", ["x", "w"], ["y"])


def function(name: str, nodes: Sequence[onnx.NodeProto]) -> onnx.FunctionProto:
    imports = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["x"], ["y"], list(nodes), imports)


def call(name: str, given: str = "x", made: str = "y") -> onnx.NodeProto:
    return helper.make_node(name, [given], [made], domain="own")


def branch(tensor: onnx.TensorProto, *, deep: int) -> onnx.NodeProto:
    """Nested Ifs; the innermost branch has the tensor as a weight."""
    body = helper.make_graph([helper.make_node("Identity", ["w"], ["b0"])], "then", [], [info("b0", [8])], [tensor])
    for i in range(1, deep):
        made = [helper.make_node("Identity", ["x"], [f"o{i}"])]
        other = helper.make_graph(made, "else", [], [info(f"o{i}", ["n", 8])])
        inner = helper.make_node("If", ["c"], [f"b{i}"], then_branch=body, else_branch=other)
        body = helper.make_graph([inner], "then", [], [info(f"b{i}", [8])])
    other = helper.make_graph([helper.make_node("Identity", ["x"], ["o"])], "else", [], [info("o", ["n", 8])])
    return helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=other)


def sparse(tensor: onnx.TensorProto) -> onnx.SparseTensorProto:
    indices = numpy_helper.from_array(np.arange(8), "indices")
    return helper.make_sparse_tensor(tensor, indices, [8])


def _sparse_weight(tensor: onnx.TensorProto) -> onnx.ModelProto:
    made = model([ADD])
    made.graph.sparse_initializer.append(sparse(tensor))
    return made


def _training(tensor: onnx.TensorProto) -> onnx.ModelProto:
    made = model([helper.make_node("Relu", ["x"], ["y"])])
    made.training_info.add().initialization.initializer.append(tensor)
    return made


def _default(tensor: onnx.TensorProto) -> onnx.ModelProto:
    """A function whose attribute has a default value."""
    own = function("Own", [helper.make_node("Identity", ["x"], ["y"])])
    own.attribute_proto.append(helper.make_attribute("value", tensor))
    return model([call("Own")], functions=[own])


ONES = numpy_helper.from_array(np.ones(8, np.float32), "w")
CONDITION = numpy_helper.from_array(np.asarray(True), "c")
PLACES: dict[str, Callable[[onnx.TensorProto], onnx.ModelProto]] = {
    "a weight": lambda t: model([ADD], [t]),
    "a constant": lambda t: model([helper.make_node("Constant", [], ["w"], value=t), ADD]),
    "a list of tensors": lambda t: model([helper.make_node("Relu", ["x"], ["y"], values=[t])]),
    "a sparse weight": _sparse_weight,
    "a sparse constant": lambda t: model([helper.make_node("Constant", [], ["w"], sparse_value=sparse(t)), ADD]),
    "a branch": lambda t: model([branch(t, deep=1)], [CONDITION]),
    "a branch of a branch": lambda t: model([branch(t, deep=4)], [CONDITION]),
    "a function": lambda t: model(
        [call("Own")], functions=[function("Own", [helper.make_node("Constant", [], ["w"], value=t), ADD])]
    ),
    "a function that is not called": lambda t: model(
        [helper.make_node("Relu", ["x"], ["y"])],
        functions=[function("Own", [helper.make_node("Constant", [], ["w"], value=t), ADD])],
    ),
    "a default of a function": _default,
    "a training graph": _training,
}


def _file(folder: Path, name: str = "data", content: bytes = bytes(32)) -> None:
    (folder / name).write_bytes(content)


def _nothing(_: Path) -> None:
    """There is no file next to the model."""


def _in_file(tensor: onnx.TensorProto, prepare: Callable[[Path], object] = _nothing) -> Callable[[Path], bytes]:
    def write(folder: Path) -> bytes:
        prepare(folder)
        return model([ADD], [tensor]).SerializeToString()

    return write


def _linked(folder: Path) -> None:
    os.link(folder.parent / "secret" / "canary", folder / "data")


def _link_within(folder: Path) -> None:
    _file(folder, "real")
    (folder / "data").symlink_to("real")


def _folder_link(folder: Path) -> None:
    (folder / "below").symlink_to(folder.parent / "secret")


OUTSIDE, NO_FILE, SIZE = "outside the model's folder", "cannot be opened", "which need 32 bytes"
FILES = [
    *(
        Attack(f"{place} elsewhere", lambda folder, make=make: make(external(SECRET)).SerializeToString(), OUTSIDE)  # type: ignore[misc]
        for place, make in PLACES.items()
    ),
    Attack("an absolute path", _in_file(external("/etc/hostname")), OUTSIDE),
    Attack("a path of Windows", _in_file(external("C:\\secret")), OUTSIDE),
    Attack("a share of Windows", _in_file(external("\\\\host\\secret")), OUTSIDE),
    Attack("up and down again", _in_file(external("below/../../secret/canary")), OUTSIDE),
    Attack("no path", _in_file(external("")), OUTSIDE),
    Attack("the folder itself", _in_file(external(".")), OUTSIDE),
    Attack("NUL in a path", _in_file(external("data\0", length="32"), _file), "is not a valid file name"),
    Attack("a long name", _in_file(external("d" * 5000)), "is not a valid file name"),
    Attack("a deep path", _in_file(external("d/" * 5000 + "d")), "is not a valid file name"),
    Attack("a long name of few characters", _in_file(external("€" * 200)), "is not a valid file name"),
    Attack("a folder", _in_file(external("below"), lambda folder: (folder / "below").mkdir()), "not a regular file"),
    Attack("a pipe", _in_file(external("data"), lambda folder: os.mkfifo(folder / "data")), "not a regular file"),
    Attack("a hard link", _in_file(external("data"), _linked), "several names (hard links)"),
    Attack("a link to a file of the folder", _in_file(external("data"), _link_within), NO_FILE),
    Attack("a link to a folder", _in_file(external("below/canary"), _folder_link), NO_FILE),
    Attack("a file that is not there", _in_file(external("data")), "but this file does not exist"),
    Attack("a file that is too short", _in_file(external("data"), lambda f: _file(f, content=bytes(31))), SIZE),
    Attack("a file that is too long", _in_file(external("data"), lambda f: _file(f, content=bytes(33))), SIZE),
    Attack("a length that is too long", _in_file(external("data", length="36"), _file), SIZE),
    Attack("an offset beyond the end", _in_file(external("data", offset="8", length="32"), _file), SIZE),
    Attack("a negative offset", _in_file(external("data", offset="-1", length="32"), _file), SIZE),
    Attack("an offset of other digits", _in_file(external("data", offset="٠", length="32"), _file), SIZE),
    Attack("an offset of many digits", _in_file(external("data", offset="9" * 5000), _file), SIZE),
    Attack("a shape that claims much", _in_file(external("data", [1 << 40], length="32"), _file), "need 4398046511104"),
    Attack("a negative shape", _in_file(external("data", [-8]), _file), "a negative dimension"),
    Attack("strings", _in_file(external("data", dtype=TensorProto.STRING), _file), "strings, or an unknown type"),
    Attack("no type", _in_file(external("data", dtype=99), _file), "an unknown type"),
    Attack("a file as it should be", _in_file(external("data", offset="0", length="32"), _file), None),
    Attack("the model's own bytes", _in_file(external("model.onnx", offset="0", length="32")), None),
]


def tensor(**fields: object) -> Callable[[Path], bytes]:
    """A model whose weight has these fields."""
    weight = TensorProto(**{"name": "w", "data_type": F, "dims": [8], **fields})
    return lambda _: model([ADD], [weight]).SerializeToString()


TENSORS = [
    Attack("too few bytes", tensor(raw_data=bytes(31)), "31 bytes or numbers, but its shape [8] requires 32"),
    Attack("too many bytes", tensor(raw_data=bytes(33)), "33 bytes or numbers, but its shape [8] requires 32"),
    Attack("too many numbers", tensor(float_data=[1.0] * 9), "9 bytes or numbers, but its shape [8] requires 8"),
    Attack("too few numbers", tensor(float_data=[1.0]), "1 bytes or numbers, but its shape [8] requires 8"),
    Attack("no data", tensor(), "0 bytes or numbers, but its shape [8] requires 8"),
    Attack("a shape that claims a lot", tensor(dims=[10**12], raw_data=bytes(32)), "requires 4000000000000"),
    Attack("a shape beyond all bounds", tensor(dims=[2**62] * 64, float_data=[1.0]), "than any memory holds"),
    Attack("many axes", tensor(dims=[1] * 40, raw_data=bytes(4)), "has 40 dimensions, but at most 32"),
    Attack("many axes of large weights", tensor(dims=[*[1] * 40, 1 << 16], raw_data=bytes(1 << 18)), "has 41 dim"),
    Attack("a segment", tensor(segment=TensorProto.Segment(begin=0, end=8), raw_data=bytes(32)), "a segment of"),
    Attack("a size below 0", tensor(dims=[-8], raw_data=bytes(32)), "a negative dimension"),
    Attack("a type that does not exist", tensor(data_type=99, raw_data=bytes(32)), "has the type 99"),
    Attack("no type at all", tensor(data_type=0, raw_data=bytes(32)), "has the type 0"),
    Attack("a sparse weight", lambda _: _sparse_weight(ONES).SerializeToString(), "is sparse, which is not supported"),
]


def _doubling(depth: int) -> list[onnx.FunctionProto]:
    last = function("F0", [helper.make_node("Relu", ["x"], ["y"])])
    pairs = [[call(f"F{i}", "x", "h"), call(f"F{i}", "h", "y")] for i in range(depth - 1)]
    return [last, *(function(f"F{i}", pair) for i, pair in enumerate(pairs, start=1))]


def _chained(depth: int) -> list[onnx.FunctionProto]:
    last = function("F0", [helper.make_node("Relu", ["x"], ["y"])])
    return [last, *(function(f"F{i}", [call(f"F{i - 1}")]) for i in range(1, depth))]


def _calls(name: str, functions: Sequence[onnx.FunctionProto]) -> Callable[[Path], bytes]:
    return lambda _: model([call(name)], functions=functions).SerializeToString()


def _cycle(_: Path) -> bytes:
    nodes = [("Add", ["x", "b"], ["a"]), ("Relu", ["a"], ["b"]), ("Relu", ["b"], ["y"])]
    return model([helper.make_node(*node) for node in nodes]).SerializeToString()


GRAPHS = [
    Attack("functions that double", _calls("F59", _doubling(60)), "more than 200,000 nodes"),
    Attack("functions in functions", _calls("F1999", _chained(2000)), "more than 100 deep"),
    Attack("a function that calls itself", _calls("F", [function("F", [call("F")])]), "`F` is recursive"),
    Attack(
        "functions that call each other",
        _calls("F", [function("F", [call("G")]), function("G", [call("F")])]),
        "is recursive",
    ),
    Attack("a cycle", _cycle, "the graph has a cycle"),
]

ATTACKS = [*FILES, *TENSORS, *GRAPHS]
