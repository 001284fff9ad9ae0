"""Pad by data: an input decides how much is added to each axis or removed from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.dtypes import INTEGERS
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, normal_axis
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.parameters import decided_dims, dims_of_data, elements, is_data
from tf2rust.ops.core.pattern import Match
from tf2rust.ops.core.registry import Builder, RuleResult


@dataclass(eq=False, kw_only=True)
class DynamicPad(Layer):
    """Adds elements before and after axes, or removes them: see ``Pad``.

    The inputs are the tensor, its pads, the axes if ``has_axes``, and the value of the padding if it is an input.
    """

    kind = "ZeroPadding"
    mode: str
    value: float
    has_axes: bool
    decided: tuple[str | None, ...]

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        """One element around the last axis, or around the last two of an image; axes that are data are the first."""
        pads = self.inputs[1].shape[0]
        count = pads // 2 if isinstance(pads, int) else 0
        padded = min(count, 2 if self.x.rank > 3 else 1)
        samples: dict[int, Sequence[Dim]] = {1: [*[0] * (count - padded), *[1] * padded] * 2}
        return samples | ({2: range(count)} if self.has_axes else {})


def pads_by_data(node: Node, infos: ValueInfos) -> bool:
    """Whether the pads or the axes of a Pad depend on data."""
    return node.version >= 11 and (is_data(node.input(1), infos) or is_data(node.input(3), infos))


def padded_by_data(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    """The result of a Pad whose pads or axes depend on data."""
    data, pads = infos[node.x], elements(node.operand(1), infos, "pads")
    rank, given = len(data.shape), node.input(3)
    axes: list[Dim | None] = [*range(rank)] if given is None else elements(given, infos, "axes")
    if len(pads) != 2 * len(axes):
        raise InferenceError(f"it has {len(pads)} pads for {len(axes)} axes, which need {2 * len(axes)}")
    known: list[Dim | None] = list(data.shape)
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        if not isinstance(axis, int):  # Every axis can be meant.
            known = [None] * rank
            break
        at = normal_axis(axis, rank)
        known[at] = None if before is None or after is None else data.shape[at] + before + after
    return [ValueInfo(data.dtype, dims_of_data(node.y, known))]


def dynamic_pad(m: Match, b: Builder, mode: str, value: float, inputs: Sequence[Value]) -> RuleResult:
    """The layer; ``inputs`` are the tensor and, if it is not a constant, the value of the padding."""
    y, axes = b.value(m.y), m.root.input(3)
    parameters = [b.value(m.root.operand(1)), *([] if axes is None else [b.value(axes)])]
    if wrong := next((v.dtype for v in parameters if v.dtype not in INTEGERS), None):
        return m.reject(f"its pads or axes are {wrong}, but integers are expected")
    return DynamicPad(
        mode=mode,
        value=value,
        has_axes=axes is not None,
        decided=decided_dims(m.y, y.shape),
        inputs=[inputs[0], *parameters, *inputs[1:]],
        outputs=[y],
    )
