"""Runs a generated crate on arrays: builds its example ``predict`` and passes the arrays through NPZ files."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from tf2rust.codegen.crate import write_npz
from tf2rust.codegen.interface import Interface, Tensor, read_interface
from tf2rust.converted.cargo import find_crate, runner
from tf2rust.errors import ConversionError, one_line
from tf2rust.npz import read_npz
from tf2rust.ops.core.dtypes import TEXT, as_stored, from_stored
from tf2rust.proof.samples.features import lossless, saved_as
from tf2rust.stages import Progress, brief, silent, stage

Arrays = Mapping[str, ArrayLike]


def checked(interface: Interface, arrays: Arrays, where: str) -> dict[str, np.ndarray]:
    """The arrays of the model's inputs, in their dtypes; ``where`` says where the arrays come from.

    If the model has a state, axis 0 of every array is the step. Raises ConversionError with every array that is missing
    or that the model cannot take.
    """
    known = ", ".join(f"`{one_line(name)}`" for name in arrays) or "nothing"
    reasons, found = list[str](), dict[str, np.ndarray]()
    for tensor in interface.inputs:
        shape = ("steps", *tensor.shape) if interface.states else tensor.shape
        if tensor.name not in arrays:
            reasons.append(
                f"There is no array for the model's input `{one_line(tensor.name)}` ({tensor.dtype} {_shown(shape)}) "
                f"in {where}; it contains {known}."
            )
            continue
        array = from_stored(np.asarray(arrays[tensor.name]), tensor.dtype)
        if refusal := _refusal(tensor, shape, array):
            reasons.append(refusal)
        elif (converted := lossless(array, tensor.dtype)) is not None:
            found[tensor.name] = converted
    if reasons:
        raise ConversionError(reasons)
    return found


def _refusal(tensor: Tensor, shape: Sequence[int | str], array: np.ndarray) -> str | None:
    """Why the model cannot take ``array`` for an input of this ``shape``; None if only the crate can tell."""
    shown = f"`{one_line(tensor.name)}`"
    if lossless(array, tensor.dtype) is None:
        remedy = "dtype `str`" if tensor.dtype == TEXT else saved_as(tensor.dtype)
        return (
            f"{shown} is {array.dtype.name}, but the model's input is {tensor.dtype}, and not all values can be "
            f"converted without loss; use {remedy}."
        )
    sizes = zip(array.shape, shape, strict=False)
    if array.ndim != len(shape) or any(isinstance(dim, int) and size != dim for size, dim in sizes):
        return f"{shown} has shape {list(array.shape)}, but the model's input is {_shown(shape)}; reshape the array."
    return None


def run(folder: Path, source: Path, target: Path, progress: Progress = silent) -> None:
    """Runs the crate in ``folder`` on the arrays in ``source`` and writes its outputs to ``target``, both NPZ files.

    Raises ConversionError if the crate cannot be built, and for arrays that the model cannot take.
    """
    with stage("running the crate"):
        find_crate(folder)
        if not target.absolute().parent.is_dir():
            raise ConversionError(f"{target.absolute().parent} is not a folder; create it, or write to another one.")
        if target.exists() and source.exists() and target.samefile(source):
            raise ConversionError(f"{target} holds the inputs; write the outputs to another file.")
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
        interface = read_interface(find_crate(folder))
        if not isinstance(arrays, Mapping):
            if len(interface.inputs) != 1:
                raise ConversionError("The model does not have exactly one input; give a dict of arrays by input name.")
            arrays = {interface.inputs[0].name: arrays}
        outputs = _run(folder, arrays, "the given arrays", Path(temporary), progress)
        found = read_npz(outputs, "the crate writes its outputs to it")
        dtypes = {tensor.name: tensor.dtype for tensor in (*interface.outputs, *interface.states)}
        return {name: from_stored(array, dtypes[name]) for name, array in found.items()}


def _run(folder: Path, arrays: Arrays, where: str, temporary: Path, progress: Progress) -> Path:
    """Runs the crate and returns the NPZ file of its outputs in the folder ``temporary``."""
    crate = find_crate(folder)
    interface = read_interface(crate)
    given = checked(interface, arrays, where)
    with stage("building the crate", progress):
        program = runner(crate).build_example()
    files = [temporary / "inputs.npz", temporary / "outputs.npz"]
    with files[0].open("wb") as file:
        write_npz(file, {name: as_stored(array) for name, array in given.items()})
    # The program of a model without inputs takes only the file of its outputs.
    has_inputs = bool(interface.inputs)
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


def _shown(shape: Sequence[int | str]) -> str:
    return f"[{', '.join(map(str, shape))}]"
