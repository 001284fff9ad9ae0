"""How layers of classical machine learning are called in Rust."""

from __future__ import annotations

from tf2rust.ops.core.emit import CX, LayerField, Site, Weights, layer_call, layer_field
from tf2rust.ops.ml.pairwise_coupling import PairwiseCoupling
from tf2rust.ops.ml.tree_ensemble import TreeEnsemble
from tf2rust.rust.literals import rust_type
from tf2rust.rust.tree import Expr, Item, array, struct

_OPS = "tf_layers::ops"


@layer_field.register
def _(layer: TreeEnsemble, weights: Weights) -> LayerField:
    ensemble, view = Item(f"{_OPS}::TreeEnsemble"), Item("tf_layers::tensor::View")
    vectors = ("splits", "roots", "leaf_starts", "leaf_targets", "leaf_weights")
    value = struct(
        ensemble,
        nodes=view.of("new")(weights.get("nodes"), array(layer.trees.nodes.shape)).tried(),
        **{role: weights.get(role) for role in vectors},
        aggregate=Item(f"{_OPS}::Aggregate").of(layer.aggregate),
    )
    return LayerField(ensemble.generic(f"'w, {rust_type(layer.x.dtype)}"), value)


@layer_call.register
def _(layer: PairwiseCoupling, site: Site) -> Expr:
    return Item(f"{_OPS}::pairwise_coupling")(CX, *site.inputs, *site.outputs)
