"""Slice and Split by data: inputs decide about the bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.dtypes import INTEGERS
from tf2rust.ops.core.inference import (
    InferenceError,
    Node,
    ValueInfo,
    ValueInfos,
    data_dependent_dim,
    normal_axis,
)
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.parameters import decided_dims, dims_of_data, elements, is_data
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule

_PARAMETERS = ("starts", "ends", "axes", "steps")
_OPEN = 10**9  # Exporters write "to the end" as one of several large numbers.


@dataclass(eq=False, kw_only=True)
class DynamicSlice(Layer):
    """The elements between the starts and ends that the inputs hold, as in ONNX.

    The inputs after the first are those ``parameters``. ``axes`` are None if they depend on data. ``decided`` are the
    data-dependent dimensions of the output; None for a dimension that is known.
    """

    kind = "Slice"
    is_data_movement = True
    parameters: tuple[str, ...]
    axes: tuple[int, ...] | None
    decided: tuple[str | None, ...]

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        """All but the first element of every axis that has several."""
        size = self.inputs[1].shape[0]
        axes = self.axes or tuple(range(size if isinstance(size, int) else 0))
        samples: dict[str, Sequence[Dim]] = {
            "starts": [0 if self.x.shape[axis] == 1 else 1 for axis in axes],
            "ends": [self.x.shape[axis] for axis in axes],
            "axes": axes,
            "steps": [1] * len(axes),
        }
        return {i: samples[name] for i, name in enumerate(self.parameters, start=1)}


@dataclass(eq=False, kw_only=True)
class DynamicSplit(Layer):
    """Part ``index`` of the first input, which is split along ``axis`` into parts of the sizes in the second.

    ``start`` and ``size`` are data-dependent dimensions.
    """

    kind = "Split"
    is_data_movement = True
    axis: int
    index: int
    start: str
    size: str

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        """Equal parts; the last one is larger if the size is not a multiple of their number."""
        size, count = self.x.shape[self.axis], self.inputs[1].shape[0]
        assert isinstance(count, int)
        return {1: [*[size // count] * (count - 1), size - size // count * (count - 1)]}


def sliced_by_data(node: Node, infos: ValueInfos) -> Sequence[ValueInfo] | None:
    """The result of a Slice with a parameter that depends on data; None if all are known."""
    if node.version < 10 or not any(is_data(node.input(i), infos) for i in range(1, 5)):
        return None
    data, rank = infos[node.x], len(infos.shape(node.x))
    given = {
        name: elements(v, infos, name)
        for i, name in enumerate(_PARAMETERS, start=1)
        if (v := node.input(i)) is not None
    }
    count = len(given["starts"])
    if any(len(part) != count for part in given.values()) or count > rank:
        lengths = ", ".join(f"{len(part)} {name}" for name, part in given.items())
        raise InferenceError(
            f"it has {lengths} for an input of rank {rank}; they must be equally many, at most one per axis"
        )
    if any(step == 0 for step in given.get("steps", ())):
        raise InferenceError("one of its steps is 0")
    known: list[Dim | None] = list(data.shape)
    for i, axis in enumerate(given.get("axes", range(count))):
        if not isinstance(axis, int):  # Every axis can be meant.
            known = [None] * rank
            break
        start, end, step = given["starts"][i], given["ends"][i], given["steps"][i] if "steps" in given else 1
        whole = start == 0 and step == 1 and isinstance(end, int) and end >= _OPEN
        at = normal_axis(axis, rank)
        known[at] = known[at] if whole else None
    return [ValueInfo(data.dtype, dims_of_data(node.y, known), fill=data.fill)]


@rule(Op("Slice", Var("x"), more=True))
def dynamic_slice(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    if sliced_by_data(m.root, b.infos) is None:
        return m.reject("its bounds are known at conversion")
    given = [(name, v) for i, name in enumerate(_PARAMETERS, start=1) if (v := m.root.input(i)) is not None]
    if reason := _no_integers([v for _, v in given], b):
        return m.reject(reason)
    axes, count = m.root.input(3), len(elements(given[0][1], b.infos, "starts"))
    known = range(count) if axes is None else elements(axes, b.infos, "axes")
    numbers = [normal_axis(axis, x.rank) for axis in known if isinstance(axis, int)]
    return DynamicSlice(
        parameters=tuple(name for name, _ in given),
        axes=tuple(numbers) if len(numbers) == len(known) else None,
        decided=decided_dims(m.y, y.shape),
        inputs=[x, *(b.value(v) for _, v in given)],
        outputs=[y],
    )


def split_by_data(node: Node, infos: ValueInfos) -> list[Dim] | None:
    """The sizes of the parts of a Split whose sizes depend on data; None if they are known."""
    if node.version < 13 or not is_data(node.input(1), infos):
        return None
    sizes = elements(node.operand(1), infos, "split")
    if len(sizes) != len(node.outputs):
        raise InferenceError(f"it has {len(sizes)} sizes for {len(node.outputs)} outputs")
    return [data_dependent_dim(output, "size") for output in node.outputs]


@rule(Op("Split", Var("x"), Var("sizes")))
def dynamic_split(m: Match, b: Builder) -> RuleResult:
    """One layer per part."""
    x = b.value(m["x"])
    if split_by_data(m.root, b.infos) is None:
        return m.reject("its sizes are known at conversion")
    if reason := _no_integers([m["sizes"]], b):
        return m.reject(reason)
    axis = normal_axis(m.root.attr("axis", 0), x.rank)
    return [
        DynamicSplit(
            axis=axis,
            index=index,
            start=str(data_dependent_dim(output, "start")),
            size=str(data_dependent_dim(output, "size")),
            inputs=[x, b.value(m["sizes"])],
            outputs=[b.value(output)],
        )
        for index, output in enumerate(m.root.outputs)
    ]


def _no_integers(values: Sequence[ir.Value], b: Builder) -> str | None:
    """Why the parameters are not lists of integers."""
    dtypes = [b.infos.dtype(v) for v in values]
    wrong = next((dtype for dtype in dtypes if dtype not in INTEGERS), None)
    return None if wrong is None else f"one of its parameters is {wrong}, but integers are expected"
