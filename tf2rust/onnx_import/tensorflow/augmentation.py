"""Removes image augmentation from graphs that were exported in training mode.

``model.export()`` of Keras 3 traces these layers in training mode, which is their default, but Keras skips them at
inference. They are identified by the random state that they read, in a scope that images enter and leave by one tensor
each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from tf2rust.onnx_import.tensorflow.effects import node_of, without_effects
from tf2rust.onnx_import.tensorflow.runtime import library

_KINDS = (
    *("brightness", "color_degeneration", "color_jitter", "contrast", "crop", "elastic_transform", "erasing", "flip"),
    *("gaussian_blur", "grayscale", "hue", "invert", "perspective", "posterization", "rotation", "saturation"),
    *("sharpness", "shear", "translation", "zoom"),
)
_LAYER = re.compile(rf"(random_({'|'.join(_KINDS)})|aug_mix|cut_mix|mix_up|rand_augment|solarization)(_\d+)*")
"""Keras's names for these layers."""
_CHANNELS = (1, 3, 4)
"""The channels of images; feature maps have more."""


def without_augmentation(
    graph_def: Any, outputs: Sequence[str], inputs: Iterable[str], random: Iterable[str]
) -> tuple[Any, tuple[str, ...]]:
    """Bypasses the layers that contain the nodes ``random``; returns the graph and these layers.

    ``outputs`` are tensors, and ``inputs`` the placeholders for data. Other layers stay, and so do layers that change
    the size of images, except for RandomCrop: at inference, Keras 3 does not crop.
    """
    tf = library("tensorflow")
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name="")
    scopes = sorted({_scope(name) for name in random})
    data = _reached(graph_def, set(inputs))
    ends = {scope: _ends(graph_def, graph, outputs, data, f"{scope}/") for scope in scopes}
    found = {scope: pair for scope, pair in ends.items() if pair is not None}
    if not found:
        return graph_def, ()
    result = type(graph_def)()
    result.CopyFrom(graph_def)
    for entering, leaving in found.values():
        _pass_through(result, entering, leaving)
    return without_effects(result, outputs), tuple(scope.rpartition("/")[2] for scope in found)


def _scope(node: str) -> str:
    """The scope of a node's layer: the outermost with one of Keras's names, or the innermost."""
    path = node.split("/")[:-1]
    named = next((i for i, part in enumerate(path) if _LAYER.fullmatch(part)), len(path) - 1)
    return "/".join(path[: named + 1])


def _ends(graph_def: Any, graph: Any, outputs: Sequence[str], data: set[str], prefix: str) -> tuple[Any, Any] | None:
    """The tensors of ``graph`` by which images enter and leave a scope; None if there are others, or no images.

    ``data`` are the nodes that depend on the model's inputs.
    """
    entering: set[str] = set()
    leaving: set[str] = set()
    for node in graph_def.node:
        inside = node.name.startswith(prefix)
        for tensor in (_full(t) for t in node.input if not t.startswith("^")):
            source = node_of(tensor)
            if source in data and source.startswith(prefix) != inside:
                (entering if inside else leaving).add(tensor)
    leaving |= {tensor for tensor in outputs if node_of(tensor).startswith(prefix)}
    if len(entering) != 1 or len(leaving) != 1:
        return None
    ends = [graph.get_tensor_by_name(name) for name in (*entering, *leaving)]
    before, after = (tensor.shape for tensor in ends)
    is_image = before.rank in (3, 4) and before[-1] in _CHANNELS
    name = prefix.rstrip("/").rpartition("/")[2]
    fits = before.rank == after.rank and (before.is_compatible_with(after) or name.startswith("random_crop"))
    return (ends[0], ends[1]) if fits and (is_image or _LAYER.fullmatch(name)) else None


def _reached(graph_def: Any, inputs: set[str]) -> set[str]:
    """The nodes that depend on ``inputs``."""
    readers: dict[str, list[str]] = {}
    for node in graph_def.node:
        for tensor in node.input:
            readers.setdefault(node_of(tensor), []).append(node.name)
    reached, waiting = set(inputs), list(inputs)
    while waiting:
        new = [name for name in readers.get(waiting.pop(), []) if name not in reached]
        reached.update(new)
        waiting += new
    return reached


def _pass_through(graph_def: Any, entering: Any, leaving: Any) -> None:
    """Makes the readers of ``leaving`` read ``entering``, cast to the dtype of the former."""
    made = next(node for node in graph_def.node if node.name == leaving.op.name)
    if len(leaving.op.outputs) > 1:
        made = graph_def.node.add(name=f"{made.name}/passed_through")
        for node in graph_def.node:
            for i, tensor in enumerate(node.input):
                if _full(tensor) == leaving.name:
                    node.input[i] = made.name
    made.op = "Cast" if entering.dtype != leaving.dtype else "Identity"
    del made.input[:]
    made.input.append(entering.name)
    made.attr.clear()
    types = {"SrcT": entering.dtype, "DstT": leaving.dtype} if made.op == "Cast" else {"T": entering.dtype}
    for name, dtype in types.items():
        made.attr[name].type = dtype.as_datatype_enum


def _full(tensor: str) -> str:
    return tensor if ":" in tensor or tensor.startswith("^") else f"{tensor}:0"
