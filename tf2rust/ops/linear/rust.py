"""The Rust calls of layers on matrices."""

from __future__ import annotations

import numpy as np

from tf2rust.ops.core.emit import CX, LayerField, Site, Weights, before_call, layer_call, layer_field
from tf2rust.ops.linear.affine import Affine
from tf2rust.ops.linear.dense import Dense
from tf2rust.ops.linear.determinant import Determinant
from tf2rust.ops.linear.einsum import Diagonal
from tf2rust.ops.linear.matmul import MatMul
from tf2rust.ops.linear.trilu import Trilu
from tf2rust.rust.literals import rust_type
from tf2rust.rust.tree import Expr, ExprStmt, Item, Stmt, array, struct

_OPS = "tf_layers::ops"
_ROUNDING = "tf_layers::gemm::RoundingMatrix"


@layer_field.register
def _(layer: Dense, weights: Weights) -> LayerField:
    dense = Item("tf_layers::nn::Dense")
    value = struct(
        dense, kernel=kernel(layer, weights), bias=weights.optional("bias"), activation=activation(layer, weights)
    )
    return LayerField(with_kernel(dense, layer), value)


def kernel(layer: Affine, weights: Weights) -> Expr:
    """The value of a ``KernelMatrix``."""
    if layer.rounds:
        return Item(_ROUNDING)(weights.get("kernel"))
    if layer.kernel.dtype != np.int8:
        return weights.get("kernel")
    return struct(Item("tf_layers::gemm::ScaledMatrix"), integers=weights.get("kernel"), scales=weights.get("scales"))


def with_kernel(type: Item, layer: Affine) -> Item:
    """The type of a layer with the type of its kernel, which is a matrix of ``f32`` by default."""
    dtype = layer.kernel.dtype
    if layer.rounds:
        return type.generic("'w", Item(_ROUNDING).generic("'w"))
    if dtype == np.float32:
        return type.generic("'w")
    if dtype == np.int8:
        return type.generic("'w", Item("tf_layers::gemm::ScaledMatrix").generic("'w"))
    matrix = Item("tf_layers::gemm::Matrix").generic("'w", Item(f"tf_layers::tensor::{rust_type(dtype.name)}"))
    return type.generic("'w", matrix)


def activation(layer: Affine, weights: Weights) -> Expr:
    """The value of ``tf_layers::nn::Activation``."""
    if layer.slopes is None:
        return layer.activation.rust()
    return Item("tf_layers::nn::Activation").of("PRelu")(weights.get("slopes"))


@before_call.register
def _(layer: Affine, site: Site) -> list[Stmt]:
    """Copies a residual input to the output, unless the output already holds it."""
    if layer.residual is None or site.in_place is not None:
        return []
    return [ExprStmt(Item(f"{_OPS}::copy")(CX, site.inputs[1], *site.outputs).tried())]


@layer_call.register
def _(layer: Affine, site: Site) -> Expr:
    return site.field.method("run", CX, site.inputs[0], accumulating(layer, site))


def accumulating(layer: Affine, site: Site) -> Expr:
    """The output view; accumulating if it holds a residual input."""
    (output,) = site.outputs
    return output if layer.residual is None else output.method("accumulate")


@layer_field.register
def _(layer: MatMul, weights: Weights) -> LayerField:
    product = Item(f"{_OPS}::MatMul")
    return LayerField(product, struct(product, transposed=layer.transposed_right))


@layer_call.register
def _(layer: MatMul, site: Site) -> Expr:
    method = "run" if layer.y.dtype == "float32" else "run_scalars"
    return site.field.method(method, CX, *site.inputs, *site.outputs)


@layer_call.register
def _(layer: Determinant, site: Site) -> Expr:
    return Item(f"{_OPS}::determinant")(CX, *site.inputs, *site.outputs)


@layer_call.register
def _(layer: Diagonal, site: Site) -> Expr:
    return Item(f"{_OPS}::diagonal")(CX, array(layer.axes), *site.inputs, *site.outputs)


@layer_call.register
def _(layer: Trilu, site: Site) -> Expr:
    diagonal: Expr | int | None = layer.diagonal
    if diagonal is None:
        diagonal = Item(f"{_OPS}::item")(site.inputs[1]).tried()
    return Item(f"{_OPS}::trilu")(CX, layer.upper, diagonal, site.inputs[0], *site.outputs)
