"""Exports a traced TensorFlow function to ONNX with tf2onnx."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.own_operators import attach, is_own_operator
from tf2rust.onnx_import.tensorflow import handlers
from tf2rust.onnx_import.tensorflow.biases import zero_biases_kept
from tf2rust.onnx_import.tensorflow.complex_numbers import complex_splitter
from tf2rust.onnx_import.tensorflow.dilations import with_constant_paddings
from tf2rust.onnx_import.tensorflow.messages import message_of
from tf2rust.onnx_import.tensorflow.ragged import mark_rows, with_ranks
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.tensorflow.traced import TracedModel
from tf2rust.onnx_import.tensorflow.weights import weights_left_alone

OPSET = 18
_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
# These merge nodes of different layers, the last one randomly; without them, layers stay separate.
_LEFT_OUT = ("optimize_transpose", "einsum_optimizer", "merge_duplication")


def export(model: TracedModel) -> onnx.ModelProto:
    """Exports ``model`` with symbolic dimensions, its input and output names, and marked node names.

    Raises ``ConversionError`` with a reason for every TensorFlow op that has no ONNX equivalent.
    """
    with quiet():
        graph_def = _optimise(model)
        mark_rows(graph_def)
        with_ranks(graph_def)
        with_constant_paddings(graph_def)
        proto = _convert(graph_def, model)
    check_exported(proto, lambda node: _where(node, model), "TensorFlow")
    return proto


def _optimise(model: TracedModel) -> Any:
    """Inlines all functions and folds constants, as tf2onnx expects. Raises ConversionError if TensorFlow cannot."""
    tf = library("tensorflow")
    tf_loader = library("tf2onnx.tf_loader")
    graph_def = tf_loader.fix_freezing_errors_part2(model.graph_def)
    _make_inlinable(graph_def)
    try:
        with tf.Graph().as_default(), zero_biases_kept(graph_def) as restore:
            tf.import_graph_def(graph_def, name="")
            made = tf_loader.tf_optimize(list(model.inputs.values()), list(model.outputs.values()), graph_def)
            restore(made)
            return made
    except Exception as error:  # TensorFlow's exceptions have no common base but this one
        raise ConversionError(f"TensorFlow cannot inline the functions of the graph: {message_of(error)}.") from error


def _make_inlinable(graph_def: Any) -> None:
    """Drops attributes that keep Grappler from inlining functions, or that make it split loops.

    Functions marked for XLA are Keras 3's grouped convolutions; those with several implementations are Keras 2's LSTM
    and GRU. tf2onnx recognises an LSTM by its whole loop.
    """
    functions = graph_def.library.function
    nodes = [*graph_def.node, *(node for function in functions for node in function.node_def)]
    for marked in [*nodes, *functions]:
        for attribute in ("_XlaMustCompile", "_noinline", "api_implements", "_lower_using_switch_merge"):
            marked.attr.pop(attribute, None)


def _convert(graph_def: Any, model: TracedModel) -> onnx.ModelProto:
    tf = library("tensorflow")
    with tf.device("/cpu:0"), tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
        return export_graph(
            graph,
            input_names=[*model.inputs.values(), *model.weights],
            output_names=list(model.outputs.values()),
            initialized_tables=model.tables,
            tensors_to_rename={tensor: name for name, tensor in (*model.inputs.items(), *model.outputs.items())},
        )


def export_graph(graph: Any, **names: Any) -> onnx.ModelProto:
    """Converts ``graph``, or the TFLite file in ``names``, by tf2onnx with the optimizers that keep layers apart."""
    handlers.register()
    optimizer = library("tf2onnx.optimizer")
    optimizers = {name: make for name, make in optimizer._get_optimizers().items() if name not in _LEFT_OUT}

    def attempt(catch_errors: bool) -> onnx.ModelProto:
        process = library("tf2onnx.tfonnx").process_tf_graph
        unknown: dict[str, str] = {}
        converted = process(
            graph, continue_on_error=True, opset=OPSET, custom_rewriter=[complex_splitter(unknown)], **names
        )
        if unknown:
            raise ConversionError(
                f"TensorFlow op {op} (node {name!r}) is not supported for complex numbers; replace the layer, or move "
                "this step out of the model."
                for name, op in unknown.items()
            )
        proto = optimizer.optimize_graph(converted, catch_errors, optimizers=optimizers).make_model("model")
        assert isinstance(proto, onnx.ModelProto)
        attach(proto)
        return proto

    with weights_left_alone():
        return _first_that_works(attempt)


def _first_that_works(attempt: Callable[[bool], onnx.ModelProto]) -> onnx.ModelProto:
    try:
        # Catching errors requires a deep copy of the graph and its weights before every optimizer.
        return attempt(False)
    except ConversionError:
        raise
    except Exception:
        try:
            return attempt(True)
        except Exception as error:  # tf2onnx's rewriters can raise anything
            raise ConversionError(
                f"tf2onnx cannot export the model ({message_of(error)}); export it to ONNX with another tool, or "
                "replace the operations that cause this."
            ) from error


def check_exported(proto: onnx.ModelProto, where: Callable[[onnx.NodeProto], str], source: str) -> None:
    """Raises ``ConversionError`` with a reason for every op of ``source`` that has no ONNX equivalent."""
    reasons = [
        f"{source} op {node.op_type} (node {node.name!r}{where(node)}) has no ONNX equivalent in tf2onnx; "
        "replace the layer, or move this step out of the model."
        for graph in _graphs(proto.graph)
        for node in graph.node
        if not _is_onnx(node)
    ]
    if reasons:
        raise ConversionError(reasons)
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as error:
        raise ConversionError(f"tf2onnx wrote an invalid graph: {message_of(error)}.") from error


def _is_onnx(node: onnx.NodeProto) -> bool:
    if is_own_operator(node.domain, node.op_type):
        return True
    return node.domain in _DOMAINS and onnx.defs.has(node.op_type, OPSET if "ml" not in node.domain else 3, node.domain)


def _where(node: onnx.NodeProto, model: TracedModel) -> str:
    call = model.scopes.call_of(node.name)
    return f", layer {model.scopes.layer_of(call)!r}" if call else ""


def _graphs(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    """The graph and all its subgraphs."""
    inner = [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
    return [graph, *(found for child in inner for found in _graphs(child))]
