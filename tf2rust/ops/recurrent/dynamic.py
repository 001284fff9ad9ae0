"""ONNX' LSTM, GRU and RNN with dynamic weights, or with options that Keras' recurrent layers lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.activation import Activation
from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.recurrent.operators import DEFAULTS, DIRECTIONS, activations
from tf2rust.ops.shape.transpose import Transpose, permute

_KINDS = {"LSTM": "LSTM", "GRU": "GRU", "RNN": "SimpleRNN"}
OPTIONAL = ("bias", "lengths", "initial_h", "initial_c", "peepholes")


@dataclass(eq=False, kw_only=True)
class DynamicRecurrence(Layer):
    """The inputs are x [t, n, in], kernels [directions, gates · units, …], and the optional inputs that ``given``
    names.

    The outputs are those of ``wanted``: the states after every step [t, directions, n, units], the last h and the last
    c.
    """

    op: str
    directions: tuple[str, ...]
    activations: tuple[tuple[Activation, ...], ...]
    given: tuple[str, ...]
    wanted: tuple[bool, bool, bool]
    reset_after: bool = False
    coupled: bool = False
    clip: float = float("inf")

    @property
    def kind(self) -> str:
        return _KINDS[self.op]

    def params(self) -> dict[str, object]:
        names = [[a.plain() for a in own] for own in self.activations]
        return {"units": self.inputs[2].shape[2], "directions": list(self.directions), "activations": names}

    def multiply_adds(self) -> Dim:
        x, kernel, recurrent = (value.shape for value in self.inputs[:3])
        return product(x[:2]) * (product(kernel) + product(recurrent))


@rule(Op("LSTM|GRU|RNN", Var("x"), Var("kernel"), Var("recurrent"), more=True, name="recurrent"))
def recurrent_with_dynamic_weights(m: Match, b: Builder) -> RuleResult:
    """Time-major, as in ONNX. If ``layout`` is 1, there are transposes around the layer."""
    node = m.root
    inputs = [b.value(m[name]) for name in ("x", "kernel", "recurrent")]
    optional = {name: node.input(i) for i, name in enumerate(OPTIONAL, start=3)}
    more = {name: b.value(v) for name, v in optional.items() if v is not None}
    floats = [*inputs, *(v for name, v in more.items() if name != "lengths")]
    if bad := next((v for v in floats if v.dtype != "float32"), None):
        return m.reject(f"its input `{bad.name}` has the unsupported dtype {bad.dtype} (supported: float32)")
    directions, default = DIRECTIONS[node.attr("direction", "forward")], DEFAULTS[node.op]
    names = node.attr("activations", list(default) * len(directions))
    found = activations(node, default, len(directions))
    functions = [a for a in found if a is not None]
    if len(found) != len(functions) or len(functions) != len(default) * len(directions):
        return m.reject(f"its activations {', '.join(names)} are not supported")
    spare = (Activation(),) * (3 - len(default))
    own = [tuple(functions[i * len(default) :][: len(default)]) for i in range(len(directions))]
    units = inputs[2].shape[2]
    if node.attr("hidden_size", units) != units or inputs[2].shape[0] != len(directions):
        return m.reject(
            f"its kernels do not match hidden_size {node.attr('hidden_size')} and {len(directions)} directions"
        )
    batch_first = bool(node.attr("layout", 0))
    front: list[Layer] = []

    def turned(value: Value) -> Value:
        perm = (1, 0, 2)
        if not batch_first:
            return value
        out = b.temporary(value, permute(value.shape, perm))
        front.append(Transpose(perm=perm, inputs=[value], outputs=[out]))
        return out

    inputs[0] = turned(inputs[0])
    more |= {name: turned(more[name]) for name in ("initial_h", "initial_c") if name in more}
    used = [bool(v.name) and (v.is_graph_output() or bool(v.uses())) for v in node.outputs]
    used += [False] * (3 - len(used))
    wanted = (used[0], used[1], used[2])
    outputs, back = _outputs(m, b, wanted, batch_first)
    layer = DynamicRecurrence(
        op=node.op,
        directions=directions,
        activations=tuple((*a, *spare) for a in own),
        given=tuple(more),
        wanted=wanted,
        reset_after=bool(node.attr("linear_before_reset", 0)) if node.op == "GRU" else False,
        coupled=bool(node.attr("input_forget", 0)) if node.op == "LSTM" else False,
        clip=node.attr("clip", float("inf")),
        inputs=[*inputs, *more.values()],
        outputs=outputs,
    )
    return [*front, layer, *back]


def _outputs(m: Match, b: Builder, wanted: Sequence[bool], batch_first: bool) -> tuple[list[Value], list[Layer]]:
    """The outputs of the layer, and the transposes after it."""
    outputs, back = [], []
    for index, source in enumerate(m.root.outputs):
        if not wanted[index]:
            continue
        value, perm = b.value(source), (2, 0, 1, 3) if index == 0 else (1, 0, 2)
        if batch_first:
            inner = b.temporary(value, permute(value.shape, (1, 2, 0, 3) if index == 0 else perm))
            back.append(Transpose(perm=perm, inputs=[inner], outputs=[value]))
            value = inner
        outputs.append(value)
    return outputs, list(back)
