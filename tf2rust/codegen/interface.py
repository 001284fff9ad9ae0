"""``model/interface.json``: what programs around a generated crate must know to call it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tf2rust.codegen.model import Model
from tf2rust.codegen.names import crate_name
from tf2rust.codegen.render import struct_name
from tf2rust.codegen.states import state_sizes
from tf2rust.codegen.variables import Port
from tf2rust.errors import ConversionError
from tf2rust.ops.core.dims import plain_shape
from tf2rust.ops.core.dtypes import TENSORS, TEXT
from tf2rust.proof.proof import Proof, features_key

FILE = "model/interface.json"
BUNDLED = "models"
"""The folder of the models in the crate of a bundle."""
_VERSION = 1


@dataclass(frozen=True)
class Tensor:
    """An input, an output or a state of the model.

    ``name`` is that of the source model, ``field`` that of the Rust struct. Dims are numbers, and expressions over the
    symbolic dimensions as text. ``key`` is that of its samples in ``testdata/features.npz``, which hold one flattened
    row per sample or step, and ``sample`` is the shape of a row; an output that was not proven has none.
    """

    name: str
    field: str
    dtype: str
    shape: tuple[int | str, ...]
    key: str | None
    sample: tuple[int, ...]


@dataclass(frozen=True)
class Interface:
    """The interface of a generated crate.

    ``state_dims`` are the symbolic dimensions whose sizes ``State::new`` takes. ``embeds`` says that the crate contains
    its weights. ``tolerances`` are those of the outputs by name; outputs whose elements have own tolerances are absent.
    """

    model_name: str
    crate: str
    struct: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    states: tuple[Tensor, ...]
    state_dims: tuple[str, ...]
    embeds: bool
    batched: bool
    samples: int
    tolerances: Mapping[str, float]

    @property
    def module(self) -> str:
        """The name of the crate in Rust source."""
        return self.crate.replace("-", "_")

    @property
    def title(self) -> str:
        """The model's name for comments and descriptions: one line without quotes and backslashes."""
        plain = " ".join(self.model_name.split())
        return plain.replace("\\", "/").replace('"', "'") if plain.isprintable() and plain else self.crate

    def as_json(self) -> str:
        """The text of the file. Escapes make every name valid UTF-8."""
        return json.dumps({"version": _VERSION, **asdict(self)}, indent=2) + "\n"


def interface(model: Model, proof: Proof, model_name: str, struct: str, *, embeds: bool) -> Interface:
    """The interface of a model; ``struct`` is its name in Rust."""

    rows = 1 if proof.batched or proof.steps else 0

    def tensor(port: Port, prefix: str, arrays: Mapping[str, np.ndarray]) -> Tensor:
        array = arrays.get(port.name)
        key = None if array is None else features_key(prefix, port.name, len(arrays))
        sample = () if array is None else array.shape[rows:]
        return Tensor(port.name, port.field, port.dtype, tuple(plain_shape(port.shape)), key, sample)

    return Interface(
        model_name,
        crate_name(model_name),
        struct,
        tuple(tensor(port, "inputs", proof.inputs) for port in model.inputs),
        tuple(tensor(port, "predictions", proof.outputs) for port in model.outputs),
        tuple(tensor(state.output, "predictions", proof.outputs) for state in model.states),
        tuple(state_sizes(model.states)),
        embeds,
        proof.batched,
        proof.samples,
        {name: value for name, value in proof.tolerances.items() if name not in proof.elements},
    )


def read_interface(crate: Path) -> Interface:
    """The interface of the crate in this folder.

    Raises ConversionError if the folder has none, if it was edited, or if the crate is a bundle.
    """
    refuse_bundle(crate)
    path = crate / FILE
    try:
        if not path.is_file():  # Opening a pipe would wait for its other end.
            raise ValueError("not a regular file")
        content = json.loads(path.read_text("utf-8"))
        if content.pop("version") != _VERSION:
            raise ValueError("another version")
        for group in ("inputs", "outputs", "states"):
            content[group] = tuple(map(_tensor, content[group]))
        found = Interface(**{**content, "state_dims": tuple(content["state_dims"])})
        _check(found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ConversionError(
            f"{path} is missing, was edited, or was not written by this version of tf2rust; convert the model again."
        ) from error
    return found


def _tensor(item: Mapping[str, Any]) -> Tensor:
    tensor = Tensor(**{**item, "shape": tuple(item["shape"]), "sample": tuple(item["sample"])})
    texts = (tensor.name, tensor.field, "" if tensor.key is None else tensor.key)
    sizes = (*(dim for dim in tensor.shape if not isinstance(dim, str)), *tensor.sample)
    if not all(isinstance(text, str) for text in texts) or any(type(size) is not int or size < 0 for size in sizes):
        raise TypeError("a tensor has a value of another type")
    if tensor.dtype not in (*TENSORS, TEXT) or not re.fullmatch("[a-z_][a-z0-9_]*", tensor.field):
        raise ValueError("a tensor has no dtype or field of generated code")
    return tensor


def _check(found: Interface) -> None:
    """Raises ValueError or TypeError for an interface that no conversion writes. Its names become code and paths."""
    if (found.crate, found.struct) != (crate_name(found.model_name), struct_name(found.model_name)):
        raise ValueError("the names of the crate and the struct are not those of the model")
    flags = (found.embeds, found.batched)
    if type(found.samples) is not int or not all(isinstance(flag, bool) for flag in flags):
        raise TypeError("a property has another type")
    if not all(isinstance(name, str) for name in found.state_dims):
        raise TypeError("a dimension has no name")
    if not all(isinstance(value, float | int) for value in found.tolerances.values()):
        raise TypeError("a tolerance is no number")


def refuse_bundle(crate: Path) -> None:
    """Raises ConversionError if the crate in this folder is a bundle of several models."""
    if (crate / BUNDLED).is_dir() and not (crate / FILE).exists():
        raise ConversionError(
            f"{crate} is a bundle of several models; give the folder that one of them was converted to, or run cargo "
            "in the bundle as its README.md says."
        )
