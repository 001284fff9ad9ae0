"""The layers that the user keeps in float."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from tf2rust.errors import ConversionError
from tf2rust.quantization.settings import Settings
from tf2rust.stages import brief


def kept_nodes(settings: Settings, names: Mapping[str, str]) -> list[str]:
    """The nodes of the layers of ``--keep_float``; ``names`` are the layers of all nodes.

    Raises ConversionError with every name that is no layer.
    """
    known, reasons = sorted(set(names.values())), []
    for layer in settings.keep_float:
        if layer not in known:
            near = difflib.get_close_matches(layer, known, 1, 0.5)
            advice = f"did you mean `{near[0]}`?" if near else "`tf2rust patterns` lists the layers."
            reasons.append(
                f"--keep_float {brief(layer) if layer else repr(layer)}: the model has no such layer; {advice}"
            )
    if reasons:
        raise ConversionError(reasons)
    return [node for node, layer in names.items() if layer in settings.keep_float]
