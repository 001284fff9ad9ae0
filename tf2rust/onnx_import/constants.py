"""Inputs of a model that are given once and for all: they become constants of the graph."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from tf2rust.errors import ConversionError, UsageError

_INITIALIZERS_ALONE = 4
"""The version of the format from which on initializers need not be inputs too."""


def read_constants(path: Path) -> dict[str, np.ndarray]:
    """The arrays of ``--constants``, by input name; raises ConversionError for what is no NPZ file of plain arrays."""
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("a single array")
        with archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise ConversionError(f"There is no file {path}; --constants wants an NPZ of arrays by input name.") from None
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ConversionError(f"{path} is not a readable NPZ file; write it with numpy.savez.") from error


def bind_constants(proto: onnx.ModelProto, arrays: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The model with the inputs named in ``arrays`` turned into constants.

    Raises UsageError if there is no such input, or if the array is of another dtype or shape than it is declared with.
    """
    bound = onnx.ModelProto()
    bound.CopyFrom(proto)
    declared = {info.name: info for info in bound.graph.input}
    for name, array in arrays.items():
        if name not in declared:
            known = ", ".join(f"`{other}`" for other in declared) or "none"
            raise UsageError(f"--constants: the model has no input `{name}`; its inputs are: {known}")
        kind = declared[name].type.tensor_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        sizes = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
        fits = len(sizes) == array.ndim and all(s in (None, n) for s, n in zip(sizes, array.shape, strict=True))
        if array.dtype != dtype or (kind.HasField("shape") and not fits):
            raise UsageError(
                f"--constants: the model wants `{name}` as {dtype} {['?' if s is None else s for s in sizes]}, "
                f"but the array is {array.dtype} {list(array.shape)}"
            )
        if bound.ir_version >= _INITIALIZERS_ALONE:
            bound.graph.input.remove(declared[name])
        bound.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
    return bound
