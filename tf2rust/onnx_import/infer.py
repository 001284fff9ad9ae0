"""Infers the dtype, the symbolic shape and the constant contents of every value, from the inputs on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import onnx
import onnx_ir as ir

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.branches import take_known_branch, take_usual_branch
from tf2rust.onnx_import.dimensions import Dimensions, identifier
from tf2rust.onnx_import.fold import Budget, ConstantFolder, TooLargeError
from tf2rust.onnx_import.inline import inline
from tf2rust.onnx_import.scales import scales_of
from tf2rust.onnx_import.sequences import resolve
from tf2rust.onnx_import.shape_data import moved_dims
from tf2rust.onnx_import.shapes import OnnxShapes, onnx_shapes
from tf2rust.ops.contrib.call import definition, is_contrib
from tf2rust.ops.core.dims import DimExpr, Size, Symbol, format_shape
from tf2rust.ops.core.inference import (
    Assumptions,
    InferenceError,
    Node,
    ValueInfo,
    ValueInfos,
    bodies_of,
    body_input_function,
    is_known,
    label,
    malformed_node,
    read_by,
    shape_function,
)
from tf2rust.ops.core.operands import infer_outputs
from tf2rust.ops.core.registry import load_ops
from tf2rust.stages import at_node, brief

MOST_AXES = 64
"""The maximum rank of a NumPy array."""
_RANDOM = ("Bernoulli", "Multinomial", "RandomNormalLike", "RandomUniformLike")
"""Operators whose results differ from run to run."""


@dataclass
class Analysis:
    """The graph, the infos of its values, and the reasons for unknown values."""

    graph: ir.Graph
    infos: ValueInfos
    folded: set[ir.Node] = field(default_factory=set)
    """Nodes whose outputs are constants."""
    problems: dict[ir.Node, str] = field(default_factory=dict)
    """Nodes whose output shapes are unknown, with the reason."""
    unbounded: set[ir.Node] = field(default_factory=set)
    """The nodes among these that depend on no input, but whose outputs need more memory or time than a model can use.
    """
    left: set[ir.Value] = field(default_factory=set)
    """Constant values that were too large to be folded: a layer computes them when the model runs."""
    guessed: dict[ir.Value, str] = field(default_factory=dict)
    """Values that only ONNX's own inference knows, or that depend on such values, with the node that causes it."""
    defined: dict[ir.Node, ir.Node] = field(default_factory=dict)
    """The nodes of definitions of ONNX Runtime's operators, and the model's nodes that they replace."""
    symbolic: list[str] = field(default_factory=list)
    """The symbolic dimensions, in the order of the inputs."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """The symbolic dimensions with a number in their identifier, and their names in the model."""
    bind: Mapping[str, Size] = field(default_factory=dict)
    """The sizes that symbolic dimensions are bound to."""
    opsets: Mapping[str, int] = field(default_factory=dict)
    """The model's version of each operator set."""
    onnx_shapes: Callable[[], OnnxShapes] = dict
    """The results of ONNX's own inference, for unknown operators."""
    weights: Mapping[ir.Value, ValueInfo] = field(default_factory=dict)
    """The infos of the initializers."""
    choices: dict[str, bool] = field(default_factory=dict)
    """The branches of Ifs with branches of different rank that are assumed to be taken, by node."""
    folder: ConstantFolder = field(default_factory=lambda: ConstantFolder(Budget.for_weights(0)))
    """Computes constants, and caches the results."""


def analyse(
    proto: onnx.ModelProto, bind: Mapping[str, Size] | None = None, weights: Mapping[str, np.ndarray] | None = None
) -> Analysis:
    """Infers all values; ``bind`` sets symbolic dimensions, ``weights`` are the initializers kept outside the graph.

    If a node cannot be inferred, other branches of Ifs are tried: the nodes behind an If may need the unusual branch.
    """
    load_ops()
    found = _analysed(proto, bind or {}, weights or {}, {})
    for name, taken in list(found.choices.items())[:_MOST_CHOICES]:
        if found.problems:
            other = _analysed(proto, bind or {}, weights or {}, {**found.choices, name: not taken})
            found = min(found, other, key=lambda analysis: len(analysis.problems))
    return found


_MOST_CHOICES = 4
"""The number of choices that are reconsidered; each takes another analysis."""


def _analysed(
    proto: onnx.ModelProto, bind: Mapping[str, Size], weights: Mapping[str, np.ndarray], choices: dict[str, bool]
) -> Analysis:
    try:
        model = ir.from_proto(proto)
    except Exception as error:  # onnx_ir raises many kinds of errors for graphs that pass the checker
        cause = error.__cause__ or error
        raise ConversionError(
            f"The model's graph cannot be read ({type(cause).__name__}: {brief(str(cause))}); export the model again."
        ) from error
    opsets = dict(model.opset_imports)
    for node in model.graph:
        node.version = node.version or opsets.get(node.domain, 18)
    known = {
        value: ValueInfo.of_const(weights[name] if name in weights else value.const_value.numpy())
        for name, value in model.graph.initializers.items()
        if value.const_value is not None
    }
    size = proto.ByteSize() + sum(array.nbytes for array in weights.values())
    return reanalyse(
        Analysis(
            model.graph,
            ValueInfos(),
            bind=dict(bind),
            choices=choices,
            onnx_shapes=cache(lambda: onnx_shapes(proto)),
            opsets=opsets,
            weights=known,
            folder=ConstantFolder(Budget.for_weights(size)),
        )
    )


def reanalyse(known: Analysis) -> Analysis:
    """Repeats the analysis after nodes of the graph have changed.

    An assumption that two dimensions are equal also concerns the nodes before the one that needs it. The analysis is
    therefore repeated until there are no new assumptions.
    """
    assumptions = known.infos.assumptions
    while True:
        before = assumptions.count()
        analysis = _analyse(known, assumptions)
        if assumptions.count() == before:
            return analysis


def _analyse(known: Analysis, assumptions: Assumptions) -> Analysis:
    analysis = replace(
        known,
        infos=ValueInfos(assumptions=assumptions),
        folded=set(),
        problems={},
        unbounded=set(),
        left=set(),
        guessed={},
        symbolic=[],
    )
    _set_inputs(analysis)
    for value, info in known.weights.items():
        analysis.infos[value] = info
    analysis.graph.sort()
    for node in analysis.graph:
        with at_node(node.name or node.op_type):
            _infer_node(node, analysis)
    return analysis


def _set_inputs(analysis: Analysis) -> None:
    """Sets the infos of the inputs: dtypes, and shapes of numbers and symbolic dimensions."""
    inputs = [v for v in analysis.graph.inputs if v.name not in analysis.graph.initializers]
    for value in inputs:
        known = _is_tensor(value) and value.shape is not None
        if _is_tensor(value) and not (known and len(value.shape or ()) <= MOST_AXES):
            rank = f"{len(value.shape or ())} dimensions (at most {MOST_AXES} are supported)" if known else "no shape"
            raise ConversionError(
                f"The input `{brief(value.name or '')}` is declared with {rank}; declare its rank when exporting "
                "the model."
            )
    dimensions = Dimensions(inputs)
    for value, shape in dimensions.shapes(analysis.bind).items():
        if _is_tensor(value):
            analysis.infos[value] = ValueInfo(ir.DataType(value.dtype or 0).numpy().name, shape)
    analysis.infos.assumptions.sizes.update(dimensions.symbolic)
    for name, size in analysis.bind.items():
        if isinstance(size, tuple):
            symbol = DimExpr.symbol(Symbol(dimensions.identifier(name), *size))
            analysis.infos.assumptions.in_range(symbol, *size)
    analysis.symbolic, analysis.renamed = dimensions.symbolic, dimensions.renamed


def _is_tensor(value: ir.Value) -> bool:
    """Whether a value is declared as a tensor. Nothing is inferred for other values; the nodes that read them fail."""
    return isinstance(value.type, ir.TensorType) and value.dtype not in (None, ir.DataType.UNDEFINED)


def _infer_node(node: ir.Node, analysis: Analysis) -> None:
    infos = analysis.infos
    named = infos.assumptions.node = f"node `{node.name}`" if node.name else label(node)
    try:
        instead = take_known_branch(node, infos)
        if instead is None and is_contrib(node) and not (is_known(node) and shape_function(node.op_type)):
            instead = _defined(node, analysis)
        if instead is None:
            instead = resolve(node, infos)
        if instead is None:
            _enter(node, analysis)
            infos.assumptions.node = named
            if (instead := take_usual_branch(node, infos, analysis.choices)) is None:
                found = _possible(_found(node, analysis))
    except Exception as error:  # A malformed node can make a shape function raise anything.
        _set_problem(node, str(error) if isinstance(error, InferenceError) else malformed_node(error), analysis)
        return
    if instead is not None:
        for inner in instead:
            inner.version = inner.version or node.version
            _infer_node(inner, analysis)
        return
    source = _blamed(node, analysis)
    for output, info in zip(node.outputs, found, strict=False):
        infos[output] = info
        if source is not None:
            analysis.guessed[output] = source
    if all(info.const is not None for info in found):
        analysis.folded.add(node)


def _defined(node: ir.Node, analysis: Analysis) -> list[ir.Node]:
    """Replaces a node with one of ONNX Runtime's operators by its definition. Returns the nodes of its graph."""
    graph = node.graph
    made = inline(node, definition(node, analysis.infos), analysis.opsets)
    analysis.defined.update(dict.fromkeys(made, analysis.defined.get(node, node)))
    return [inner for inner in made if inner.graph is graph]


def _set_problem(node: ir.Node, reason: str, analysis: Analysis) -> None:
    """Stores why the node's outputs are unknown, and the results of ONNX's own inference."""
    inside = _blamed_inside(node, analysis)
    blamed = _blamed(node, analysis) or inside or label(node)
    analysis.problems[node] = f"its body needs `{inside}`, which is not supported" if inside else reason
    for output in node.outputs:
        analysis.guessed[output] = blamed
        # Not for known operators: ONNX's inference can crash on malformed nodes.
        unknown = shape_function(node.op_type) is None
        dtype, dims = analysis.onnx_shapes().get(output.name or "", ("", ())) if unknown else ("", ())
        if dtype:
            symbol = identifier(output.name or "")
            analysis.infos[output] = ValueInfo(
                dtype, tuple(DimExpr.symbol(f"{symbol}_{i}") if d is None else d for i, d in enumerate(dims))
            )


def _possible(found: Sequence[ValueInfo]) -> Sequence[ValueInfo]:
    """Returns ``found``; raises InferenceError if a shape is one that no tensor can have."""
    for info in found:
        if len(info.shape) > MOST_AXES:
            raise InferenceError(
                f"its result would have {len(info.shape)} dimensions, but at most {MOST_AXES} are supported"
            )
        if any(isinstance(d, int) and not 0 <= d < 1 << 63 for d in info.shape):
            raise InferenceError(
                f"its result would have the shape {format_shape(info.shape)}, which no tensor can have"
            )
    return found


def _found(node: ir.Node, analysis: Analysis) -> Sequence[ValueInfo]:
    """The infos of the node's outputs: constants if all inputs are constants and the budget permits folding."""
    infos = analysis.infos
    if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
        return [ValueInfo.of_const(_constant(node))]
    read = list(read_by(node))
    found = _constants_of_unknown(node, analysis) or infer_outputs(node, infos)
    found = moved_dims(node, infos, found) or found
    computed = [v for v in read if infos.const(v) is None]
    if not read or not analysis.left.issuperset(computed):
        return found
    try:
        if computed:
            analysis.folder.check(node, infos, found)
        elif (made := analysis.folder.fold(node, infos, found)) is not None:
            return [replace(made[0], scales=scales_of(node, infos, made[0])), *made[1:]]
    except TooLargeError as error:  # The shape is known nevertheless, and may be sufficient.
        analysis.unbounded.add(node)
        analysis.problems[node] = str(error)
        analysis.guessed.update(dict.fromkeys(node.outputs, node.name or "?"))
        return found
    if any(info.const is None for info in found):
        analysis.left.update(node.outputs)
    return found


def _constants_of_unknown(node: ir.Node, analysis: Analysis) -> Sequence[ValueInfo] | None:
    """The constant outputs of an operator without a shape function, with the shapes that ONNX itself infers."""
    infos = analysis.infos
    if node.domain not in ("", "ai.onnx") or shape_function(node.op_type) is not None or node.op_type in _RANDOM:
        return None
    read = list(read_by(node))
    if not read or any(infos.const(v) is None for v in read):
        return None
    shapes = [analysis.onnx_shapes().get(v.name or "") for v in node.outputs]
    known = [
        ValueInfo(s[0], tuple(d for d in s[1] if d is not None)) for s in shapes if s is not None and None not in s[1]
    ]
    if len(known) < len(shapes):
        return None
    return analysis.folder.fold(node, infos, known)


def _enter(node: ir.Node, analysis: Analysis) -> None:
    """Infers the values in the node's bodies if the infos of the bodies' inputs are known."""
    function = body_input_function(node.op_type) if node.domain in ("", "ai.onnx") else None
    if function is None or any(v is not None and v not in analysis.infos for v in node.inputs):
        return
    for body in bodies_of(node):
        with analysis.infos.within(body) if node.op_type == "If" else nullcontext():
            for value, info in zip(body.inputs, function(Node(node), analysis.infos), strict=False):
                analysis.infos[value] = info
            for value in body.initializers.values():
                if value.const_value is not None:
                    analysis.infos[value] = ValueInfo.of_const(value.const_value.numpy())
            for inner in list(body):
                inner.version = inner.version or node.version
                _infer_node(inner, analysis)


def _blamed_inside(node: ir.Node, analysis: Analysis) -> str | None:
    """The node in one of the bodies that makes a body output unknown."""
    values = [v for graph in bodies_of(node) for v in graph.outputs]
    return next((analysis.guessed[v] for v in values if v in analysis.guessed), None)


def _blamed(node: ir.Node, analysis: Analysis) -> str | None:
    return next((analysis.guessed[v] for v in node.inputs if v in analysis.guessed), None)


def _constant(node: ir.Node) -> np.ndarray:
    (attribute,) = node.attributes.values()
    if attribute.type == ir.AttributeType.TENSOR:
        return np.asarray(attribute.value.numpy())
    dtype = np.float32 if "float" in attribute.name else np.int64
    return np.asarray(attribute.value, dtype=dtype)
