"""The Rust of data-dependent sizes in loops and Ifs.

``tf2rust.codegen.control_flow`` writes the statements that run a body.
"""

from __future__ import annotations

from tf2rust.ops.control.layers import CollectedSteps, Loop
from tf2rust.ops.core.emit import CX, Site, data_dependent_dims, layer_call
from tf2rust.rust.tree import Expr, Item, Token, array

_OPS = "tf_layers::ops"


@data_dependent_dims.register
def _(layer: Loop, site: Site) -> dict[str, Expr]:
    """The number of steps, where it is an input; a first condition that is tested once makes it 0."""
    if not layer.counted:
        return {}
    count = site.inputs[len(layer.body.inputs)]
    tested_once = layer.started and not layer.tested
    holds = Item(f"{_OPS}::is_true")(site.inputs[-1]).tried() if tested_once else Token("true")
    return {str(layer.steps): Item(f"{_OPS}::trip_count")(count, holds)}


@data_dependent_dims.register
def _(layer: CollectedSteps, site: Site) -> dict[str, Expr]:
    return {str(layer.y.shape[0]): Item(f"{_OPS}::size_at")(site.inputs[1], 0)}


@layer_call.register
def _(layer: CollectedSteps, site: Site) -> Expr:
    starts, steps = array([0] * layer.x.rank), array([1] * layer.x.rank)
    return Item(f"{_OPS}::slice")(CX, starts, steps, site.inputs[0], *site.outputs)
