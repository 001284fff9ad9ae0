"""Opens SavedModel folders from any source: a signature as a function."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.effects import states_read, without_effects
from tf2rust.onnx_import.tensorflow.frozen import in_session
from tf2rust.onnx_import.tensorflow.gate.refusal import refuse_or_note
from tf2rust.onnx_import.tensorflow.gate.saved_model import FILE, check_folder, copy_judged, meta_graph_refusals
from tf2rust.onnx_import.tensorflow.messages import message_of, state_reasons
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.tensorflow.scopes import LayerScopes
from tf2rust.onnx_import.tensorflow.traced import TracedModel, argument_tensors, freeze_function

_SERVE = "serve"


@dataclass(frozen=True)
class OpenedSignature:
    """A signature of a SavedModel as a function, its name, and notes on trusted parts of the model."""

    traced: TracedModel
    name: str
    notes: tuple[str, ...]


def open_saved_model(path: Path, signature: str | None, *, trust_code: bool = False) -> OpenedSignature:
    """Opens the signature ``signature`` of a SavedModel folder as a function.

    The default is ``serving_default``, then ``serve``, then the only one. TensorFlow loads a copy of the graph that was
    checked. Raises ``ConversionError`` if the folder is not a SavedModel, is damaged or contains links to the outside;
    if the graph can do more than compute and ``trust_code`` is false; or if there is no such signature, or there are
    several without a default name.
    """
    if not (path / FILE).is_file():
        raise ConversionError(f"{path} is a folder but not a SavedModel: it has no {FILE}.")
    check_folder(path)
    graph = _graph_for_serving(path)
    # Names such as __saved_model_init_op are TensorFlow's own.
    name = _chosen(path, sorted(name for name in graph.signature_def if not name.startswith("__")), signature)
    notes = refuse_or_note(list(meta_graph_refusals(graph, path)), path.name, trust_code=trust_code)
    tags = list(graph.meta_info_def.tags)
    if notes:
        return OpenedSignature(_loaded(path, path, tags, name), name, notes)
    with tempfile.TemporaryDirectory(prefix="tf2rust-") as folder:
        copy_judged(graph, path, Path(folder))
        return OpenedSignature(_loaded(Path(folder), path, tags, name), name, notes)


def _loaded(folder: Path, path: Path, tags: list[str], name: str) -> TracedModel:
    """The signature, loaded from ``folder``, a copy of the SavedModel at ``path``."""
    loaded = None
    try:
        with quiet():
            loaded = library("tensorflow").saved_model.load(str(folder), tags=tags)
            return _from_signature(loaded, name)
    except ConversionError:
        raise
    except Exception as error:
        # Keras 2 stores optimizer objects that TensorFlow cannot rebuild; the graph alone does not need them.
        try:
            with quiet():
                return _from_graph(folder, tags, name)
        except ConversionError:
            raise
        except Exception:
            what = "that TensorFlow cannot load" if loaded is None else f"whose signature {name!r} cannot be frozen"
            raise ConversionError(f"{path} is a SavedModel {what}: {message_of(error)}.") from error


def _graph_for_serving(path: Path) -> Any:
    proto = library("tensorflow.core.protobuf.saved_model_pb2").SavedModel()
    try:
        proto.ParseFromString((path / FILE).read_bytes())
    except library("google.protobuf.message").DecodeError as error:
        raise ConversionError(f"{path / FILE} is damaged or truncated; save the model again.") from error
    if not proto.meta_graphs:
        raise ConversionError(f"{path / FILE} contains no graph: it is empty or damaged; save the model again.")
    return next((graph for graph in proto.meta_graphs if _SERVE in graph.meta_info_def.tags), proto.meta_graphs[0])


def _chosen(path: Path, available: Sequence[str], wanted: str | None) -> str:
    listed = ", ".join(available) or "none at all"
    if wanted is not None:
        if wanted not in available:
            raise ConversionError(f"{path} has no signature {wanted!r}; its signatures are: {listed}.")
        return wanted
    for usual in ("serving_default", _SERVE):
        if usual in available:
            return usual
    if len(available) == 1:
        return available[0]
    raise ConversionError(f"{path} has several signatures; choose one with --signature: {listed}.")


def _from_signature(loaded: Any, name: str) -> TracedModel:
    function = loaded.signatures[name]
    # TensorFlow flattens keyword arguments and result dicts by their sorted names.
    tensors = dict(zip(sorted(function.structured_input_signature[1]), argument_tensors(function), strict=True))
    outputs = sorted(function.structured_outputs)

    def call(arguments: Mapping[str, Any]) -> Sequence[Any]:
        # `loaded` owns the variables, which must live as long as this function.
        results = loaded.signatures[name](**arguments)
        return [results[output] for output in outputs]

    inputs = {argument: tensors[argument] for argument in _original_order(loaded, list(tensors))}
    return freeze_function(function, inputs, outputs, call, may_augment=True)


def _original_order(loaded: Any, names: list[str]) -> list[str]:
    """The names in the order of the model's own function, if it can be found."""
    tf = library("tensorflow")
    # TensorFlow may convert an argument's name to lower case.
    by_lower = {name.lower(): name for name in names}
    for attribute in dir(loaded):
        for concrete in getattr(getattr(loaded, attribute, None), "concrete_functions", ()):
            specs = tf.nest.flatten(concrete.structured_input_signature)
            order = [str(spec.name).lower() for spec in specs if isinstance(spec, tf.TensorSpec)]
            if sorted(order) == sorted(by_lower) and len(by_lower) == len(names):
                return [by_lower[name] for name in order]
    return names


def _from_graph(path: Path, tags: list[str], name: str) -> TracedModel:
    """Uses the TensorFlow 1 loader, which restores the graph and its variables, but no objects."""
    v1 = library("tensorflow").compat.v1
    with v1.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        signature = v1.saved_model.load(session, tags, str(path)).signature_def[name]
        inputs = {key: info.name for key, info in sorted(signature.inputs.items())}
        outputs = {key: info.name for key, info in sorted(signature.outputs.items())}
        nodes = [tensor.partition(":")[0] for tensor in (*inputs.values(), *outputs.values())]
        whole = v1.graph_util.extract_sub_graph(graph.as_graph_def(add_shapes=True), sorted(set(nodes)))
        graph_def = without_effects(whole, nodes)
        variables = {node.name: node.name for node in whole.node if node.op == "VarHandleOp"}
        if used := states_read(whole, graph_def, variables):
            raise ConversionError(state_reasons(used, variables, LayerScopes()))
        frozen = v1.graph_util.convert_variables_to_constants(session, graph_def, sorted(set(nodes)))
    # Freezing does not update lookups inside functions, which read constants now.
    fixed = library("tf2onnx.tf_loader").fix_freezing_errors_part2(frozen)
    return in_session(fixed, inputs, outputs)
