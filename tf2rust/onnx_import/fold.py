"""Constant folding: nodes with constant inputs are computed at conversion, within a budget.

A node that exceeds the whole budget is refused. A node that exceeds only the rest of the budget becomes a layer, which
computes the value when the model runs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.cost import Cost, cost_of
from tf2rust.onnx_import.load import run_onnx, run_reference
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos
from tf2rust.ops.core.operands import infer_outputs

_MIB = 1 << 20
_FORMAT = 10
"""The ONNX format version of single-node models: recent enough for all operator sets."""
_STEP = 1 << 19
"""The operations of calling a node, which matter if a loop calls it repeatedly."""
_WRONG_IN_REFERENCE = frozenset(
    {
        "BatchNormalization",
        "Hardmax",
        "LRN",
        "LogSoftmax",
        "LpNormalization",
        "LpPool",
        "MaxPool",
        "RoiAlign",
        "Softmax",
    }
)
"""Operators that ONNX's reference implementation computes incorrectly, or correctly only for the latest operator set.
"""
_QUICK = 1 << 30
"""Above this number of operations, ONNX Runtime computes what the reference implementation is slow at."""


@dataclass
class Budget:
    """The remaining budget of folding: bytes of one result, and bytes and operations of all results."""

    result: int
    total: int
    operations: int

    @classmethod
    def for_weights(cls, size: int) -> Budget:
        """The budget of a model file of ``size`` bytes.

        One result can take 512 MiB or four times the file size, whichever is larger. All results can take 768 MiB or
        sixteen times the file size, and 2^33 operations or 256 per byte. ``total`` and ``operations`` are what remains.
        """
        return cls(max(512 * _MIB, 4 * size), max(768 * _MIB, 16 * size), max(1 << 33, 256 * size))


class TooLargeError(InferenceError):
    """A constant subgraph exceeds the memory or time that any model can use."""


class ConstantFolder:
    """Folds the nodes of one model, and caches its results."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._largest, self._longest = budget.result, budget.operations
        self._known: dict[ir.Node, list[ValueInfo] | None] = {}

    def fold(self, node: ir.Node, infos: ValueInfos, found: Sequence[ValueInfo]) -> list[ValueInfo] | None:
        """Returns the constants that the node computes from constants; None if the node becomes a layer.

        ``found`` are the infos of its outputs, from their shapes alone. Raises TooLargeError as ``check`` does.
        """
        if node not in self._known:
            arrays = self._loop(node, infos) if node.op_type == "Loop" else self._compute(node, infos, found)
            self._known[node] = None if arrays is None else [ValueInfo.of_const(array) for array in arrays]
        return self._known[node]

    def check(self, node: ir.Node, infos: ValueInfos, found: Sequence[ValueInfo]) -> Cost:
        """Returns the cost of a node that depends on no input. Raises TooLargeError if it exceeds the whole budget."""
        cost = cost_of(Node(node), infos, found)
        if cost.size > self._largest:
            raise TooLargeError(
                f"its result depends on no input and takes {cost.size / _MIB:,.0f} MiB, more than the "
                f"{self._largest / _MIB:,.0f} MiB allowed for a constant; check the sizes that it is computed from"
            )
        if cost.native > self._longest:
            raise TooLargeError(
                f"its result depends on no input and takes {cost.native:.1e} operations, more than the "
                f"{self._longest:.1e} allowed for constants; store the result in the model instead"
            )
        return cost

    def _compute(self, node: ir.Node, infos: ValueInfos, found: Sequence[ValueInfo]) -> list[np.ndarray] | None:
        if any(a.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS) for a in node.attributes.values()):
            return None
        cost = self.check(node, infos, found)
        if cost.size > self.budget.total:
            return None
        for run, operations in _ways(node.op_type, cost):
            if operations > self.budget.operations:
                continue
            self.budget.operations -= operations
            arrays = run_node(run, node, [infos.const(v) for v in node.inputs])
            if arrays is not None:
                inputs = [infos.const(v) for v in node.inputs]
                self.budget.total -= sum(a.nbytes for a in arrays if not _is_view(a, inputs))
                return arrays
        return None

    def _loop(self, node: ir.Node, infos: ValueInfos) -> list[np.ndarray] | None:
        """The final states and scan outputs of a Loop; None if a node in its body is not folded."""
        body, outer = node.attributes["body"].value, infos
        limit, started = ([*node.inputs, None, None][i] for i in range(2))
        steps = None if limit is None else int(_number(infos, limit))
        holds = started is None or bool(_number(infos, started))
        states = [infos.const(v) for v in node.inputs[2:]]
        collected: list[list[np.ndarray]] = [[] for _ in body.outputs[1 + len(states) :]]
        done = kept = 0
        while holds and (steps is None or done < steps):
            self._spend(_STEP)
            infos = outer.layer()
            given = [np.asarray(done), np.asarray(True), *states]
            for value, array in zip(body.inputs, given, strict=True):
                infos[value] = ValueInfo.of_const(np.asarray(array))
            results = self._graph(body, infos)
            if results is None:
                return None
            holds, states = bool(results[0].reshape(())), list(results[1 : 1 + len(states)])
            for own, array in zip(collected, results[1 + len(states) :], strict=True):
                own.append(array)
                kept += array.nbytes
            if kept > self.budget.total:
                return None
            done += 1
        if not done and collected:
            return None
        return [*(np.asarray(state) for state in states), *(np.stack(own) for own in collected)]

    def _graph(self, graph: ir.Graph, infos: ValueInfos) -> list[np.ndarray] | None:
        """The outputs of a graph with constant inputs; None if a node is not folded."""
        for value in graph.initializers.values():
            if value.const_value is not None:
                infos[value] = ValueInfo.of_const(value.const_value.numpy())
        for node in graph:
            self._spend(_STEP)
            found = infer_outputs(node, infos)
            if not all(info.const is not None for info in found):
                arrays = self._compute(node, infos, found)
                if arrays is None:
                    return None
                found = [ValueInfo.of_const(array) for array in arrays]
            for value, info in zip(node.outputs, found, strict=False):
                infos[value] = info
        results = [infos.const(v) for v in graph.outputs]
        return [a for a in results if a is not None] if all(a is not None for a in results) else None

    def _spend(self, operations: int) -> None:
        if operations > self.budget.operations:
            raise TooLargeError(
                f"it is a loop over constants that does not end within the {self._longest:.1e} operations allowed "
                "for constants; store its result in the model instead"
            )
        self.budget.operations -= operations


_Run = Callable[[onnx.ModelProto, Mapping[str, np.ndarray]], dict[str, np.ndarray]]


def _ways(op: str, cost: Cost) -> Iterator[tuple[_Run, int]]:
    """The implementations that can compute a node, each with its number of operations; the reference implementation is
    first, unless it is slow.
    """
    ways: list[tuple[_Run, int]] = [(run_reference, cost.interpreted), (run_onnx, cost.native)]
    if op in _WRONG_IN_REFERENCE:
        ways = ways[1:]
    yield from ways if cost.interpreted <= _QUICK else ways[::-1]


def run_node(run: _Run, node: ir.Node, inputs: Sequence[np.ndarray | None]) -> list[np.ndarray] | None:
    """Runs the node on these inputs; None if this implementation lacks the operator or fails."""
    names = [f"i{i}" if v is not None else "" for i, v in enumerate(node.inputs)]
    outputs = [f"o{i}" if v.name else "" for i, v in enumerate(node.outputs)]
    proto = ir.to_proto(node)
    proto.domain = ""
    del proto.input[:], proto.output[:]
    proto.input.extend(names)
    proto.output.extend(outputs)
    feeds = {name: a for name, a in zip(names, inputs, strict=True) if name and a is not None}
    try:
        declared = [
            onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in feeds.items()
        ]
        graph = onnx.helper.make_graph([proto], "fold", declared, [onnx.ValueInfoProto(name=o) for o in outputs if o])
        opset = onnx.helper.make_opsetid("", node.version or 18)
        model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=_FORMAT)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            made = run(model, feeds)
    except (ConversionError, ValueError, KeyError, TypeError, OverflowError, MemoryError):
        return None
    found = [made[name] if name else np.zeros(0, np.float32) for name in outputs]
    return found if all(array.dtype.kind not in "OSU" for array in found) else None


def _is_view(array: np.ndarray, inputs: Sequence[np.ndarray | None]) -> bool:
    return any(own is not None and np.may_share_memory(array, own) for own in inputs)


def _number(infos: ValueInfos, value: ir.Value) -> np.ndarray:
    """A constant with one element, as a scalar."""
    array = infos.const(value)
    assert array is not None  # only nodes with constant inputs are folded
    return array.reshape(())
