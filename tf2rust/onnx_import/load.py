"""Reads ONNX files from untrusted sources."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.bfloat16 import as_declared, as_given, in_float32
from tf2rust.onnx_import.declared import check_declared
from tf2rust.onnx_import.dictionaries import arrays_for_dictionaries
from tf2rust.onnx_import.external import load_external
from tf2rust.onnx_import.functions import inline_functions
from tf2rust.onnx_import.memory import trim_heap
from tf2rust.onnx_import.reader import read_model
from tf2rust.onnx_import.repair import repair
from tf2rust.onnx_import.tensors import check_tensors, has_dtype
from tf2rust.onnx_import.tidy import declare_outputs, graphs, tidy
from tf2rust.onnx_import.weights import split_weights, without_weights
from tf2rust.ops.contrib.call import DOMAIN as CONTRIB
from tf2rust.stages import brief

_FATAL = 4
"""The log level at which ONNX Runtime prints only fatal errors; other errors are raised as exceptions."""
_MAX_OPTIMISED = 5000
"""The maximum number of nodes that ONNX Runtime optimises; its time is quadratic, and is 20 s for 20,000 nodes."""
_SINCE = {"LayerNormalization": 17, "SimplifiedLayerNormalization": sys.maxsize}
"""The operators that ONNX Runtime adds to ONNX' own domain, and the operator set in which ONNX has them."""


@dataclass(frozen=True)
class Loaded:
    """A checked model with inlined functions, its large weights by name, and notes on what was repaired."""

    proto: onnx.ModelProto
    weights: dict[str, np.ndarray]
    notes: tuple[str, ...]


def load_onnx(path: Path) -> Loaded:
    """Returns the model in ``path``.

    The model refers to no other file. Raises ConversionError if the file does not exist, is not a complete ONNX model,
    or has external data outside its folder.
    """
    if path.is_dir():
        raise ConversionError(
            f"{path} is a folder; give the path of an .onnx file, or use `tf2rust from-tf` for a SavedModel."
        )
    if not path.is_file():
        raise ConversionError(f"The file {path} does not exist; give the path of an ONNX model.")
    try:
        proto, read = read_model(path)
    except (DecodeError, ValueError) as error:
        raise ConversionError(
            f"{path} is not an ONNX model, or it is truncated ({_short(error)}); export it again."
        ) from error
    if not proto.graph.output:
        raise ConversionError(f"{path} is not an ONNX model: it has no graph with outputs; check the path.")
    check_declared(proto)
    _refuse_later_versions(proto, path)
    notes = list(arrays_for_dictionaries(proto))
    _refuse_others_than_tensors(proto, path)
    notes += repair(proto)
    light, weights = split_weights(proto, {**read, **load_external(proto, path)})
    del proto
    check_tensors(light, weights)
    notes += tidy(light)
    light = inline_functions(light)
    declare_outputs(light)
    try:
        onnx.checker.check_model(_declared(_checkable(light)))
    except (onnx.checker.ValidationError, ValueError) as error:
        raise ConversionError(f"{path} is not a valid ONNX model ({_short(error)}); export it again.") from error
    used = {t.name: weights[t.name] for t in light.graph.initializer if t.name in weights}
    return Loaded(light, used, tuple(notes))


def _declared(proto: onnx.ModelProto) -> onnx.ModelProto:
    """``proto`` with placeholders for missing types and shapes of inputs and outputs, which the checker demands.

    Later stages infer those of the outputs, and refuse inputs without a shape.
    """
    for info in (*proto.graph.input, *proto.graph.output):
        if info.type.WhichOneof("value") is None:
            info.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
        if info.type.WhichOneof("value") == "tensor_type" and not info.type.tensor_type.HasField("shape"):
            info.type.tensor_type.shape.SetInParent()
    return proto


def _checkable(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy for ONNX' checker, without weights, in which the operators that ONNX Runtime adds to ONNX' own domain are
    in ONNX Runtime's.
    """
    copy = without_weights(proto)
    version = max((i.version for i in copy.opset_import if i.domain in ("", "ai.onnx")), default=1)
    moved = False
    for graph in graphs(copy.graph):
        for node in graph.node:
            if node.domain in ("", "ai.onnx") and version < _SINCE.get(node.op_type, 0):
                node.domain, moved = CONTRIB, True
    if moved and not any(item.domain == CONTRIB for item in copy.opset_import):
        copy.opset_import.append(onnx.helper.make_opsetid(CONTRIB, 1))
    return copy


def _refuse_later_versions(proto: onnx.ModelProto, path: Path) -> None:
    known = onnx.defs.onnx_opset_version()
    for item in proto.opset_import:
        if item.domain in ("", "ai.onnx") and item.version > known:
            raise ConversionError(
                f"{path} uses operator set {item.version}, but ONNX {onnx.__version__} supports only versions up "
                f"to {known}; export the model for an older operator set, or install a newer `onnx`."
            )


def _refuse_others_than_tensors(proto: onnx.ModelProto, path: Path) -> None:
    for value in [*proto.graph.input, *proto.graph.output]:
        kind = value.type.WhichOneof("value")
        if "map_type" in (kind, value.type.sequence_type.elem_type.WhichOneof("value")):
            raise ConversionError(
                f"`{brief(value.name)}` of {path} contains dictionaries instead of a tensor; export the model again "
                "with `options={'zipmap': False}` (skl2onnx) or `zipmap=False` (onnxmltools)."
            )


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


class StoppedError(ConversionError):
    """A run exceeded its time limit."""


class NotRunError(ConversionError):
    """ONNX Runtime cannot run or open a model; ``said`` is its message."""

    def __init__(self, said: str, advice: str = "") -> None:
        self.said = said
        verb = "run" if advice else "open"
        super().__init__(f"ONNX Runtime cannot {verb} the model, so its outputs cannot be checked ({said}){advice}.")


_NODE_FAILED = re.compile(
    r"while running (?P<op>\w+) node\. Name:'(?P<name>.*?)' Status Message: (?:\S+:\d+ [^ ]+ )?(?P<what>.*)"
)


def _of_onnx_runtime(error: Exception) -> str:
    """The message of an ONNX Runtime exception with its node, but without file and function names."""
    text = " ".join(str(error).split())
    if found := _NODE_FAILED.search(text):
        return f"{found['op']} node {found['name']!r}: {found['what'][:300].rstrip('. ')}"
    return _short(error)


class OnnxRuntime:
    """A model in ONNX Runtime, called with inputs by name. The session is created at the first call."""

    def __init__(self, proto: onnx.ModelProto, weights: Mapping[str, np.ndarray] | None = None) -> None:
        self.proto, self.weights = proto, weights or {}

    def open(self) -> None:
        """Creates the session. Raises ConversionError if ONNX Runtime cannot, for example if it lacks an operator."""
        try:
            self._session  # noqa: B018
        except Exception as error:  # ONNX Runtime's exceptions have no other common base class.
            raise NotRunError(_of_onnx_runtime(error)) from error

    def __call__(self, inputs: Mapping[str, np.ndarray], seconds: float | None = None) -> dict[str, np.ndarray]:
        """Returns the outputs that ONNX Runtime computes, by name. Stops the run after ``seconds``."""
        self.open()
        import onnxruntime as ort

        options = ort.RunOptions()
        options.log_severity_level = _FATAL
        timer = None if seconds is None else Timer(seconds, setattr, (options, "terminate", True))
        try:
            if timer is not None:
                timer.start()
            values = self._session.run(None, as_given(inputs), options)
        except Exception as error:
            if options.terminate:
                raise StoppedError(
                    f"ONNX Runtime was stopped after {seconds:.0f} s: with these inputs, a Loop of the model runs "
                    "too long or never ends; give other inputs in --path_to_fv."
                ) from error
            advice = "; if random inputs do not suit the model, give others in --path_to_fv"
            raise NotRunError(_of_onnx_runtime(error), advice) from error
        finally:
            if timer is not None:
                timer.cancel()
        declared = zip(self.proto.graph.output, values, strict=True)
        return {info.name: as_declared(np.asarray(value), info) for info, value in declared}

    @cached_property
    def _session(self) -> Any:
        import onnxruntime as ort

        ort.set_default_logger_severity(_FATAL)
        options = ort.SessionOptions()
        options.log_severity_level = _FATAL
        options.intra_op_num_threads = 1
        # It would keep the largest blocks that it ever allocated.
        options.enable_cpu_mem_arena = False
        # Fused with its quantization, an operator rounds what is halfway between two integers in another direction.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        if len(self.proto.graph.node) > _MAX_OPTIMISED:
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        elif has_dtype(self.proto, onnx.TensorProto.FLOAT16):
            # Changing the layout of a float16 convolution beside a loop crashes ONNX Runtime 1.32.
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        if self.weights:
            arrays = [ort.OrtValue.ortvalue_from_numpy(array) for array in self.weights.values()]
            options.add_external_initializers(list(self.weights), arrays)
        proto = in_float32(self.proto) if has_dtype(self.proto, onnx.TensorProto.BFLOAT16) else self.proto
        session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        trim_heap()
        return session


def run_onnx(proto: onnx.ModelProto, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the outputs that ONNX Runtime computes for a model with its weights inside, by name."""
    return OnnxRuntime(proto)(inputs)


def run_reference(proto: onnx.ModelProto, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the outputs of ONNX's reference implementation, by name. It is slow, but knows every operator."""
    from onnx.reference import ReferenceEvaluator

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = ReferenceEvaluator(proto).run(None, dict(inputs))
    except Exception as error:  # An operator's implementation can raise anything.
        raise ConversionError(
            f"ONNX's reference implementation cannot run the model ({type(error).__name__}: {_short(error)})."
        ) from error
    return {output.name: np.asarray(value) for output, value in zip(proto.graph.output, values, strict=True)}
