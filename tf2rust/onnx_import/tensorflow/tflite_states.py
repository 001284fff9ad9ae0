"""Variables of a TFLite model as inputs and outputs.

VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE run in the order in which the file lists them, so the value of a variable
is the tensor that was assigned last. The subgraph that CALL_ONCE runs assigns the initial values.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.naming import unused_name
from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.onnx_import.tensorflow.tflite_rewrite import builtin_number, code_index, text_of, tflite_schema
from tf2rust.ops.core.layer import State

_NEXT = "_next"


def replace_variables(model: Any, states: list[State]) -> bool:
    """Gives the model an input and an output for each of its variables. Adds the states that these are to ``states``.

    Raises ``ConversionError`` if a branch or a loop uses a variable, or if its initial value is computed.
    """
    if all(builtin_number(code) != tflite_schema().BuiltinOperator.VAR_HANDLE for code in model.operatorCodes):
        return False
    states += _Rewrite(model).run()
    return True


class _Rewrite:
    """The rewrite of the first subgraph of ``model``."""

    def __init__(self, model: Any) -> None:
        self.model, self.graph = model, model.subgraphs[0]
        self.numbers = tflite_schema().BuiltinOperator
        self._of_variables = (self.numbers.VAR_HANDLE, self.numbers.READ_VARIABLE, self.numbers.ASSIGN_VARIABLE)
        self.initial: dict[bytes, np.ndarray[Any, Any] | None] = {}
        self.inputs: dict[bytes, int] = {}
        """The tensors of the new inputs, by variable."""
        self.current: dict[bytes, int] = {}
        """The tensors with the current values."""

    def run(self) -> tuple[State, ...]:
        called = [o.builtinOptions.initSubgraphIndex for o in self._operators(self.graph, self.numbers.CALL_ONCE)]
        for index, graph in enumerate(self.model.subgraphs[1:], start=1):
            if index in called:
                self._read_initial(graph)
            elif any(self._operators(graph, number) for number in self._of_variables):
                raise _inside()
        self._follow()
        for index in called:  # Other operators refer to subgraphs by their number, so that it must not change.
            graph = self.model.subgraphs[index]
            graph.operators, graph.tensors = [], []
        return self._states()

    def _operators(self, graph: Any, number: int) -> list[Any]:
        return [o for o in graph.operators or () if self._number(o) == number]

    def _number(self, operator: Any) -> int:
        return builtin_number(self.model.operatorCodes[operator.opcodeIndex])

    def _handles(self, graph: Any) -> dict[int, bytes]:
        """The names of the variables, by the tensors of their handles."""
        return {
            int(o.outputs[0]): o.builtinOptions.sharedName or b""
            for o in self._operators(graph, self.numbers.VAR_HANDLE)
        }

    def _read_initial(self, graph: Any) -> None:
        handles = self._handles(graph)
        for operator in self._operators(graph, self.numbers.ASSIGN_VARIABLE):
            name, tensor = handles[int(operator.inputs[0])], graph.tensors[operator.inputs[1]]
            data = self.model.buffers[tensor.buffer].data
            if data is None:
                raise ConversionError(
                    f"the TFLite model computes the initial value of its variable {text_of(name)!r}, which is not "
                    "supported; give it a constant."
                )
            dtype = library("tensorflow.lite.python.util")._convert_tflite_enum_type_to_tf_type(tensor.type)
            array = np.frombuffer(bytes(data), dtype.as_numpy_dtype).reshape([int(n) for n in tensor.shape])
            self.initial[name] = array if np.any(array != 0) else None

    def _follow(self) -> None:
        """Replaces reads and assignments by the tensors that are read and assigned."""
        handles, same, kept = self._handles(self.graph), dict[int, int](), []
        for handle in handles:  # Nothing reads these tensors, but tf2onnx reads their types.
            self.graph.tensors[handle].type = tflite_schema().TensorType.INT32
            self.graph.tensors[handle].name += b"/handle"
        outputs = {int(i) for i in self.graph.outputs}
        for operator in self.graph.operators:
            number = self._number(operator)
            taken = [int(i) for i in (operator.inputs if operator.inputs is not None else ())]
            if number in (self.numbers.CALL_ONCE, self.numbers.VAR_HANDLE):
                continue
            if number == self.numbers.READ_VARIABLE:
                (result,) = (int(i) for i in operator.outputs)
                value = self._value(handles[taken[0]], result)
                if result in outputs:
                    kept.append(self._copy(value, result))
                else:
                    same[result] = value
                continue
            if number != self.numbers.ASSIGN_VARIABLE and handles.keys() & set(taken):
                raise _inside()
            operator.inputs = np.array([same.get(i, i) for i in taken], np.int32)
            if number == self.numbers.ASSIGN_VARIABLE:
                name, value = handles[taken[0]], int(operator.inputs[1])
                self._value(name, value)
                self.current[name] = value
            else:
                kept.append(operator)
        self.graph.operators = kept

    def _value(self, name: bytes, like: int) -> int:
        """The tensor with the value of a variable; its first use, whose shape is that of ``like``, makes the input."""
        if name not in self.inputs:
            self.inputs[name] = self.current[name] = self._tensor(like, text_of(name))
        return self.current[name]

    def _tensor(self, like: int, wanted: str) -> int:
        """A new tensor with the type and shape of another."""
        schema, other = tflite_schema(), self.graph.tensors[like]
        taken = {text_of(tensor.name) for tensor in self.graph.tensors}
        self.model.buffers.append(schema.BufferT())
        self.graph.tensors.append(
            schema.TensorT(
                shape=other.shape,
                shapeSignature=other.shapeSignature,
                type=other.type,
                buffer=len(self.model.buffers) - 1,
                name=unused_name(wanted, taken).encode(),
                quantization=other.quantization,
                hasRank=other.hasRank,
            )
        )
        return len(self.graph.tensors) - 1

    def _copy(self, source: int, target: int) -> Any:
        """A RESHAPE to the same shape, which keeps type and quantization: an output needs a tensor of its own."""
        schema = tflite_schema()
        shape = np.array(self.graph.tensors[target].shape, np.int32)
        return schema.OperatorT(
            opcodeIndex=code_index(self.model, self.numbers.RESHAPE, version=1),
            inputs=np.array([source], np.int32),
            outputs=np.array([target], np.int32),
            builtinOptionsType=schema.BuiltinOptions.ReshapeOptions,
            builtinOptions=schema.ReshapeOptionsT(newShape=shape),
        )

    def _states(self) -> tuple[State, ...]:
        """Declares the inputs and outputs."""
        states = []
        for name, tensor in self.inputs.items():
            own = text_of(self.graph.tensors[tensor].name)
            result = self._tensor(tensor, f"{own}{_NEXT}")
            self.graph.operators.append(self._copy(self.current[name], result))
            self.graph.inputs = np.append(self.graph.inputs, np.int32(tensor))
            self.graph.outputs = np.append(self.graph.outputs, np.int32(result))
            states.append(State(own, text_of(self.graph.tensors[result].name), self.initial.get(name)))
        return tuple(states)


def _inside() -> ConversionError:
    return ConversionError(
        "a branch or a loop of the TFLite model uses a variable, which cannot become the state of a crate; move the "
        "variable out of it, or convert the original model."
    )
