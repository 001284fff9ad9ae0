"""The Rust calls of recurrent layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tf2rust.ops.core.emit import CX, LayerField, Site, Weights, layer_call, layer_field, result_pattern
from tf2rust.ops.recurrent.dynamic import OPTIONAL, DynamicRecurrence
from tf2rust.ops.recurrent.layers import DynamicQuantizedLstm, Gru, Lstm, Recurrent, SimpleRnn
from tf2rust.rust.literals import rust_f32
from tf2rust.rust.tree import Expr, Item, Token, array, some, struct, tuple_

_DIRECTIONS = {"forward": "Forward", "reverse": "Reverse", "go_backwards": "GoBackwards"}


def _optional(wanted: Iterable[bool], operands: Iterator[Expr]) -> list[Expr]:
    """``Some`` with the next operand for each wanted one, otherwise ``None``."""
    return [some(next(operands) if is_wanted else None) for is_wanted in wanted]


def _names(wanted: Iterable[bool], names: Iterator[Expr]) -> list[Expr]:
    """The next name for each wanted one, otherwise ``_``."""
    return [next(names) if is_wanted else Token("_") for is_wanted in wanted]


def _direction(layer: Recurrent) -> Expr:
    return Item("tf_layers::nn::Direction").of(_DIRECTIONS[layer.direction])


def _field(layer: Recurrent, weights: Weights, name: str, **more: Expr) -> LayerField:
    value = struct(
        Item(f"tf_layers::nn::{name}"),
        kernel=weights.get("kernel"),
        recurrent=weights.get("recurrent_kernel"),
        bias=weights.optional("bias"),
        **more,
        units=layer.units,
        activation=layer.activation.rust(),
        return_sequences=layer.return_sequences,
        direction=_direction(layer),
    )
    return LayerField(Item(f"tf_layers::nn::{name}").generic("'w"), value)


@layer_field.register
def _(layer: SimpleRnn, weights: Weights) -> LayerField:
    return _field(layer, weights, "SimpleRnn")


@layer_field.register
def _(layer: Lstm, weights: Weights) -> LayerField:
    return _field(layer, weights, "Lstm", recurrent_activation=layer.recurrent_activation.rust())


@layer_field.register
def _(layer: DynamicQuantizedLstm, weights: Weights) -> LayerField:
    lstm = Item("tf_layers::nn::DynamicQuantizedLstm")
    value = struct(
        lstm,
        kernel=weights.get("kernel"),
        kernel_sums=weights.get("sums"),
        kernel_scales=weights.get("scales"),
        recurrent=weights.get("recurrent_kernel"),
        recurrent_sums=weights.get("recurrent_sums"),
        recurrent_scales=weights.get("recurrent_scales"),
        bias=weights.optional("bias"),
        units=layer.units,
        clip=rust_f32(layer.clip),
        return_sequences=layer.return_sequences,
        direction=_direction(layer),
    )
    return LayerField(lstm.generic("'w"), value)


@layer_field.register
def _(layer: Gru, weights: Weights) -> LayerField:
    return _field(
        layer,
        weights,
        "Gru",
        candidate=some(None if layer.reset_after else weights.get("candidate_kernel")),
        recurrent_bias=weights.optional("recurrent_bias"),
        recurrent_activation=layer.recurrent_activation.rust(),
    )


def _has_states(layer: Recurrent) -> bool:
    """Whether it has inputs other than x, or outputs other than y."""
    return len(layer.inputs) > 1 or len(layer.outputs) > 1


@layer_call.register
def _(layer: Recurrent, site: Site) -> Expr:
    if not _has_states(layer):
        return site.field.method("run", CX, *site.inputs, *site.outputs)
    x, *given = site.inputs
    y, *asked = site.outputs
    operands = iter(given)
    (mask,) = _optional([layer.masked], operands)
    initial = array(_optional(layer.initial[: layer.STATES], operands))
    states = struct(Item("tf_layers::nn::States"), mask=mask, zero_masked=layer.zero_masked, initial=initial)
    last = _optional(layer.last[: layer.STATES], iter(asked))
    return site.field.method("run_with_states", CX, x, states, y, *last)


@result_pattern.register
def _(layer: Recurrent, names: Sequence[Expr]) -> Expr:
    if not _has_states(layer):
        return names[0]
    y, *last = names
    return tuple_([y, *_names(layer.last[: layer.STATES], iter(last))])


@layer_field.register
def _(layer: DynamicRecurrence, weights: Weights) -> LayerField:
    cell = Item("tf_layers::nn::DynamicCell")
    if layer.op == "GRU":
        made: Expr = struct(cell.of("Gru"), reset_after=layer.reset_after)
    else:
        made = struct(cell.of("Lstm"), coupled=layer.coupled) if layer.op == "LSTM" else cell.of("Rnn")
    recurrence = Item("tf_layers::nn::DynamicRecurrence")
    value = struct(
        recurrence,
        cell=made,
        reverse=array([direction == "reverse" for direction in layer.directions]),
        activations=array([array([function.rust() for function in own]) for own in layer.activations]),
        clip=rust_f32(layer.clip),
    )
    return LayerField(recurrence.generic(str(len(layer.directions))), value)


@layer_call.register
def _(layer: DynamicRecurrence, site: Site) -> Expr:
    x, kernel, recurrent, *more = site.inputs
    given = dict(zip(layer.given, more, strict=True))
    bias, lengths, h, c, peepholes = (some(given.get(name)) for name in OPTIONAL)
    weights = struct(
        Item("tf_layers::nn::DynamicWeights"),
        kernel=kernel,
        recurrent=recurrent,
        bias=bias,
        lengths=lengths,
        initial=array([h, c]),
        peepholes=peepholes,
    )
    return site.field.method("run", CX, x, weights, *_optional(layer.wanted, iter(site.outputs)))


@result_pattern.register
def _(layer: DynamicRecurrence, names: Sequence[Expr]) -> Expr:
    return tuple_(_names(layer.wanted, iter(names)))
