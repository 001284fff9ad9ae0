"""The Rust of data-dependent sizes in loops and Ifs.

``tf2rust.codegen.control_flow`` writes the statements that run a body.
"""

from __future__ import annotations

from tf2rust.ops.control.layers import CollectedSteps, Loop
from tf2rust.ops.core.emit import CX, DimValues, Site, data_dependent_dims, layer_call, size_at
from tf2rust.rust.tree import Expr, Item, Token, array

_OPS = "tf_layers::ops"


@data_dependent_dims.register
def _(layer: Loop, site: Site) -> DimValues:
    """The number of steps, where it is an input; a first condition that is tested once makes it 0."""
    if not layer.counted:
        return {}
    count = site.inputs[len(layer.body.inputs)]
    tested_once = layer.started and not layer.tested
    holds = Item(f"{_OPS}::is_true")(site.inputs[-1]).tried() if tested_once else Token("true")
    return {str(layer.steps): Item(f"{_OPS}::trip_count")(count, holds).tried()}


@data_dependent_dims.register
def _(layer: CollectedSteps, site: Site) -> DimValues:
    return {str(layer.y.shape[0]): size_at(layer.inputs[1], site.inputs[1])}


@layer_call.register
def _(layer: CollectedSteps, site: Site) -> Expr:
    starts, steps = array([0] * layer.x.rank), array([1] * layer.x.rank)
    return Item(f"{_OPS}::slice")(CX, starts, steps, site.inputs[0], *site.outputs)
