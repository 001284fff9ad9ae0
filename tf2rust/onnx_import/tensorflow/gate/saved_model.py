"""Checks a SavedModel folder: it must contain all its files, and TensorFlow loads exactly what was checked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.gate.graphs import WRITERS, Names, graph_refusals
from tf2rust.onnx_import.tensorflow.gate.refusal import Refusal
from tf2rust.onnx_import.tensorflow.runtime import library

FILE = "saved_model.pb"
_ASSETS, _VARIABLES = "assets", "variables"
_ASSETS_COLLECTION, _SAVERS_COLLECTION = "saved_model_assets", "savers"


def check_folder(folder: Path) -> None:
    """Raises ``ConversionError`` if the folder contains a link to the outside, or a special file."""
    inside = folder.resolve()
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                raise ConversionError(
                    f"{path} is a link to {path.resolve()}, outside of the SavedModel; copy the folder with the "
                    f"targets of its links (cp -rL {folder} …)."
                )
            if not (path.is_file() or path.is_dir() or path.is_symlink()):
                raise ConversionError(f"{path} is neither a file nor a folder; remove it from the SavedModel.")


def meta_graph_refusals(meta_graph: Any, folder: Path) -> Iterator[Refusal]:
    """What the graph of a SavedModel does beyond computing, or reads from outside of its folder.

    Raises ``ConversionError`` if the graph is damaged.
    """
    for asset in _assets(meta_graph):
        parts = PurePosixPath(asset.filename).parts
        path = folder / _ASSETS / asset.filename
        if asset.filename.startswith("/") or ".." in parts or "\\" in asset.filename or "\0" in asset.filename:
            yield Refusal(
                f"The SavedModel reads the file {asset.filename!r}, which is not in its folder", "export it again"
            )
        elif not path.is_file():
            raise ConversionError(
                f"The SavedModel in {folder} needs {path}, which does not exist; copy the whole folder."
            )
    yield from graph_refusals(meta_graph.graph_def, _names(meta_graph))


def copy_judged(meta_graph: Any, folder: Path, target: Path) -> None:
    """Writes a SavedModel with only ``meta_graph``, and without writing ops, into ``target``.

    The writing ops of a saver become ``NoOp``, and the name of its checkpoint becomes a placeholder. Asset names, which
    TensorFlow's loaders feed, become the actual ones. Variables and assets are read from the original folder.
    """
    saved_model = library("tensorflow.core.protobuf.saved_model_pb2").SavedModel(saved_model_schema_version=1)
    copy = saved_model.meta_graphs.add()
    copy.CopyFrom(meta_graph)
    graph = copy.graph_def
    for node in (*graph.node, *(node for function in graph.library.function for node in function.node_def)):
        if node.op in WRITERS:
            control = [given for given in node.input if given.startswith("^")]
            node.op = "NoOp"
            node.attr.clear()
            node.ClearField("input")
            node.input.extend(control)
    nodes = {node.name: node for node in graph.node}
    for name in _checkpoint_nodes(copy):
        if name in nodes and nodes[name].op in ("Const", "PlaceholderWithDefault"):
            _make_placeholder(nodes[name])
    for asset in _assets(copy):
        node = nodes.get(asset.tensor_info.name.partition(":")[0])
        if node is not None and node.op == "Const":
            node.attr["value"].tensor.string_val[:] = [os.fsencode(target / _ASSETS / asset.filename)]
    (target / FILE).write_bytes(saved_model.SerializeToString())
    for name in (_VARIABLES, _ASSETS):
        if (folder / name).is_dir():
            _make_visible((folder / name).resolve(), target / name)


def _make_placeholder(node: Any) -> None:
    strings = library("tensorflow").string.as_datatype_enum
    node.op = "Placeholder"
    node.attr.clear()
    node.attr["dtype"].type = strings
    node.attr["shape"].shape.SetInParent()
    node.ClearField("input")


def _make_visible(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source, target_is_directory=True)
    except OSError:  # on Windows, only some users can create links
        shutil.copytree(source, target)


def _names(meta_graph: Any) -> Names:
    objects = meta_graph.object_graph_def
    is_asset = [saved.WhichOneof("kind") == "asset" for saved in objects.nodes]
    captured = {
        name: [0 <= bound < len(is_asset) and is_asset[bound] for bound in function.bound_inputs]
        for name, function in objects.concrete_functions.items()
    }
    assets = {asset.tensor_info.name.partition(":")[0] for asset in _assets(meta_graph)}
    return Names(_checkpoint_nodes(meta_graph), assets, captured)


def _checkpoint_nodes(meta_graph: Any) -> set[str]:
    """The nodes that are fed with the path of a checkpoint."""
    saver_def = library("tensorflow.core.protobuf.saver_pb2").SaverDef
    savers = [meta_graph.saver_def]
    if _SAVERS_COLLECTION in meta_graph.collection_def:
        for content in meta_graph.collection_def[_SAVERS_COLLECTION].bytes_list.value:
            savers.append(_parsed(saver_def(), content))
    return {saver.filename_tensor_name.partition(":")[0] for saver in savers} - {""}


def _assets(meta_graph: Any) -> list[Any]:
    """The assets of a graph; early TensorFlow 1 listed them in a collection."""
    if meta_graph.asset_file_def or _ASSETS_COLLECTION not in meta_graph.collection_def:
        return list(meta_graph.asset_file_def)
    asset_def = library("tensorflow.core.protobuf.meta_graph_pb2").AssetFileDef
    listed = meta_graph.collection_def[_ASSETS_COLLECTION].any_list.value
    return [_parsed(asset_def(), packed.value) for packed in listed]


def _parsed(message: Any, content: bytes) -> Any:
    try:
        message.ParseFromString(content)
    except library("google.protobuf.message").DecodeError as error:
        raise ConversionError(
            "The TensorFlow graph is damaged: a collection contains an invalid message; save the model again."
        ) from error
    return message
