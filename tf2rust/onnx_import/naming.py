"""The layers' names: those of Keras where the source gives them, else what the ONNX node names tell."""

from __future__ import annotations

from collections.abc import Mapping

from tf2rust.ops.core.layer import Layer, LayerGraph


def name_layers(graph: LayerGraph, node_layers: Mapping[str, str]) -> None:
    """Names every layer of the graph; names may repeat, as where a layer is shared."""
    for layer in graph.walk():
        keras = [node_layers[n] for n in (layer.anchor, *layer.nodes) if n in node_layers]
        layer.name = keras[0] if keras else _scope(layer)


def _scope(layer: Layer) -> str:
    """The innermost scope of the layer's main node that another of its nodes shares, else the innermost.

    ``model/Dense_0/einsum/Einsum`` and ``model/Dense_0/AddV2`` make ``Dense_0``; a lone ``/fc1/Gemm`` makes ``fc1``.
    """
    anchor = layer.anchor or next(iter(layer.nodes), "")
    path = [part for part in anchor.split("/") if part]
    if len(path) < 2:
        return anchor.strip("/")
    others = [[part for part in name.split("/") if part] for name in layer.nodes if name != anchor]
    shared = [d for d in range(1, len(path)) if any(len(o) > d and o[:d] == path[:d] for o in others)]
    # A scope that is shared by nodes far away tells less than the node's own.
    return path[shared[-1] - 1] if shared and len(path) - shared[-1] <= 2 else path[-2]
