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
_CONTRIB = "com.microsoft"


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
    unused: tuple[int, ...] = ()
    """The outputs without a name."""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def args(self) -> list[Arg | None]:
        return [i if i is None or isinstance(i, Arg) else Arg(np.asarray(i)) for i in self.inputs]

    def model(self, name: str) -> onnx.ModelProto:
        """The model of this node alone."""
        args = self.args()
        names = ["" if a is None else f"x{i}" for i, a in enumerate(args)]
        made = ["" if i in self.unused else f"y{i}" for i in range(self.outputs)]
        graph = helper.make_graph(
            [helper.make_node(self.op, names, made, name=f"node/{name}", domain=self.domain, **self.attributes)],
            name,
            [_info(n, a) for n, a in zip(names, args, strict=True) if a is not None and not a.constant],
            [onnx.ValueInfoProto(name=n) for n in made if n],
            [
                numpy_helper.from_array(a.array, n)
                for n, a in zip(names, args, strict=True)
                if a is not None and a.constant
            ],
        )
        opsets = [helper.make_opsetid("", self.opset)]
        version = 1 if self.domain == _CONTRIB else _ML_OPSETS.get(self.op, 3)
        opsets += [helper.make_opsetid(self.domain, version)] if self.domain else []
        model = onnx.shape_inference.infer_shapes(helper.make_model(graph, opset_imports=opsets, ir_version=10))
        if self.domain == _CONTRIB and not all(o.type.WhichOneof("value") for o in model.graph.output):
            self._declare_outputs(model)
        return model

    def _declare_outputs(self, model: onnx.ModelProto) -> None:
        """Declares the dtypes and ranks of the outputs of an operator that ONNX does not know."""
        found = self._expected(model, self._feeds(), [output.name for output in model.graph.output])
        for output in model.graph.output:
            array = found[output.name]
            dtype = helper.np_dtype_to_tensor_dtype(array.dtype)
            output.CopyFrom(helper.make_tensor_value_info(output.name, dtype, [None] * array.ndim))

    def _feeds(self) -> dict[str, np.ndarray]:
        """The inputs of the model by name."""
        return {f"x{i}": a.array for i, a in enumerate(self.args()) if a is not None and not a.constant}

    def case(self, name: str) -> Case:
        """The model of this node alone, and its expected outputs."""
        model, feeds = self.model(name), self._feeds()
        made = [output.name for output in model.graph.output]
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

    ``exact``, ``by_reference`` and ``unused`` among the attributes are the Node's own.
    """
    exact, by_reference = attributes.pop("exact", None), attributes.pop("by_reference", False)
    unused = attributes.pop("unused", ())
    domain, _, kind = op.rpartition(":")
    return Node(kind, inputs, outputs, opset, exact, by_reference, domain, unused, attributes)


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
