"""A frozen TensorFlow graph with names: the common form of all TensorFlow models before the export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.apart import detach, variables_apart
from tf2rust.onnx_import.tensorflow.augmentation import without_augmentation
from tf2rust.onnx_import.tensorflow.effects import freezing, states_read
from tf2rust.onnx_import.tensorflow.messages import not_run, state_reasons
from tf2rust.onnx_import.tensorflow.naming import unused_name
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.tensorflow.scopes import LayerScopes
from tf2rust.onnx_import.tensorflow.text import Tables, tables_of


@dataclass(frozen=True)
class TracedModel:
    """A GraphDef with constant weights, and TensorFlow's own way of running the original.

    ``inputs`` and ``outputs`` map ONNX names to tensor names, in the model's order. ``call`` takes arrays by ONNX input
    name and returns one array or tensor per output. ``left_out`` are augmentation layers that were removed from the
    graph. ``tables`` are the lookup tables that the graph reads. ``weights`` are the contents of placeholders of
    ``graph_def`` that are not inputs, by tensor.
    """

    graph_def: Any
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    call: Callable[[Mapping[str, Any]], Sequence[Any]]
    scopes: LayerScopes = field(default_factory=LayerScopes)
    left_out: tuple[str, ...] = ()
    tables: Tables = field(default_factory=dict)
    weights: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)

    def run(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        """Runs the model in TensorFlow on arrays by input name. Returns arrays by output name.

        Raises ``ValueError`` if an input has no array, and ``ConversionError`` if TensorFlow cannot run the model on
        arrays of these sizes.
        """
        missing = [name for name in self.inputs if name not in arrays]
        if missing:
            raise ValueError(f"no array for the input(s) {', '.join(missing)}")
        try:
            with quiet():
                results = self.call({name: arrays[name] for name in self.inputs})
        except Exception as error:
            raise not_run(error, arrays, self.scopes) from error
        return {name: np.asarray(result) for name, result in zip(self.outputs, results, strict=True)}


def freeze_function(
    function: Any,
    inputs: Mapping[str, Any],
    outputs: Sequence[str],
    call: Callable[[Mapping[str, Any]], Sequence[Any]],
    scopes: LayerScopes | None = None,
    *,
    may_augment: bool = False,
) -> TracedModel:
    """Freezes a concrete function.

    ``inputs`` maps ONNX names to the function's argument tensors, ``outputs`` are the names of its outputs in their
    order, and ``call`` takes tensors by ONNX input name. If the function ``may_augment``, augmentation layers are
    removed, and TensorFlow runs the frozen graph. Raises ``ConversionError`` if an output depends on a state.
    """
    tf = library("tensorflow")
    freeze = library("tensorflow.python.framework.convert_to_constants").convert_variables_to_constants_v2
    captured = {inner.name.partition(":")[0]: outer for outer, inner in function.graph.captures}
    names_of = {id(variable.handle): variable.name for variable in function.graph.variables}
    variables = {name: names_of[id(outer)] for name, outer in captured.items() if id(outer) in names_of}
    scopes = scopes or LayerScopes()

    left_out: tuple[str, ...] = ()

    def arrange(whole: Any, computing: Any) -> Any:
        nonlocal left_out
        used = states_read(whole, computing, variables)
        if used and may_augment:
            results, placeholders = [t.name for t in function.outputs], [t.op.name for t in inputs.values()]
            readers = [node for users in used.values() for node in users]
            computing, left_out = without_augmentation(computing, results, placeholders, readers)
            used = states_read(whole, computing, variables)
        if used:
            raise ConversionError(state_reasons(used, variables, scopes))
        return computing

    with freezing(arrange):
        with variables_apart(function) as apart:
            frozen = freeze(function, lower_control_flow=False, aggressive_inlining=True)
        if left_out:  # TensorFlow runs the frozen graph, so it needs all weights.
            frozen, apart = freeze(function, lower_control_flow=False, aggressive_inlining=True), {}
    names = distinct(outputs, list(inputs))
    by_tensor = {tensor.name: name for name, tensor in inputs.items()}

    def call_arrays(arrays: Mapping[str, Any]) -> Sequence[Any]:
        tensors = {name: tf.constant(arrays[name], dtype=tensor.dtype) for name, tensor in inputs.items()}
        if left_out:
            results: Sequence[Any] = frozen(*(tensors[by_tensor[tensor.name]] for tensor in frozen.inputs))
            return results
        return call(tensors)

    graph_def = frozen.graph.as_graph_def(add_shapes=True)
    weights = detach(graph_def, apart)
    return TracedModel(
        graph_def,
        {name: tensor.name for name, tensor in inputs.items()},
        dict(zip(names, (tensor.name for tensor in frozen.outputs), strict=True)),
        call_arrays,
        scopes,
        left_out,
        tables_of(graph_def, captured),
        weights,
    )


def argument_tensors(function: Any) -> list[Any]:
    """The arguments of a concrete function in its graph, without captured variables."""
    captured = {id(tensor) for tensor in function.graph.internal_captures}
    return [tensor for tensor in function.inputs if id(tensor) not in captured]


def distinct(names: Sequence[str], taken: Sequence[str] = ()) -> tuple[str, ...]:
    """The names in order, with ``_1``, ``_2`` … appended to repeated or ``taken`` ones."""
    used = set(taken)
    return tuple(unused_name(name, used) for name in names)
