"""Runs a generated crate on arrays: builds its example ``predict`` and passes the arrays through NPZ files."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from tf2rust.cargo import find_crate, runner
from tf2rust.codegen.crate import CRATE, MODEL_INFO, TENSORFLOW_MODEL_INFO, write_npz
from tf2rust.errors import ConversionError, one_line
from tf2rust.npz import read_npz
from tf2rust.ops.core.dtypes import TEXT, as_stored, from_stored
from tf2rust.proof.features import lossless, saved_as
from tf2rust.stages import Progress, brief, silent, stage

Arrays = Mapping[str, ArrayLike]


@dataclass(frozen=True)
class Port:
    """An input or output of a crate. A size is a number, or an expression over the symbolic dimensions.

    If the model has a state, axis 0 of every array is the step, with the size ``steps``.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def refusal(self, array: np.ndarray) -> str | None:
        """Why the model cannot take ``array``; None if only the crate can tell."""
        shown = f"`{one_line(self.name)}`"
        if lossless(array, self.dtype) is None:
            remedy = "dtype `str`" if self.dtype == TEXT else saved_as(self.dtype)
            return (
                f"{shown} is {array.dtype.name}, but the model's input is {self.dtype}, and not all values can be "
                f"converted without loss; use {remedy}."
            )
        sizes = zip(array.shape, self.shape, strict=False)
        if array.ndim != len(self.shape) or any(isinstance(dim, int) and size != dim for size, dim in sizes):
            return (
                f"{shown} has shape {list(array.shape)}, but the model's input is {_shown(self.shape)}; reshape the "
                "array."
            )
        return None


@dataclass(frozen=True)
class Ports:
    """The inputs and outputs of a crate, in the model's order."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def checked(self, arrays: Arrays, where: str) -> dict[str, np.ndarray]:
        """The arrays of the inputs, in their dtypes; ``where`` says where the arrays come from.

        Raises ConversionError with every array that is missing or that the model cannot take.
        """
        known = ", ".join(f"`{one_line(name)}`" for name in arrays) or "nothing"
        reasons, found = list[str](), dict[str, np.ndarray]()
        for port in self.inputs:
            if port.name not in arrays:
                reasons.append(
                    f"There is no array for the model's input `{one_line(port.name)}` ({port.dtype} "
                    f"{_shown(port.shape)}) in {where}; it contains {known}."
                )
                continue
            array = from_stored(np.asarray(arrays[port.name]), port.dtype)
            if refusal := port.refusal(array):
                reasons.append(refusal)
            elif (converted := lossless(array, port.dtype)) is not None:
                found[port.name] = converted
        if reasons:
            raise ConversionError(reasons)
        return found


def read_ports(folder: Path) -> Ports | None:
    """The inputs and outputs of the crate in ``folder``, from the files about the model; None if there are none."""
    root = folder if (folder / CRATE).is_dir() else folder.absolute().parent
    for name in (TENSORFLOW_MODEL_INFO, MODEL_INFO):
        path = root / name / "model_architecture.json"
        if path.is_file():
            try:
                return _ports(json.loads(path.read_text(encoding="utf-8")))
            except (ValueError, KeyError, TypeError) as error:
                raise ConversionError(f"{path} is damaged ({brief(str(error))}); convert the model again.") from error
    return None


def run(folder: Path, source: Path, target: Path, progress: Progress = silent) -> None:
    """Runs the crate in ``folder`` on the arrays in ``source`` and writes its outputs to ``target``, both NPZ files.

    Raises ConversionError if the crate cannot be built, and for arrays that the model cannot take.
    """
    with stage("running the crate"):
        find_crate(folder)
        if not target.absolute().parent.is_dir():
            raise ConversionError(f"{target.absolute().parent} is not a folder; create it, or write to another one.")
        if target.is_dir():
            raise ConversionError(f"{target} is a folder; give the path of an NPZ file for the outputs.")
        arrays = read_npz(source, "IN.npz contains the arrays of the model's inputs by name")
        with tempfile.TemporaryDirectory(prefix="tf2rust-") as temporary:
            outputs = _run(folder, arrays, str(source), Path(temporary), progress)
            shutil.move(outputs, target)


def predict(folder: Path, arrays: Arrays | ArrayLike, progress: Progress = silent) -> dict[str, np.ndarray]:
    """Runs the crate in ``folder`` on arrays by input name, and returns its outputs by name.

    A model with one input also takes one array. Raises ConversionError if the crate cannot be built, and for arrays
    that the model cannot take.
    """
    with stage("running the crate"), tempfile.TemporaryDirectory(prefix="tf2rust-") as temporary:
        ports = read_ports(folder)
        if not isinstance(arrays, Mapping):
            if ports is None or len(ports.inputs) != 1:
                raise ConversionError("The model does not have exactly one input; give a dict of arrays by input name.")
            arrays = {ports.inputs[0].name: arrays}
        outputs = _run(folder, arrays, "the given arrays", Path(temporary), progress)
        found = read_npz(outputs, "the crate writes its outputs to it")
        dtypes = {port.name: port.dtype for port in ports.outputs} if ports is not None else {}
        return {name: from_stored(array, dtypes.get(name, array.dtype.name)) for name, array in found.items()}


def _run(folder: Path, arrays: Arrays, where: str, temporary: Path, progress: Progress) -> Path:
    """Runs the crate and returns the NPZ file of its outputs in the folder ``temporary``."""
    crate, ports = find_crate(folder), read_ports(folder)
    given = {n: np.asarray(a) for n, a in arrays.items()} if ports is None else ports.checked(arrays, where)
    with stage("building the crate", progress):
        program = runner(crate).build_example()
    files = [temporary / "inputs.npz", temporary / "outputs.npz"]
    with files[0].open("wb") as file:
        write_npz(file, {name: as_stored(array) for name, array in given.items()})
    # The program of a model without inputs takes only the file of its outputs.
    has_inputs = ports is None or bool(ports.inputs)
    with stage("running the crate", progress):
        done = subprocess.run(
            [program, *files[not has_inputs :]],
            cwd=crate,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if done.returncode:
        raise ConversionError(_failure(done, where))
    return files[1]


def _failure(done: subprocess.CompletedProcess[str], where: str) -> str:
    lines = [line for line in done.stderr.splitlines() if line.lower().startswith("error: ")]
    if lines:
        return f"The crate cannot run on {where}: {brief(lines[-1].partition(': ')[2])}."
    return (
        f"The crate's program ended with exit code {done.returncode} ({brief(done.stderr[-200:])}); run "
        "tf2rust verify to check the crate."
    )


def _ports(architecture: object) -> Ports:
    if not isinstance(architecture, dict):
        raise TypeError("it is not an object")
    states = architecture.get("states", [])
    steps = ("steps",) if states else ()
    taken = {state["input"] for state in states}

    def ports(group: Sequence[Mapping[str, object]]) -> tuple[Port, ...]:
        return tuple(_port(port, steps) for port in group)

    return Ports(
        ports([port for port in architecture["inputs"] if port["name"] not in taken]),
        ports(architecture["outputs"]),
    )


def _port(port: Mapping[str, object], steps: tuple[str, ...]) -> Port:
    name, dtype, shape = port["name"], port["dtype"], port["shape"]
    if not isinstance(name, str) or not isinstance(dtype, str) or not isinstance(shape, list):
        raise TypeError(f"a port has the wrong form: {port}")
    return Port(name, dtype, (*steps, *shape))


def _shown(shape: Sequence[int | str]) -> str:
    return f"[{', '.join(map(str, shape))}]"
