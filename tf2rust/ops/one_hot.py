"""OneHot, triangles of matrices, and identity matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from tf2rust.ops.arithmetic import INTEGERS
from tf2rust.ops.core.dims import Expr, product
from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, infers, measured, normal_axis, same_shape
from tf2rust.ops.core.layer import Layer, RustCall
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.select import DTYPES


@dataclass(eq=False, kw_only=True)
class OneHot(Layer):
    """The second of two values where the place on ``axis`` is the index, the first elsewhere.

    How many places there are is a third input where it is not known before.
    """

    kind = "OneHot"
    axis: int

    def index_limits(self) -> dict[int, int | Expr]:
        return {0: self.y.shape[self.axis]} if len(self.inputs) < 3 else {}

    def measures(self, call: RustCall) -> dict[str, str]:
        return {str(self.y.shape[self.axis]): f"size_at({call.inputs[2]}, 0)"} if len(call.inputs) > 2 else {}

    def rust_call(self, call: RustCall) -> str:
        shape = self.y.shape
        split = call.dims((product(shape[: self.axis]), shape[self.axis], product(shape[self.axis + 1 :])))
        return f"one_hot({split}, {call.inputs[0]}, {call.inputs[1]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"one_hot", "size_at"}


@dataclass(eq=False, kw_only=True)
class Triangle(Layer):
    """What of each matrix is on and above its ``diagonal``, if ``upper``, or on and below it; zeros elsewhere.

    Without ``diagonal``, which one it is is a second input.
    """

    kind = "Triangle"
    upper: bool
    diagonal: int | None

    def rust_call(self, call: RustCall) -> str:
        shape = call.dims((product(self.x.shape[:-2]), *self.x.shape[-2:]))
        upper = str(self.upper).lower()
        diagonal = f"number({call.inputs[1]})?" if self.diagonal is None else self.diagonal
        return f"triangle({shape}, {upper}, {diagonal}, {call.inputs[0]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"triangle", "number"}


infers("Trilu")(same_shape)


@infers("OneHot")
def _one_hot(node: Node, facts: Facts) -> Sequence[Fact]:
    indices, values = facts[node.ir.inputs[0]], facts[node.ir.inputs[2]]  # type: ignore[index]
    depth = facts.known(node.input(1))
    size = None if depth is None else depth.dims if depth.dims is not None else depth.const
    axis = normal_axis(node.attr("axis", -1), len(indices.shape) + 1)
    wide: int | Expr = measured(node.ir.outputs[0])
    if size is not None and depth is not None:
        if size.size != 1:
            raise InferenceError(f"its depth is not one number but of shape {list(size.shape)}")
        number = size.reshape(-1)[0]
        wide = number if depth.dims is not None else int(number)
    return [Fact(values.dtype, (*indices.shape[:axis], wide, *indices.shape[axis:]))]


_LARGEST_EYE = 1 << 26
"""Elements of an identity matrix."""


@infers("EyeLike")
def _eye_like(node: Node, facts: Facts) -> Sequence[Fact]:
    data = facts[node.ir.inputs[0]]  # type: ignore[index]
    dtype = ir.DataType(node.attr("dtype")).numpy().name if node.has("dtype") else data.dtype
    if len(data.shape) != 2 or not all(isinstance(d, int) for d in data.shape):
        raise InferenceError("its matrix has a free dimension; bind it with --dim")
    rows, columns = (int(str(d)) for d in data.shape)
    if rows * columns > _LARGEST_EYE:
        raise InferenceError(f"its matrix of {rows} × {columns} is too large to be a constant")
    return [Fact.of_const(np.eye(rows, columns, node.attr("k", 0), np.dtype(dtype)))]


@rule(Op("OneHot", Var("indices"), Var("depth"), Var("values")))
def one_hot(m: Match, b: Builder) -> Yield:
    """Indices may be floats; those outside are nowhere."""
    indices, values, y = b.value(m["indices"]), b.value(m["values"]), b.value(m.root.ir.outputs[0])
    if indices.dtype not in ("float32", *INTEGERS) or values.dtype not in DTYPES:
        return m.reject(f"it makes {values.dtype} of {indices.dtype}; what is there is numbers of float32 or integers")
    axis, inputs = normal_axis(m.root.attr("axis", -1), y.rank), [indices, values]
    if y.shape[axis] == measured(m.root.ir.outputs[0]):
        inputs.append(b.value(m["depth"]))
    return OneHot(axis=axis, inputs=inputs, outputs=[y])


@rule(Op("Trilu", Var("x"), more=True))
def trilu(m: Match, b: Builder) -> Yield:
    x, y = b.value(m["x"]), b.value(m.root.ir.outputs[0])
    given = m.root.input(1)
    if x.dtype not in DTYPES:
        return m.reject(f"its input is {x.dtype}; the dtypes there are {', '.join(DTYPES)}")
    known = np.asarray(0) if given is None else b.facts.const(given)
    inputs = [x, b.value(given)] if known is None and given is not None else [x]
    k = None if known is None else int(known.reshape(()))
    return Triangle(upper=bool(m.root.attr("upper", 1)), diagonal=k, inputs=inputs, outputs=[y])
