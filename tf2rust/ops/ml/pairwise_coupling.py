"""Probabilities of classes from those of their pairs, as support vector machines compute them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule

COUPLING = "PairwiseCoupling"
"""Our own operator for the probabilities [n, classes] from those of the pairs, x [n, pairs]. It has ``classes``."""


@dataclass(eq=False, kw_only=True)
class PairwiseCoupling(Layer):
    """From the probabilities of the first class of each pair to those of all classes."""

    kind = "PairwiseCoupling"

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)


@infers(COUPLING)
def _pairwise_coupling(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    return [ValueInfo("float32", (infos.shape(node.x)[0], node.attr("classes")))]


@rule(Op(COUPLING, Var("x")))
def pairwise_coupling(m: Match, b: Builder) -> RuleResult:
    """What remains of an SVMClassifier with probabilities."""
    m.root.has("classes")
    return PairwiseCoupling(inputs=[b.value(m["x"])], outputs=[b.value(m.y)])
