"""``model/interface.json``: what programs around a generated crate must know to call it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tf2rust.codegen.model import Model
from tf2rust.codegen.names import crate_name
from tf2rust.codegen.states import state_sizes
from tf2rust.codegen.variables import Port
from tf2rust.errors import ConversionError
from tf2rust.ops.core.dims import plain_shape
from tf2rust.proof.proof import Proof, features_key

FILE = "model/interface.json"
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
    """The interface of the crate in this folder. Raises ConversionError if the folder has none."""
    path = crate / FILE
    try:
        content = json.loads(path.read_text("utf-8"))
        if content.pop("version") != _VERSION:
            raise ValueError("another version")
        for group in ("inputs", "outputs", "states"):
            content[group] = tuple(
                Tensor(**{**item, "shape": tuple(item["shape"]), "sample": tuple(item["sample"])})
                for item in content[group]
            )
        return Interface(**{**content, "state_dims": tuple(content["state_dims"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConversionError(
            f"{path} is missing or was not written by this version of tf2rust; convert the model again."
        ) from error
