"""MelWeightMatrix: filters that sum a spectrum on the mel scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, data_dependent_dim, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule

_INPUTS = ("filters", "samples", "rate", "lower", "upper")


@dataclass(eq=False, kw_only=True)
class MelWeightMatrix(Layer):
    """[spectrum bins, filters]. The inputs are scalars: filters, samples, sample rate, lowest and highest frequency in
    Hz.
    """

    kind = "MelWeightMatrix"


@infers("MelWeightMatrix")
def _mel_weight_matrix(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    dtype = ir.DataType(node.attr("output_datatype", ir.DataType.FLOAT.value)).numpy().name
    if all(infos.const(v) is not None for v in node.inputs):  # it is small enough to be computed at conversion
        filters, samples = (infos.ints(node, name, i) or [] for i, name in enumerate(_INPUTS[:2]))
        if len(filters) != 1 or len(samples) != 1:
            raise InferenceError("its numbers of filters and samples must be one number each")
        return [ValueInfo(dtype, (samples[0] // 2 + 1, filters[0]))]
    y = node.y
    return [ValueInfo(dtype, (data_dependent_dim(y, "bins"), data_dependent_dim(y, "filters")))]


@rule(Op("MelWeightMatrix", *(Var(name) for name in _INPUTS)))
def mel_weight_matrix(m: Match, b: Builder) -> RuleResult:
    inputs = [b.value(m[name]) for name in _INPUTS]
    y = b.value(m.y)
    m.root.has("output_datatype")
    kinds = [v.dtype for v in inputs]
    if kinds[1] != kinds[2] or kinds[3:] != ["float32", "float32"] or y.dtype != "float32":
        return m.reject(
            f"its inputs are {', '.join(kinds)} and its output {y.dtype}, which is not supported (supported: edges "
            "and output of float32)"
        )
    return MelWeightMatrix(inputs=inputs, outputs=[y])
