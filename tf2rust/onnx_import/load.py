"""Reading an ONNX file that may have been made by anybody."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import onnx
import onnx.inliner
from google.protobuf.message import DecodeError

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.weights import without_weights

_FATAL = 4
"""ONNX Runtime's level of logging at which it prints nothing but its own end; its errors reach us as exceptions."""
_MOST_OPTIMISED = 5000
"""Nodes up to which ONNX Runtime optimises a graph: its time grows with their square, to 20 s for 20,000."""


def load_onnx(path: Path) -> onnx.ModelProto:
    """The model in ``path`` with its external data, checked, with its local functions inlined.

    Raises ConversionError if there is no such file, if it is not a whole ONNX model, or if its external data lies
    outside its folder.
    """
    if not path.exists():
        raise ConversionError(f"There is no file {path}; give the path of an ONNX model.")
    if path.is_dir():
        raise ConversionError(
            f"{path} is a folder; give the path of an .onnx file, or use `tf2rust from-tf` for a SavedModel."
        )
    try:
        proto = onnx.load_model(str(path), load_external_data=False)
    except (DecodeError, ValueError) as error:
        raise ConversionError(
            f"{path} is not an ONNX model, or it is cut short ({_short(error)}); export it again."
        ) from error
    if not proto.graph.output:
        raise ConversionError(
            f"{path} is not an ONNX model: it has no graph with outputs; check that it is the right file."
        )
    _refuse_dictionaries(proto, path)
    _load_external(proto, path)
    try:
        onnx.checker.check_model(without_weights(proto))
    except (onnx.checker.ValidationError, ValueError) as error:
        raise ConversionError(f"{path} is not a valid ONNX model ({_short(error)}); export it again.") from error
    if proto.functions:
        proto = onnx.inliner.inline_local_functions(proto)
    return proto


def _refuse_dictionaries(proto: onnx.ModelProto, path: Path) -> None:
    made = [*proto.graph.input, *proto.graph.output]
    maps = [
        v.name
        for v in made
        if "map_type" in (v.type.WhichOneof("value"), v.type.sequence_type.elem_type.WhichOneof("value"))
    ]
    if maps:
        raise ConversionError(
            f"`{maps[0]}` of {path} holds dictionaries from class to probability, not a tensor; export the model again "
            "with `options={'zipmap': False}` (skl2onnx) or `zipmap=False` (onnxmltools)."
        )


def _load_external(proto: onnx.ModelProto, path: Path) -> None:
    folder = path.parent.resolve()
    for tensor in _tensors(proto.graph):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        given = {entry.key: entry.value for entry in tensor.external_data}
        location = given.get("location", "")
        target = folder / PurePosixPath(location)
        if not location or not target.resolve().is_relative_to(folder) or target.is_symlink():
            raise ConversionError(
                f"The weights `{tensor.name}` of {path} point to {location!r}, which is outside the model's folder; "
                "put the data file next to the model and save it with a relative path."
            )
        if not target.is_file():
            raise ConversionError(
                f"The weights `{tensor.name}` of {path} are to be in {target}, which is not there; "
                "copy it next to the model."
            )
        offset, size = _number(given.get("offset", "0")), target.stat().st_size
        length = _number(given.get("length", "")) if "length" in given else size - offset
        wanted = _byte_size(tensor)
        if min(offset, length) < 0 or offset + length > size or (wanted is not None and length != wanted):
            raise ConversionError(
                f"{target} is too short, or not the file that the weights `{tensor.name}` of {path} are in; "
                "export the model again."
            )
        with target.open("rb") as file:
            file.seek(offset)
            tensor.raw_data = file.read(length)
        del tensor.external_data[:]
        tensor.data_location = onnx.TensorProto.DEFAULT


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else -1


def _byte_size(tensor: onnx.TensorProto) -> int | None:
    try:
        itemsize = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
    except KeyError:
        return None
    # Sub-byte types are packed; the checker looks at them.
    packed = tensor.data_type in (onnx.TensorProto.INT4, onnx.TensorProto.UINT4, onnx.TensorProto.FLOAT4E2M1)
    return None if packed else int(np.prod(tensor.dims, dtype=object)) * itemsize


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from _tensors(inner)


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


class OnnxRuntime:
    """A model in ONNX Runtime, to be called with inputs by name; it is opened once, for the first of them."""

    def __init__(self, proto: onnx.ModelProto, weights: Mapping[str, np.ndarray] | None = None) -> None:
        self.proto, self.weights = proto, weights or {}

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs that ONNX Runtime computes, by name."""
        try:
            values = self._session.run(None, dict(inputs))
        except Exception as error:  # its exceptions have no common base but this one
            raise ConversionError(
                f"ONNX Runtime does not run the model, so its outputs cannot be checked ({_short(error)}); "
                "if random inputs do not suit it, give others in --path_to_fv."
            ) from error
        return {o.name: np.asarray(value) for o, value in zip(self._session.get_outputs(), values, strict=True)}

    @cached_property
    def _session(self) -> Any:
        import onnxruntime as ort

        ort.set_default_logger_severity(_FATAL)
        options = ort.SessionOptions()
        options.log_severity_level = _FATAL
        options.intra_op_num_threads = 1
        # It would keep the largest blocks that it ever had.
        options.enable_cpu_mem_arena = False
        if len(self.proto.graph.node) > _MOST_OPTIMISED:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        if self.weights:
            arrays = [ort.OrtValue.ortvalue_from_numpy(array) for array in self.weights.values()]
            options.add_external_initializers(list(self.weights), arrays)
        session = ort.InferenceSession(self.proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        _trim_heap()
        return session


def _trim_heap() -> None:
    """Gives back what glibc keeps of freed memory: after a session was made, nearly twice the size of its weights."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def run_onnx(proto: onnx.ModelProto, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs that ONNX Runtime computes of a model in one piece, by name."""
    return OnnxRuntime(proto)(inputs)


def run_reference(proto: onnx.ModelProto, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs that ONNX' own reference implementation computes, by name: slow, but it knows every operator."""
    from onnx.reference import ReferenceEvaluator

    try:
        values = ReferenceEvaluator(proto).run(None, dict(inputs))
    except Exception as error:  # whatever an operator's implementation raises
        raise ConversionError(f"ONNX' reference implementation does not run the model ({_short(error)}).") from error
    return {output.name: np.asarray(value) for output, value in zip(proto.graph.output, values, strict=True)}
