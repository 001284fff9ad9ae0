"""The layers' names: those of Keras where the source gives them, else what the ONNX node names tell."""

from __future__ import annotations

from collections.abc import Mapping

from tf2rust.ops.core.layer import Layer, LayerGraph

_ATTENDING = frozenset({"Attention", "Softmax"})
_MASKING = frozenset(
    {"Add", "Cast", "Compare", "Constant", "Logic", "Multiply", "Not", "Rescaling", "Reshape", "Select", "Subtract"}
)
"""What a mask goes through from the truth values on until it is a summand of scores or chooses among them."""


def name_layers(graph: LayerGraph, node_layers: Mapping[str, str]) -> None:
    """Names every layer of the graph; names may repeat, as where a layer is shared."""
    named = set()
    for layer in graph.walk():
        # A constant is called `<node>/<input>`, after the node that takes it.
        known = (layer.anchor, *layer.nodes, layer.anchor.rpartition("/")[0])
        keras = [node_layers[name] for name in known if name in node_layers]
        layer.name = keras[0] if keras else _scope(layer)
        if keras:
            named.add(layer)
    _name_masks(graph, named)


def _name_masks(graph: LayerGraph, named: set[Layer]) -> None:
    """Names the layers that belong to none of Keras' and in no scope, and whose truth values are a mask for others.

    They are called after the layer that they mask, ``encoder_mask``, or ``attention_mask`` where that has no name
    either: their nodes tell the operator alone, ``And``.
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
