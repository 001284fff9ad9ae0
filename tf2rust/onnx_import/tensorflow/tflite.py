"""TFLite models: exported by tf2onnx, and run by TensorFlow's interpreter.

tf2onnx writes a quantized operator as one on floats between DequantizeLinear and QuantizeLinear.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.export import check_exported, export_graph
from tf2rust.onnx_import.tensorflow.gate.tflite import check_operators
from tf2rust.onnx_import.tensorflow.messages import message_of, not_run
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.tensorflow.scopes import LayerScopes
from tf2rust.onnx_import.tensorflow.tflite_dilations import merge_dilations
from tf2rust.onnx_import.tensorflow.tflite_lstm import lift_cell_limits, make_states_inputs, notes_on_lstms
from tf2rust.onnx_import.tensorflow.tflite_operators import check_convertible
from tf2rust.onnx_import.tensorflow.tflite_rewrite import (
    TFLiteFile,
    check_quantization,
    dequantize_hybrid_weights,
    dequantize_wide_biases,
    make_names_distinct,
    scale_biases_as_sums,
    store_weights_densely,
    use_builtin_operators,
)
from tf2rust.onnx_import.tensorflow.tflite_states import replace_variables
from tf2rust.ops.core.layer import State

Arrays = Mapping[str, np.ndarray[Any, Any]]

_MAGIC = b"TFL3"
_HYBRID = (
    "operators with 8-bit weights compute in float32, with their weights converted to floats, and the crate is proven "
    "against TFLite with these weights; with the file's own weights, TFLite also rounds the inputs of such operators "
    "to 8 bits."
)
_OPSET_OF_INT16 = 21
"""The first version in which QuantizeLinear and DequantizeLinear take 16-bit integers."""


class TFLiteModel:
    """An interpreter, and the names of its inputs and outputs, from its signature if it has one.

    ``states`` are the inputs and outputs that were variables.
    """

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        if content[4:8] != _MAGIC:
            raise ConversionError(f"{path} is not a TFLite model: its identifier is not TFL3; check the path.")
        check_operators(content, path)
        states: list[State] = []
        with _damage_refused(path):
            file = TFLiteFile(content)
            check_quantization(file.model)
            file.rewrite(make_names_distinct, use_builtin_operators, partial(replace_variables, states=states))
            content = file.content
            file.rewrite(store_weights_densely, scale_biases_as_sums)
            check_convertible(file.model)
            on_lstms = notes_on_lstms(file.model)
            has_limits, is_hybrid = file.rewrite(lift_cell_limits), file.rewrite(dequantize_hybrid_weights)
            if has_limits or is_hybrid:
                content = file.content
            self.notes = (*((_HYBRID,) if is_hybrid else ()), *on_lstms)
            file.rewrite(dequantize_wide_biases, merge_dilations, make_states_inputs)
            self._for_export = file.content
        self.path, self.states = path, tuple(states)
        try:
            with quiet():
                self.interpreter = library("tensorflow").lite.Interpreter(model_content=content)
                self._inputs = self.interpreter.get_input_details()
                self._outputs = self.interpreter.get_output_details()
                signatures = list(self.interpreter.get_signature_list().values())
        except Exception as error:
            raise ConversionError(f"TensorFlow cannot open the TFLite model {path}: {message_of(error)}.") from error
        signature = signatures[0] if len(signatures) == 1 else {"inputs": [], "outputs": []}
        # The signature does not contain the states, which are the last inputs and outputs.
        own = [len(details) - len(self.states) for details in (self._inputs, self._outputs)]
        self.inputs = _named(self._inputs[: own[0]], signature["inputs"])
        self.outputs = _named(self._outputs[: own[1]], signature["outputs"])
        self.inputs |= {state.input: state.input for state in self.states}
        self.outputs |= {state.output: state.output for state in self.states}

    def export(self) -> onnx.ModelProto:
        """The model as ONNX, with the names of the signature."""
        tensors = {**self.inputs, **self.outputs}
        with quiet(), _as_file(self._for_export) as path:
            proto = export_graph(
                None,
                tflite_path=str(path),
                input_names=list(self.inputs.values()),
                output_names=list(self.outputs.values()),
                tensors_to_rename={tensor: name for name, tensor in tensors.items()},
            )
        check_exported(proto, lambda node: "", "TFLite")
        if any(array.data_type == onnx.TensorProto.INT16 for array in proto.graph.initializer):
            for item in proto.opset_import:
                if not item.domain:  # what tf2onnx writes for OPSET means the same in this version
                    item.version = _OPSET_OF_INT16
        return proto

    def run(self, arrays: Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Runs the model on arrays by input name. Returns arrays by output name."""
        interpreter = self.interpreter
        try:
            with quiet():
                for (name, _), detail in zip(self.inputs.items(), self._inputs, strict=True):
                    interpreter.resize_tensor_input(detail["index"], arrays[name].shape)
                interpreter.allocate_tensors()
                interpreter.reset_all_variables()
                for name, detail in zip(self.inputs, self._inputs, strict=True):
                    interpreter.set_tensor(detail["index"], arrays[name])
                interpreter.invoke()
        except Exception as error:
            raise not_run(error, arrays, LayerScopes()) from error
        return {name: interpreter.get_tensor(d["index"]) for name, d in zip(self.outputs, self._outputs, strict=True)}


@contextlib.contextmanager
def _damage_refused(path: Path) -> Iterator[None]:
    """Turns every exception of a reader into the sentence that the file is damaged."""
    try:
        yield
    except ConversionError:
        raise
    except Exception as error:  # a damaged buffer can make its reader raise anything
        raise ConversionError(f"{path} is a damaged or truncated TFLite model; export it again.") from error


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[Path]:
    """A temporary file, because tf2onnx reads only files."""
    with tempfile.TemporaryDirectory(prefix="tf2rust-") as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(content)
        yield path


def _named(details: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, str]:
    """Tensor names by their new names. A signature lists its names alphabetically; tensors can be in any order."""
    tensors = [str(detail["name"]) for detail in details]
    if len(names) == len(tensors) == 1:
        return {names[0]: tensors[0]}
    plain = [tensor.removeprefix("serving_default_").removesuffix(":0") for tensor in tensors]
    if len(set(plain)) == len(plain):
        return dict(zip(plain, tensors, strict=True))
    return {tensor: tensor for tensor in tensors}
