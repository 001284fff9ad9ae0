"""What depends on the order along an axis: ArgMax, Hardmax, TopK, running sums and products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tf2rust.ops.arithmetic import NUMBERS
from tf2rust.ops.core.dims import product
from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, infers, measured, normal_axis, same_shape
from tf2rust.ops.core.layer import Dims, Layer, Perm, RustCall
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.reduce import reduced
from tf2rust.ops.reshape import Reshape


@dataclass(eq=False, kw_only=True)
class _AlongAxis(Layer):
    """A layer that works on every line along ``axis``."""

    axis: int

    def split(self, call: RustCall) -> str:
        """The shape as [outer, axis, inner]."""
        shape = self.x.shape
        if not shape:
            return call.dims((1, 1, 1))
        return call.dims((product(shape[: self.axis]), shape[self.axis], product(shape[self.axis + 1 :])))


@dataclass(eq=False, kw_only=True)
class ArgExtreme(_AlongAxis):
    """Where the ``greatest`` element along ``axis`` is, or the least; the ``last`` of equal ones, or the first."""

    greatest: bool
    last: bool

    @property
    def kind(self) -> str:  # type: ignore[override]
        return "ArgMax" if self.greatest else "ArgMin"

    def rust_call(self, call: RustCall) -> str:
        extreme = f"Extreme {{ greatest: {_flag(self.greatest)}, last: {_flag(self.last)} }}"
        return f"{extreme}.run({self.split(call)}, {call.inputs[0]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"Extreme"}


@dataclass(eq=False, kw_only=True)
class Hardmax(_AlongAxis):
    """1 where the first greatest element along ``axis`` is, 0 elsewhere."""

    kind = "Hardmax"

    def transposed(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        return None if perm is None else (replace(self, axis=perm[self.axis]), perm)

    def rust_call(self, call: RustCall) -> str:
        return f"hardmax({self.split(call)}, {call.inputs[0]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"hardmax"}


@dataclass(eq=False, kw_only=True)
class TopK(_AlongAxis):
    """The ``greatest`` elements along ``axis``, or the least, in order, and where they were.

    How many is a second input where it is not known before.
    """

    kind = "TopK"
    greatest: bool

    def measures(self, call: RustCall) -> dict[str, str]:
        return {str(self.y.shape[self.axis]): f"size_at({call.inputs[1]}, 0)"} if len(call.inputs) > 1 else {}

    def rust_call(self, call: RustCall) -> str:
        k = call.dim(self.y.shape[self.axis])
        return (
            f"top_k({self.split(call)}, {k}, {_flag(self.greatest)}, {call.inputs[0]}, "
            f"{call.outputs[0]}, {call.outputs[1]})"
        )

    def rust_imports(self) -> set[str]:
        return {"top_k", "size_at"}


@dataclass(eq=False, kw_only=True)
class Cumulate(_AlongAxis):
    """Sums, or products, of all elements up to each along ``axis``, or along the axis that is a second input."""

    kind = "Cumulate"
    product: bool
    exclusive: bool
    reverse: bool

    def transposed(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        return None if perm is None or len(perms) > 1 else (replace(self, axis=perm[self.axis]), perm)

    def split(self, call: RustCall) -> str:
        if len(call.inputs) == 1:
            return super().split(call)
        return f"around_axis(&{call.dims(self.x.shape)}, {call.inputs[1]})?"

    def rust_call(self, call: RustCall) -> str:
        options = f"product: {_flag(self.product)}, exclusive: {_flag(self.exclusive)}, reverse: {_flag(self.reverse)}"
        return f"Cumulate {{ {options} }}.run({self.split(call)}, {call.inputs[0]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"Cumulate", "around_axis"}


def _flag(value: bool) -> str:
    return str(value).lower()


infers("Hardmax", "CumSum", "CumProd")(same_shape)


@infers("ArgMax", "ArgMin")
def _arg_extreme(node: Node, facts: Facts) -> Sequence[Fact]:
    shape = facts.shape(node.ir.inputs[0])  # type: ignore[arg-type]
    axis = normal_axis(node.attr("axis", 0), len(shape))
    return [Fact("int64", reduced(shape, [axis], bool(node.attr("keepdims", 1))))]


@infers("TopK")
def _top_k(node: Node, facts: Facts) -> Sequence[Fact]:
    data = facts[node.ir.inputs[0]]  # type: ignore[index]
    axis = normal_axis(node.attr("axis", -1), len(data.shape))
    given = [node.attr("k")] if node.version < 10 else facts.dims(node.input(1))
    if given is not None and len(given) != 1:
        raise InferenceError(f"its k is not one number but {len(given)}")
    k = measured(node.ir.outputs[0]) if given is None else given[0]
    shape: Dims = (*data.shape[:axis], k, *data.shape[axis + 1 :])
    return [Fact(data.dtype, shape), Fact("int64", shape)][: len(node.ir.outputs)]


@rule(Op("ArgMax|ArgMin", Var("x"), name="extreme"))
def arg_extreme(m: Match, b: Builder) -> Yield:
    x, y = b.value(m["x"]), b.value(m.root.ir.outputs[0])
    if x.dtype not in NUMBERS:
        return m.reject(f"its input is {x.dtype}; {m.root.op} is there for {', '.join(NUMBERS)}")
    axis = normal_axis(m.root.attr("axis", 0), x.rank)
    m.root.has("keepdims")
    greatest, last = m.root.op == "ArgMax", bool(m.root.attr("select_last_index", 0))
    return ArgExtreme(axis=axis, greatest=greatest, last=last, inputs=[x], outputs=[y])


@rule(Op("Hardmax", Var("x")))
def hardmax(m: Match, b: Builder) -> Yield:
    """Before operator set 13 the axis and all after it are one."""
    x, y = b.value(m["x"]), b.value(m.root.ir.outputs[0])
    if x.dtype not in NUMBERS:
        return m.reject(f"its input is {x.dtype}; Hardmax is there for {', '.join(NUMBERS)}")
    before = m.root.version < 13
    axis = normal_axis(m.root.attr("axis", 1 if before else -1), x.rank)
    if not before or axis == x.rank - 1:
        return Hardmax(axis=axis, inputs=[x], outputs=[y])
    flat = (product(x.shape[:axis]), product(x.shape[axis:]))
    first = Reshape(inputs=[x], outputs=[b.temporary(x, flat)])
    layer = Hardmax(axis=1, inputs=[first.y], outputs=[b.temporary(x, flat)])
    return [first, layer, Reshape(inputs=[layer.y], outputs=[y])]


@rule(Op("TopK", Var("x"), more=True))
def top_k(m: Match, b: Builder) -> Yield:
    x = b.value(m["x"])
    if x.dtype not in NUMBERS:
        return m.reject(f"its input is {x.dtype}; TopK is there for {', '.join(NUMBERS)}")
    axis = normal_axis(m.root.attr("axis", -1), x.rank)
    m.root.has("sorted"), m.root.has("k")  # in order is also what is asked for if any order would do
    values = b.value(m.root.ir.outputs[0])
    outputs = [values, b.value(m.root.ir.outputs[1])] if len(m.root.ir.outputs) > 1 else [values]
    if len(outputs) == 1:
        outputs.append(b.temporary(values, dtype="int64"))
    count = m.root.input(1)
    computed = count is not None and values.shape[axis] == measured(m.root.ir.outputs[0])
    inputs = [x, b.value(count)] if computed and count is not None else [x]
    return TopK(axis=axis, greatest=bool(m.root.attr("largest", 1)), inputs=inputs, outputs=outputs)


@rule(Op("CumSum|CumProd", Var("x"), Var("axis"), name="cumulate"))
def cumulate(m: Match, b: Builder) -> Yield:
    x, y = b.value(m["x"]), b.value(m.root.ir.outputs[0])
    if x.dtype not in NUMBERS:
        return m.reject(f"its input is {x.dtype}; {m.root.op} is there for {', '.join(NUMBERS)}")
    axis = b.facts.const(m["axis"])
    if not x.rank:
        return m.reject("its input is a single number, which has no axis")
    return Cumulate(
        axis=0 if axis is None else normal_axis(int(axis.reshape(())), x.rank),
        product=m.root.op == "CumProd",
        exclusive=bool(m.root.attr("exclusive", 0)),
        reverse=bool(m.root.attr("reverse", 0)),
        inputs=[x] if axis is not None else [x, b.value(m["axis"])],
        outputs=[y],
    )
