"""The cases in the ``onnx`` package: models with inputs and expected outputs."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

Item = np.ndarray | onnx.TensorProto
SUITES = ("node", "simple", "pytorch-converted", "pytorch-operator", "real")


@dataclass(frozen=True)
class DataSet:
    """One set of inputs and expected outputs, by name."""

    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A model and its expected outputs.

    An output passes if |found − expected| ≤ atol + rtol · |expected| or if the difference is within the contract's
    bound.
    """

    suite: str
    name: str
    model: onnx.ModelProto
    sets: tuple[DataSet, ...]
    rtol: float
    atol: float
    lengths: Mapping[str, int] = field(default_factory=dict)
    """The lengths of the inputs that are sequences."""

    @property
    def key(self) -> str:
        return f"{self.suite}/{self.name}"


_OUTSIDE_DTYPES = {
    "COMPLEX": "complex numbers",
    "FLOAT6": "floats of 6 bits",
}
_OUTSIDE_OPS = {
    "ImageDecoder": "decoding of images",
    "RandomNormal": "random numbers",
    "RandomNormalLike": "random numbers",
    "RandomUniform": "random numbers",
    "RandomUniformLike": "random numbers",
    "Bernoulli": "random numbers",
    "Multinomial": "random numbers",
}


def out_of_scope(model: onnx.ModelProto) -> str | None:
    """The reason why the model is out of scope; None if it is in scope."""
    graph = model.graph
    given = {info.name for info in graph.input}
    for info in (*graph.input, *graph.output):
        kind = info.type.WhichOneof("value")
        if kind == "map_type":
            return "dictionaries"
        dtype = onnx.TensorProto.DataType.Name(info.type.tensor_type.elem_type)
        if found := next((why for start, why in _OUTSIDE_DTYPES.items() if dtype.startswith(start)), None):
            return found
    for node in graph.node:
        if node.domain == "ai.onnx.preview.training":
            return "training"
        if node.op_type in _OUTSIDE_OPS:
            return _OUTSIDE_OPS[node.op_type]
        training = [a.i for a in node.attribute if a.name == "training_mode"]
        if node.op_type == "BatchNormalization" and any(training):
            return "training"
        if node.op_type == "Dropout" and any(name in given for name in node.input[2:]):
            return "training"
    return None


def load(suites: Sequence[str] = SUITES, pattern: str = "") -> Iterator[Case]:
    """The cases of these suites whose names match ``pattern``, sorted by name."""
    for suite in suites:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the package computes with infinities on purpose
            found = {case.name: case for case in load_model_tests(kind=suite)}
        for name in sorted(found):
            if not re.search(pattern, name):
                continue
            case = found[name]
            if case.url is not None:
                model, sets = _light(case.url)
            elif case.model is not None:
                model, sets = case.model, case.data_sets
            else:
                model = onnx.load(Path(case.model_dir) / "model.onnx")
                sets = _stored(Path(case.model_dir), model)
            if out_of_scope(model) is not None:
                sets = []
            lengths = _lengths(model, sets)
            yield Case(suite, name, model, tuple(_named(model, *s) for s in sets), case.rtol, case.atol, lengths)


def _light(url: str) -> tuple[onnx.ModelProto, list[tuple[list[np.ndarray], list[np.ndarray]]]]:
    """A model of the zoo with seeded weights, and its outputs for ascending numbers from 0 to 1."""
    path = Path(onnx.__file__).parents[1] / url
    model = onnx.load(path)
    initial = {tensor.name for tensor in model.graph.initializer}
    shapes = [
        [d.dim_value or 1 for d in info.type.tensor_type.shape.dim]
        for info in model.graph.input
        if info.name not in initial
    ]
    inputs = [(np.arange(np.prod(s)).reshape(s) / np.prod(s)).astype(np.float32) for s in shapes]
    outputs = [_tensor(path.with_name(f"{path.stem}_output_{i}.pb")) for i in range(len(model.graph.output))]
    return model, [(inputs, outputs)]


def _stored(folder: Path, model: onnx.ModelProto) -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
    """The data sets in a case's folder: one Protobuf file for each input and output."""
    if out_of_scope(model) is not None:
        return []
    sets = []
    for part in sorted(folder.glob("test_data_set_*")):
        sides = []
        for side in ("input", "output"):
            count = len(list(part.glob(f"{side}_*.pb")))
            sides.append([_tensor(part / f"{side}_{i}.pb") for i in range(count)])
        sets.append((sides[0], sides[1]))
    return sets


def _tensor(path: Path) -> np.ndarray:
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return np.asarray(numpy_helper.to_array(tensor))


def _named(model: onnx.ModelProto, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> DataSet:
    """A data set by name. Inputs that are initializers may be missing."""
    initial = {tensor.name for tensor in model.graph.initializer}
    names = [info.name for info in model.graph.input]
    if len(inputs) < len(names):
        names = [name for name in names if name not in initial]
    made = [info.name for info in model.graph.output]
    return DataSet(_by_name(names, inputs), _by_name(made, outputs))


def _by_name(names: Sequence[str], items: Sequence[Item | list[Item] | None]) -> dict[str, np.ndarray]:
    """The arrays by name, without absent ones. The elements of a sequence have the names that the crate gives them."""
    found = {}
    for name, item in zip(names, items, strict=True):
        parts = {f"{name}_{i}": part for i, part in enumerate(item)} if isinstance(item, list) else {name: item}
        found |= {key: _array(part) for key, part in parts.items() if part is not None}
    return found


def _lengths(model: onnx.ModelProto, sets: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> dict[str, int]:
    names = [info.name for info in model.graph.input]
    return {
        n: len(item) for inputs, _ in sets[:1] for n, item in zip(names, inputs, strict=False) if isinstance(item, list)
    }


def _array(item: Item) -> np.ndarray:
    return np.asarray(numpy_helper.to_array(item) if isinstance(item, onnx.TensorProto) else item)
