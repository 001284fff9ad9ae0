"""Embedding: rows of a table by index, including products with one-hot vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.activation.activation import ActivationLayer
from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers, normal_axis
from tf2rust.ops.core.layer import Layer, Weight
from tf2rust.ops.core.pattern import Const, Match, Op, Optional, Scalar, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.elementwise.cast import Cast

_INDICES = ("float32", "int32", "int64", "uint8", "int8")


@dataclass(eq=False, kw_only=True)
class Embedding(Layer):
    """``table[x]``: [...] → [..., dim]. Indices are integers, or floats, which are truncated.

    The table holds float32 numbers or, if only a layer on integers reads them, 8-bit integers.

    ``outside`` says what happens to an index outside the table: ``error``; ``from_end``, where negative indices count
    from the end and others are an error; or ``row``, where they give the last row of the table, which no index reaches.
    """

    kind = "Embedding"
    table: np.ndarray
    outside: str

    def params(self) -> dict[str, object]:
        return {"input_dim": len(self.table), "output_dim": self.table.shape[1], "outside": self.outside}

    def fuse_producer(self, producer: Layer) -> Layer | None:
        """Indices of any dtype are read without a Cast."""
        if isinstance(producer, Cast) and producer.y.dtype in ("int32", "int64") and producer.x.dtype in _INDICES:
            return replace(self, inputs=[producer.x])
        return None

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        """Functions of single rows are applied to the table."""
        if isinstance(consumer, ActivationLayer):
            return replace(self, table=consumer.activation(self.table))
        if isinstance(consumer, Binary) and consumer.last_axis() is not None:
            constant = consumer.last_axis()
            return replace(self, table=replace(consumer, constant=constant).apply(self.table))
        return None

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        """Elements are read in order, so the shapes of indices and vectors can differ."""
        return all(batched)

    def index_limits(self) -> dict[int, Dim]:
        return {0: len(self.table) - (self.outside == "row")}

    def weights(self) -> list[Weight]:
        return [Weight("embeddings", self.table)]


@infers("Gather")
def _gather(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data, indices = (infos[v] for v in node.operands())
    if not data.shape:
        raise InferenceError("it gathers from a scalar, which has no axis")
    axis = normal_axis(node.attr("axis", 0), len(data.shape))
    if data.dims is not None and indices.const is not None and len(data.shape) == 1:
        size = len(data.dims)
        if indices.const.dtype.kind not in "iu" or not all(-size <= i < size for i in indices.const.flat):
            raise InferenceError(
                f"its indices are not all between {-size} and {size - 1}, the valid range for {size} elements"
            )
        return [ValueInfo.of_dims(np.asarray(data.dims[indices.const], dtype=object), data.dtype)]
    return [ValueInfo(data.dtype, (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :]))]


def _embedding(m: Match, b: Builder, indices: str, outside: str) -> RuleResult:
    table = m.const("table")
    if table.dtype != np.float32 or table.ndim != 2:
        return m.reject(f"its table is {table.dtype} of rank {table.ndim}, but an Embedding needs a float32 matrix")
    if normal_axis(m.node("Gather").attr("axis", 0), 2) != 0:
        return m.reject("it gathers along another axis than the first")
    return Embedding(table=table, outside=outside, inputs=[b.value(m[indices])], outputs=[b.value(m.y)])


@rule(Op("Gather", Const("table"), Var("indices")))
def embedding(m: Match, b: Builder) -> RuleResult:
    """ONNX lets negative indices count from the end."""
    return _embedding(m, b, "indices", "from_end")


_NEGATIVE = Op("Less", Optional(Op("Cast", Var("x"), name="compared")), Scalar("zero", 0.0))
_WRAPPED = Op(
    "Mul", Op("Cast", _NEGATIVE, name="when"), Op("Add", Var("x"), Scalar("rows"), name="shifted"), name="negative"
)
_AS_IS = Op("Mul", Op("Cast", Op("Not", _NEGATIVE), name="otherwise"), Var("x"), name="positive")


@rule(Op("Gather", Const("table"), Op("Add", _WRAPPED, _AS_IS, name="selected")))
def embedding_keras3(m: Match, b: Builder) -> RuleResult:
    """With ``where(x < 0, x + rows, x)`` in front of the lookup, as Keras 3 writes it."""
    if m.scalar("rows") != len(m.const("table")):
        return m.reject(
            f"negative indices are shifted by {m.scalar('rows'):g}, but the table has {len(m.const('table'))} rows"
        )
    for name in ("compared", "when", "otherwise"):
        if m.has(name):
            m.node(name).has("to")
    return _embedding(m, b, "x", "from_end")


_ONE_HOT = Op(
    "Equal",
    Optional(Op("Expand", Optional(Op("Reshape", Var("x"), Var("s1"), name="column")), Var("s2"), name="spread")),
    Const("classes"),
)


@rule(Op("MatMul", Op("Cast", _ONE_HOT), Const("kernel")))
def one_hot_product(m: Match, b: Builder) -> RuleResult:
    """one_hot(x) · kernel selects rows of the kernel. An index outside the classes gives zeros."""
    m.node("Cast").has("to")
    if m.has("column"):
        m.node("column").has("allowzero")
    classes, kernel, hot = m.const("classes"), m.const("kernel"), m.node("Equal").y
    if classes.shape[-1:] != (classes.size,) or not np.array_equal(classes.reshape(-1), np.arange(classes.size)):
        return m.reject("its classes are not 0, 1, 2, …", m.node("Equal"))
    if kernel.shape[0] != classes.size or kernel.ndim != 2 or kernel.dtype != np.float32:
        return m.reject("its kernel does not have one row per class")
    x, y = b.value(m["x"]), b.value(m.y)
    if product(x.shape) != product(b.infos.shape(hot)[:-1]) or x.dtype not in ("int32", "int64", "uint8", "int8"):
        return m.reject("it is not the one-hot form of an integer tensor", m.node("Equal"))
    table = np.concatenate([kernel, np.zeros((1, kernel.shape[1]), np.float32)])
    return Embedding(table=table, outside="row", inputs=[x], outputs=[y])
