"""Names layers after Keras layers or PyTorch modules if the model records them, and otherwise after ONNX nodes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

import onnx

from tf2rust.ops.core.layer import Layer, LayerGraph

_PARAMETER = re.compile(
    r"weight|bias|gamma|beta|running_(mean|var)|(weight|bias)_[ih]h_l\d+(_reverse)?|in_proj_(weight|bias)"
)
"""PyTorch's names for the parameters of its modules."""
_HELPERS = frozenset({"Constant", "Reshape", "Transpose", "Slice", "Gather", "Cast", "Shape", "Expand"})
"""Kinds of layers that never name a group of layers."""
_ATTENDING = frozenset({"AdditiveAttention", "Attention", "Softmax"})
_MASKING = frozenset(
    {"Add", "Cast", "Compare", "Constant", "Logic", "Multiply", "Not", "Rescaling", "Reshape", "Subtract", "Where"}
)
"""Kinds of layers on the path of a mask, from truth values to a term of the attention scores or a condition."""


def name_layers(graph: LayerGraph, node_layers: Mapping[str, str], modules: Mapping[str, str]) -> None:
    """Names every layer of the graph. Names can repeat, for example if a layer is shared.

    ``node_layers`` maps nodes to Keras layers, ``modules`` maps nodes to PyTorch modules.
    """
    named = set()
    for layer in graph.walk():
        # A constant is called `<node>/<input>`, after the node that reads it.
        known = (layer.anchor, *layer.nodes, layer.anchor.rpartition("/")[0])
        found = [names[node] for names in (node_layers, modules) for node in known if node in names]
        layer.name = found[0] if found else _scope(layer)
        if found:
            named.add(layer)
    _name_masks(graph, named)
    _name_helpers(graph)


def _name_helpers(graph: LayerGraph) -> None:
    """Adds the kind to the names of helper layers that share another layer's name: ``lstm/Reshape`` beside ``lstm``."""
    groups: dict[str, list[Layer]] = {}
    for layer in graph.walk():
        groups.setdefault(layer.name, []).append(layer)
    for name, group in groups.items():
        if not name:
            continue
        main = min(group, key=lambda layer: (not layer.weights(), layer.kind in _HELPERS))
        for layer in group:
            if layer.kind != main.kind:
                layer.name = f"{name}/{layer.kind}"


def module_paths(graph: onnx.GraphProto) -> dict[str, str]:
    """The PyTorch module of each node whose parameters keep their names, such as ``blocks.0.conv1.weight``."""
    parameters = {tensor.name for tensor in graph.initializer}
    paths: dict[str, str] = {}
    for node in graph.node:
        owned = [name.rpartition(".") for name in node.input if name in parameters]
        modules = {module for module, _, name in owned if module and _PARAMETER.fullmatch(name)}
        if len(modules) == 1:
            paths[node.name] = modules.pop()
    return paths


def _name_masks(graph: LayerGraph, named: set[Layer]) -> None:
    """Names layers without a Keras layer or scope whose truth values are a mask for other layers.

    They are called after the layer that they mask (``encoder_mask``), or ``attention_mask`` if that layer has no name
    either, because their nodes tell only the operator, such as ``And``.
    """
    readers = graph.consumers()
    masks: dict[Layer, set[str]] = {}
    for layer in reversed(graph.layers):
        if layer in named or "/" in layer.anchor:
            continue
        masked: set[str] = set()
        for reader in (reader for value in layer.outputs for reader in readers.get(value, [])):
            if reader.kind in _ATTENDING and reader not in named:
                masked.add("attention")
            elif reader in named and layer.outputs[0].dtype == "bool":
                masked.add(reader.name)
            masked |= masks.get(reader, set())
        if masked and layer.kind in _MASKING:
            masks[layer] = masked
            if all(v.dtype == "bool" for v in layer.outputs):
                layer.name = f"{min(masked)}_mask" if len(masked) == 1 else "mask"


def _scope(layer: Layer) -> str:
    """The innermost scope of the layer's main node that another of its nodes shares, or the innermost scope.

    ``model/Dense_0/einsum/Einsum`` and ``model/Dense_0/AddV2`` make ``Dense_0``. PyTorch writes all modules of a node,
    as in ``/features/features.0/conv/Conv``, which makes ``features.0.conv``.
    """
    anchor = layer.anchor or next(iter(layer.nodes), "")
    path = [part for part in anchor.split("/") if part]
    if len(path) < 2:
        return anchor.strip("/").removeprefix("node_")
    if anchor.startswith("/"):
        modules = path[:-1]
        inside = [not after.startswith(f"{before}.") for before, after in itertools.pairwise(modules)]
        return ".".join(itertools.compress(modules, [*inside, True]))
    others = [[part for part in name.split("/") if part] for name in layer.nodes if name != anchor]
    shared = [d for d in range(1, len(path)) if any(len(o) > d and o[:d] == path[:d] for o in others)]
    # A scope that distant nodes share says less than the node's own scope.
    return path[shared[-1] - 1] if shared and len(path) - shared[-1] <= 2 else path[-2]
