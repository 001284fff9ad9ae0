"""Rules: patterns of ONNX nodes, and the layers that replace them.

The modules of the families in ``tf2rust.ops`` register their rules. Larger patterns are tried first.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import onnx_ir as ir

from tf2rust.ops.core.dims import Condition
from tf2rust.ops.core.dtypes import TENSORS, TEXT, shown
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfos, malformed_node
from tf2rust.ops.core.layer import Dims, Layer, Value
from tf2rust.ops.core.pattern import Match, Matcher, Mismatch, Op


@dataclass(frozen=True)
class Body:
    """The layers of a subgraph; ``captured`` are the outer values that they read.

    ``conditions`` must hold when the subgraph runs.
    """

    layers: list[Layer]
    builder: Builder
    captured: list[ir.Value]
    conditions: list[Condition]

    def value(self, value: ir.Value) -> Value:
        """The layer graph's value for an ONNX value in the body."""
        return self.builder.value(value)


class Builder:
    """Gives rules the layer graph's values for ONNX values, and new intermediate values.

    ``body`` matches a subgraph, and returns the layers that compute some of its values.
    """

    def __init__(self, infos: ValueInfos, body: Callable[[Node, ir.Graph, Sequence[ir.Value]], Body]) -> None:
        self.infos, self.body = infos, body
        self.claimed: set[ir.Node] = set()
        """The nodes whose outputs other layers compute."""
        self._values: dict[ir.Value, Value] = {}
        self._sources: dict[Value, ir.Value] = {}
        self._temporaries = 0

    def value(self, value: ir.Value) -> Value:
        if value not in self._values:
            info = self.infos[value]
            self._values[value] = Value(value.name or "", info.dtype, info.shape)
            self._sources[self._values[value]] = value
        return self._values[value]

    def source(self, value: Value) -> ir.Value | None:
        """The ONNX value that this value represents, or None."""
        return self._sources.get(value)

    def values(self) -> list[tuple[ir.Value, Value]]:
        """The ONNX values requested so far, with the layer graph's values for them."""
        return list(self._values.items())

    def temporary(self, like: Value, shape: Dims | None = None, dtype: str | None = None) -> Value:
        """A new value without a counterpart in ONNX."""
        self._temporaries += 1
        return Value(f"{like.name}#{self._temporaries}", dtype or like.dtype, like.shape if shape is None else shape)


def storage_only_values(layer: Layer) -> list[Value]:
    """The values whose dtypes a layer that computes does not support: storage dtypes, and strings for most layers."""
    if layer.is_data_movement:
        return []
    values = (*layer.inputs, *layer.outputs)
    return [v for v in values if v.dtype in layer.refused_dtypes or (v.dtype == TEXT and not layer.takes_text)]


RuleResult = Layer | Sequence[Layer] | Mismatch


@dataclass(frozen=True)
class Rule:
    """A pattern of ONNX nodes, and the layers that replace them.

    ``build`` checks the match, and returns layers or the reason why the check failed.
    """

    name: str
    pattern: Op
    build: Callable[[Match, Builder], RuleResult]

    def apply(self, node: ir.Node, builder: Builder) -> Applied | Mismatch:
        """Tries the rule with ``node`` as the last node of its pattern."""
        match = Matcher(builder.infos).match(self.pattern, node)
        if isinstance(match, Mismatch):
            return match
        if taken := match.exposed & builder.claimed:
            return match.reject(f"its output `{taken.pop().outputs[0].name}` is computed by another layer")
        try:
            made = self.build(match, builder)
        except InferenceError as error:
            return match.reject(str(error))
        except Exception as error:  # The assumptions of a rule can be wrong for a malformed node.
            return match.reject(malformed_node(error))
        if isinstance(made, Mismatch):
            return made
        for part in match.nodes:
            if unread := part.unread():
                return match.reject(f"the attribute `{unread[0]}` of {part.op} is not supported", part)
        layers = [made] if isinstance(made, Layer) else list(made)
        values = [v for layer in layers for v in (*layer.inputs, *layer.outputs)]
        if strange := next((v for v in values if v.dtype not in (*TENSORS, TEXT)), None):
            return match.reject(
                f"`{strange.name}` has the unsupported dtype {strange.dtype} (supported: {', '.join(TENSORS)})"
            )
        weights = [w for layer in layers for w in layer.weights() if w.array.dtype.name not in TENSORS]
        if weights:
            return match.reject(
                f"its weights have the unsupported dtype {weights[0].array.dtype.name} (supported: "
                f"{', '.join(TENSORS)})"
            )
        if stored := next((v for layer in layers for v in storage_only_values(layer)), None):
            return match.reject(f"`{stored.name}` is {shown(stored.dtype)}, which {match.root.op} does not support")
        names = tuple(part.name for part in match.nodes if part.ir not in match.shared)
        for layer in layers:
            # A layer of an unnamed node gets the name of the node's output.
            layer.rules, layer.anchor = (self.name,), match.root.ir.name or match.root.y.name or ""
        # One layer represents the nodes: the one with bodies, or the last that is not a mere rearrangement.
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
    """A successful match: the nodes it covers, its layers, and the layer that represents the nodes.

    ``shared`` are covered nodes that others also read.
    """

    rule: Rule
    nodes: list[ir.Node]
    layers: list[Layer]
    owner: Layer | None
    shared: list[ir.Node]


_rules: dict[str, Rule] = {}


def rule(
    pattern: Op, *, name: str = ""
) -> Callable[[Callable[[Match, Builder], RuleResult]], Callable[[Match, Builder], RuleResult]]:
    """Registers a rule under the function's name, or under ``name``."""

    def register(build: Callable[[Match, Builder], RuleResult]) -> Callable[[Match, Builder], RuleResult]:
        title = name or build.__name__
        if title in _rules:
            raise ValueError(f"two rules are called {title}")
        _rules[title] = Rule(title, pattern, build)
        return build

    return register


@cache
def load_ops() -> list[ModuleType]:
    """Imports the modules of all families in ``tf2rust.ops``, which register their rules and shape functions."""
    package = importlib.import_module("tf2rust.ops")
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [importlib.import_module(module.name) for module in found if module.name != f"{package.__name__}.catalogue"]


@cache
def rules_by_op() -> dict[str, list[Rule]]:
    """The rules by the operator of their last node. Larger patterns come first."""
    load_ops()
    table: dict[str, list[Rule]] = {}
    for item in _rules.values():
        for op in item.pattern.ops:
            table.setdefault(op, []).append(item)
    for items in table.values():
        items.sort(key=lambda r: (-r.pattern.size, r.name))
    return table
