"""Tables of single ONNX nodes, compiled together and compared with ONNX Runtime or ONNX's reference implementation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tests.conformance.judge import PASS, Result, judge
from tests.conformance.suite import Case, DataSet
from tf2rust.onnx_import.load import run_onnx

_ML_OPSETS = {"LabelEncoder": 4, "TreeEnsemble": 5}  # of ai.onnx.ml, where it is not 3


@dataclass(frozen=True)
class Arg:
    """An input of the node, with some symbolic axes, or a constant."""

    array: np.ndarray
    symbolic: tuple[int, ...] = ()
    constant: bool = False


def const(values: Any, dtype: str = "int64") -> Arg:
    """A constant of the model."""
    return Arg(np.asarray(values, dtype), constant=True)


def symbolic(array: np.ndarray, *axes: int) -> Arg:
    """An input in which these axes are symbolic."""
    return Arg(array, axes)


def floats(*shape: int, seed: int = 1, scale: float = 1.0, dtype: str = "float32") -> np.ndarray:
    """Seeded normal numbers."""
    return (np.random.default_rng(seed).normal(0, scale, shape)).astype(dtype)


def integers(*shape: int, low: int = -9, high: int = 10, seed: int = 2, dtype: str = "int64") -> np.ndarray:
    """Seeded integers from low to below high."""
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


@dataclass(frozen=True)
class Node:
    """A node with its inputs (None: absent), and whether ONNX Runtime or the reference computes its outputs."""

    op: str
    inputs: Sequence[Arg | np.ndarray | None]
    outputs: int = 1
    opset: int = 21
    exact: Callable[..., Any] | None = None
    """A function of the inputs that computes the expected outputs, if neither ONNX Runtime nor the reference does."""
    by_reference: bool = False
    domain: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def args(self) -> list[Arg | None]:
        return [i if i is None or isinstance(i, Arg) else Arg(np.asarray(i)) for i in self.inputs]

    def model(self, name: str) -> onnx.ModelProto:
        """The model of this node alone."""
        args = self.args()
        names = ["" if a is None else f"x{i}" for i, a in enumerate(args)]
        made = [f"y{i}" for i in range(self.outputs)]
        graph = helper.make_graph(
            [helper.make_node(self.op, names, made, name=f"node/{name}", domain=self.domain, **self.attributes)],
            name,
            [_info(n, a) for n, a in zip(names, args, strict=True) if a is not None and not a.constant],
            [onnx.ValueInfoProto(name=n) for n in made],
            [
                numpy_helper.from_array(a.array, n)
                for n, a in zip(names, args, strict=True)
                if a is not None and a.constant
            ],
        )
        opsets = [helper.make_opsetid("", self.opset)]
        opsets += [helper.make_opsetid(self.domain, _ML_OPSETS.get(self.op, 3))] if self.domain else []
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        return onnx.shape_inference.infer_shapes(model)

    def case(self, name: str) -> Case:
        """The model of this node alone, and its expected outputs."""
        model, args, made = self.model(name), self.args(), [f"y{i}" for i in range(self.outputs)]
        names = ["" if a is None else f"x{i}" for i, a in enumerate(args)]
        feeds = {n: a.array for n, a in zip(names, args, strict=True) if a is not None and not a.constant}
        return Case("ops", name, model, (DataSet(feeds, self._expected(model, feeds, made)),), 0.0, 0.0)

    def _expected(
        self, model: onnx.ModelProto, feeds: Mapping[str, np.ndarray], made: Sequence[str]
    ) -> dict[str, np.ndarray]:
        if self.exact is not None:
            found = self.exact(*(a.array for a in self.args() if a is not None))
            return dict(zip(made, found if isinstance(found, tuple) else (found,), strict=True))
        if self.by_reference:
            return dict(zip(made, ReferenceEvaluator(model).run(None, dict(feeds)), strict=True))
        return run_onnx(model, feeds)


def _info(name: str, arg: Arg) -> onnx.ValueInfoProto:
    # Free axes of one size are one symbolic dimension.
    shape = [f"d{size}" if axis in arg.symbolic else size for axis, size in enumerate(arg.array.shape)]
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(arg.array.dtype), shape)


def node(op: str, *inputs: Arg | np.ndarray | None, outputs: int = 1, opset: int = 21, **attributes: Any) -> Node:
    """A node, such as ``Add`` or ``ai.onnx.ml:Scaler``, judged against ONNX Runtime.

    ``exact`` and ``by_reference`` among the attributes are the Node's own.
    """
    exact, by_reference = attributes.pop("exact", None), attributes.pop("by_reference", False)
    domain, _, kind = op.rpartition(":")
    return Node(kind, inputs, outputs, opset, exact, by_reference, domain, attributes)


def run_nodes(tables: Mapping[str, Mapping[str, Node]], folder: Path) -> dict[str, Result]:
    """The results of the nodes, by ``table_case``."""
    cases = [item.case(f"{table}_{name}") for table, nodes in tables.items() for name, item in nodes.items()]
    found = judge(cases, folder)
    return {key.partition("/")[2]: result for key, result in found.items()}


def check_node(result: Result) -> None:
    """Checks that the node was converted without binding its inputs, and computes the expected outputs."""
    assert (result.status, result.reason, result.bound) == (PASS, "", ())


def named(table: str, nodes: Mapping[str, Node]) -> list[Any]:
    """The cases of a table as pytest parameters: the keys of their results."""
    return [pytest.param(f"{table}_{name}", id=name) for name in nodes]
