"""The rules: each a pattern of ONNX nodes, and what it becomes.

The modules of the families in ``tf2rust.ops`` register their own; the larger pattern is tried first.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import onnx_ir as ir

from tf2rust.ops.core.dtypes import TENSORS
from tf2rust.ops.core.facts import Facts, InferenceError, Node, not_as_defined
from tf2rust.ops.core.layer import Dims, Layer, Value
from tf2rust.ops.core.pattern import Match, Matcher, Mismatch, Op


@dataclass(frozen=True)
class Body:
    """The layers of a graph inside of a node; ``captured`` are the values that they read from around it."""

    layers: list[Layer]
    builder: Builder
    captured: list[ir.Value]

    def value(self, value: ir.Value) -> Value:
        """What stands for an ONNX value inside of the body."""
        return self.builder.value(value)


class Builder:
    """Gives rules the values of the graph of layers that stand for ONNX values, and new ones in between.

    ``body`` matches a graph inside of a node: it gives the layers on which some of its values depend.
    """

    def __init__(self, facts: Facts, body: Callable[[Node, ir.Graph, Sequence[ir.Value]], Body]) -> None:
        self.facts, self.body = facts, body
        self.claimed: set[ir.Node] = set()
        """The nodes whose outputs other layers make."""
        self._values: dict[ir.Value, Value] = {}
        self._sources: dict[Value, ir.Value] = {}
        self._temporaries = 0

    def value(self, value: ir.Value) -> Value:
        if value not in self._values:
            fact = self.facts[value]
            self._values[value] = Value(value.name or "", fact.dtype, fact.shape)
            self._sources[self._values[value]] = value
        return self._values[value]

    def source(self, value: Value) -> ir.Value | None:
        """The ONNX value that this one stands for, None for one that has no counterpart."""
        return self._sources.get(value)

    def values(self) -> list[tuple[ir.Value, Value]]:
        """The ONNX values asked for so far, with what stands for them."""
        return list(self._values.items())

    def temporary(self, like: Value, shape: Dims | None = None, dtype: str | None = None) -> Value:
        """A value that has no counterpart in ONNX."""
        self._temporaries += 1
        return Value(f"{like.name}#{self._temporaries}", dtype or like.dtype, like.shape if shape is None else shape)


def stored_only(layer: Layer) -> list[Value]:
    """The values of a layer that computes whose numbers no layer computes with."""
    return [] if layer.only_moves else [v for v in (*layer.inputs, *layer.outputs) if v.dtype == "float16"]


Yield = Layer | Sequence[Layer] | Mismatch


@dataclass(frozen=True)
class Rule:
    """A subgraph of ONNX, and the layers it becomes.

    ``build`` checks the match and answers with layers or, if the check fails, with the reason.
    """

    name: str
    pattern: Op
    build: Callable[[Match, Builder], Yield]

    def apply(self, node: ir.Node, builder: Builder) -> Applied | Mismatch:
        """Tries the rule with ``node`` as the last node of its pattern."""
        match = Matcher(builder.facts).match(self.pattern, node)
        if isinstance(match, Mismatch):
            return match
        if taken := match.exposed & builder.claimed:
            return match.reject(f"its output `{taken.pop().outputs[0].name}` is computed by another layer")
        try:
            made = self.build(match, builder)
        except InferenceError as error:
            return match.reject(str(error))
        except Exception as error:  # what a rule takes for granted of a node need not hold of a damaged one
            return match.reject(not_as_defined(error))
        if isinstance(made, Mismatch):
            return made
        for part in match.nodes:
            if unread := part.unread():
                return match.reject(f"the attribute `{unread[0]}` of {part.op} is not understood", part)
        layers = [made] if isinstance(made, Layer) else list(made)
        values = [v for layer in layers for v in (*layer.inputs, *layer.outputs)]
        if strange := next((v for v in values if v.dtype not in TENSORS), None):
            return match.reject(f"`{strange.name}` is {strange.dtype}, and the layers are of {', '.join(TENSORS)}")
        weights = [w for layer in layers for w in layer.weights() if w.array.dtype.name not in TENSORS]
        if weights:
            return match.reject(f"its weights are {weights[0].array.dtype.name}; there are {', '.join(TENSORS)}")
        if stored := next((v for layer in layers for v in stored_only(layer)), None):
            return match.reject(f"`{stored.name}` is {stored.dtype}, which {match.root.op} does not compute with")
        names = tuple(part.name for part in match.nodes if part.ir not in match.shared)
        for layer in layers:
            # A layer of a node without a name is called after what the node makes.
            layer.rules, layer.anchor = (self.name,), match.root.ir.name or match.root.y.name or ""
        # One layer stands for the nodes: the one that runs others, or the last that is not a mere rearrangement.
        owner = next((layer for layer in layers if layer.bodies()), None) or next(
            (layer for layer in reversed(layers) if layer.kind not in ("Transpose", "Reshape", "Constant")),
            layers[-1] if layers else None,
        )
        if owner is not None:
            owner.nodes = names
        nodes = [part.ir for part in match.nodes]
        return Applied(
            self,
            [n for n in nodes if n not in match.shared],
            layers,
            owner,
            [n for n in nodes if n in match.shared],
        )


@dataclass(frozen=True)
class Applied:
    """A rule that matched: the nodes it covers, the layers it yields, and the one that stands for the nodes.

    ``shared`` are nodes whose work the layers do, but which others read too.
    """

    rule: Rule
    nodes: list[ir.Node]
    layers: list[Layer]
    owner: Layer | None
    shared: list[ir.Node]


_rules: dict[str, Rule] = {}


def rule(
    pattern: Op, *, name: str = ""
) -> Callable[[Callable[[Match, Builder], Yield]], Callable[[Match, Builder], Yield]]:
    """Registers a rule; it is called as the function is, unless ``name`` is given."""

    def register(build: Callable[[Match, Builder], Yield]) -> Callable[[Match, Builder], Yield]:
        title = name or build.__name__
        if title in _rules:
            raise ValueError(f"two rules are called {title}")
        _rules[title] = Rule(title, pattern, build)
        return build

    return register


@cache
def load_ops() -> list[ModuleType]:
    """Imports the modules of all families in ``tf2rust.ops``, which registers their rules and shape functions."""
    package = importlib.import_module("tf2rust.ops")
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(module.name) for module in found if module.name != f"{package.__name__}.catalogue"]


@cache
def rules_by_op() -> dict[str, list[Rule]]:
    """The rules by the operator of their last node, the larger pattern first."""
    load_ops()
    table: dict[str, list[Rule]] = {}
    for item in _rules.values():
        for op in item.pattern.ops:
            table.setdefault(op, []).append(item)
    for items in table.values():
        items.sort(key=lambda r: (-r.pattern.size, r.name))
    return table
