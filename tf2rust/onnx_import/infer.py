"""Dtypes, symbolic shapes and constants of every value, found from the inputs onwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import onnx
import onnx_ir as ir

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.branches import take_branch
from tf2rust.onnx_import.dimensions import Dimensions, identifier
from tf2rust.onnx_import.fold import Budget, Folder, TooLargeError
from tf2rust.onnx_import.shapes import OnnxShapes, onnx_shapes
from tf2rust.ops.core.dims import Expr, format_shape
from tf2rust.ops.core.facts import (
    Fact,
    Facts,
    InferenceError,
    Node,
    bodies_of,
    body_function,
    label,
    not_as_defined,
    read_by,
    shape_function,
)
from tf2rust.ops.core.operands import facts_of
from tf2rust.ops.core.registry import load_ops
from tf2rust.stages import at_node, brief

MOST_AXES = 64
"""Dimensions of an array of NumPy."""
_RANDOM = ("Bernoulli", "Multinomial", "RandomNormalLike", "RandomUniformLike")
"""Operators that make something else of the same inputs each time."""


@dataclass
class Analysis:
    """The graph with all that is known of its values, and why something is not known."""

    graph: ir.Graph
    facts: Facts
    folded: set[ir.Node] = field(default_factory=set)
    """Nodes whose outputs are constants."""
    problems: dict[ir.Node, str] = field(default_factory=dict)
    """Nodes whose outputs' shapes could not be found, with the reason."""
    unbounded: set[ir.Node] = field(default_factory=set)
    """Nodes among these that depend on no input, and whose outputs take more memory or time than a model may."""
    left: set[ir.Value] = field(default_factory=set)
    """Values that depend on no input but were too large to be folded: they are computed when the model runs."""
    guessed: dict[ir.Value, str] = field(default_factory=dict)
    """Values of which only ONNX' own inference knows something, or that depend on such; and the node to blame."""
    free: list[str] = field(default_factory=list)
    """The free dimensions, in the order of the inputs."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Those among them that have a number behind, and what the model calls them."""
    bind: Mapping[str, int] = field(default_factory=dict)
    """The sizes that free dimensions are given."""
    opsets: Mapping[str, int] = field(default_factory=dict)
    """The version of each operator set that the model is written for."""
    onnx_shapes: Callable[[], OnnxShapes] = dict
    """What ONNX' own inference finds, for operators that are not known."""
    weights: Mapping[ir.Value, Fact] = field(default_factory=dict)
    """The facts of the initializers."""
    folder: Folder = field(default_factory=lambda: Folder(Budget.for_weights(0)))
    """Computes what is constant; it remembers what it did."""


def analyse(
    proto: onnx.ModelProto, bind: Mapping[str, int] | None = None, weights: Mapping[str, np.ndarray] | None = None
) -> Analysis:
    """Finds the facts of all values; ``bind`` gives sizes to free dimensions, ``weights`` are beside the graph."""
    load_ops()
    try:
        model = ir.from_proto(proto)
    except Exception as error:  # whatever it raises at what the checker lets pass
        cause = error.__cause__ or error
        raise ConversionError(
            f"The model's graph cannot be read ({type(cause).__name__}: {brief(str(cause))}); export it again."
        ) from error
    opsets = dict(model.opset_imports)
    for node in model.graph:
        node.version = node.version or opsets.get(node.domain, 18)
    arrays = weights or {}
    known = {
        value: Fact.of_const(arrays[name] if name in arrays else value.const_value.numpy())
        for name, value in model.graph.initializers.items()
        if value.const_value is not None
    }
    size = proto.ByteSize() + sum(array.nbytes for array in arrays.values())
    return reanalyse(
        Analysis(
            model.graph,
            Facts(),
            bind=dict(bind or {}),
            onnx_shapes=cache(lambda: onnx_shapes(proto)),
            opsets=opsets,
            weights=known,
            folder=Folder(Budget.for_weights(size)),
        )
    )


def reanalyse(known: Analysis) -> Analysis:
    """The same for a graph whose nodes have changed."""
    analysis = replace(
        known, facts=Facts(), folded=set(), problems={}, unbounded=set(), left=set(), guessed={}, free=[]
    )
    _set_inputs(analysis)
    for value, fact in known.weights.items():
        analysis.facts[value] = fact
    analysis.graph.sort()
    for node in analysis.graph:
        with at_node(node.name or node.op_type):
            _infer_node(node, analysis)
    return analysis


def _set_inputs(analysis: Analysis) -> None:
    """The facts of the inputs: dtypes, and shapes of numbers and free dimensions."""
    inputs = [v for v in analysis.graph.inputs if v.name not in analysis.graph.initializers]
    for value in inputs:
        known = _is_tensor(value) and value.shape is not None
        if _is_tensor(value) and not (known and len(value.shape or ()) <= MOST_AXES):
            rank = f"{len(value.shape or ())} dimensions, of which {MOST_AXES} are the most" if known else "no shape"
            raise ConversionError(
                f"The input `{brief(value.name or '')}` is declared with {rank}; declare its rank when the model is "
                "exported."
            )
    dimensions = Dimensions(inputs)
    for value, shape in dimensions.shapes(analysis.bind).items():
        if _is_tensor(value):
            analysis.facts[value] = Fact(ir.DataType(value.dtype or 0).numpy().name, shape)
    analysis.free, analysis.renamed = dimensions.free, dimensions.renamed


def _is_tensor(value: ir.Value) -> bool:
    """Whether a value is declared as a tensor; of others nothing is known, which is up to those who read them."""
    return isinstance(value.type, ir.TensorType) and value.dtype not in (None, ir.DataType.UNDEFINED)


def _infer_node(node: ir.Node, analysis: Analysis) -> None:
    facts = analysis.facts
    try:
        if (branch := take_branch(node, facts)) is None:
            _enter(node, analysis)
            found = _possible(_found(node, analysis))
    except Exception as error:  # a node that is not as ONNX defines it can make a shape function raise anything
        _set_problem(node, str(error) if isinstance(error, InferenceError) else not_as_defined(error), analysis)
        return
    if branch is not None:
        for inner in branch:
            inner.version = inner.version or node.version
            _infer_node(inner, analysis)
        return
    source = _blamed(node, analysis)
    for output, fact in zip(node.outputs, found, strict=False):
        facts[output] = fact
        if source is not None:
            analysis.guessed[output] = source
    if all(fact.const is not None for fact in found):
        analysis.folded.add(node)


def _set_problem(node: ir.Node, reason: str, analysis: Analysis) -> None:
    """Notes why the node's outputs are not known, and what ONNX' own inference knows of them."""
    inside = _blamed_inside(node, analysis)
    blamed = _blamed(node, analysis) or inside or label(node)
    analysis.problems[node] = f"its body needs `{inside}`, which is not supported" if inside else reason
    for output in node.outputs:
        analysis.guessed[output] = blamed
        # Not for operators that are known: ONNX' inference does not survive all that may be wrong with them.
        unknown = shape_function(node.op_type) is None
        dtype, dims = analysis.onnx_shapes().get(output.name or "", ("", ())) if unknown else ("", ())
        if dtype:
            symbol = identifier(output.name or "")
            analysis.facts[output] = Fact(
                dtype, tuple(Expr.symbol(f"{symbol}_{i}") if d is None else d for i, d in enumerate(dims))
            )


def _possible(found: Sequence[Fact]) -> Sequence[Fact]:
    """The facts; raises InferenceError if no tensor can have one of these shapes."""
    for fact in found:
        if len(fact.shape) > MOST_AXES:
            raise InferenceError(
                f"its result would have {len(fact.shape)} dimensions, of which {MOST_AXES} are the most"
            )
        if any(isinstance(d, int) and not 0 <= d < 1 << 63 for d in fact.shape):
            raise InferenceError(
                f"its result would have the shape {format_shape(fact.shape)}, which no tensor can have"
            )
    return found


def _found(node: ir.Node, analysis: Analysis) -> Sequence[Fact]:
    """The facts of the node's outputs, which are constants if all that it reads is and if the budget allows it."""
    facts = analysis.facts
    if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
        return [Fact.of_const(_constant(node))]
    read = list(read_by(node))
    found = _constants_of_unknown(node, analysis) or facts_of(node, facts)
    computed = [v for v in read if facts.const(v) is None]
    if not read or not analysis.left.issuperset(computed):
        return found
    try:
        if computed:
            analysis.folder.check(node, facts, found)
        elif (made := analysis.folder.fold(node, facts, found)) is not None:
            return made
    except TooLargeError as error:  # its shape is known nevertheless, and may be all that is asked for
        analysis.unbounded.add(node)
        analysis.problems[node] = str(error)
        analysis.guessed.update(dict.fromkeys(node.outputs, node.name or "?"))
        return found
    if any(fact.const is None for fact in found):
        analysis.left.update(node.outputs)
    return found


def _constants_of_unknown(node: ir.Node, analysis: Analysis) -> Sequence[Fact] | None:
    """What an operator without a shape function here makes of constants, by the shapes that ONNX itself infers."""
    facts = analysis.facts
    if node.domain not in ("", "ai.onnx") or shape_function(node.op_type) is not None or node.op_type in _RANDOM:
        return None
    read = list(read_by(node))
    if not read or any(facts.const(v) is None for v in read):
        return None
    shapes = [analysis.onnx_shapes().get(v.name or "") for v in node.outputs]
    known = [Fact(s[0], tuple(d for d in s[1] if d is not None)) for s in shapes if s is not None and None not in s[1]]
    if len(known) < len(shapes):
        return None
    return analysis.folder.fold(node, facts, known)


def _enter(node: ir.Node, analysis: Analysis) -> None:
    """Finds the facts of what is in the node's bodies, where it is known what they are given."""
    function = body_function(node.op_type) if node.domain in ("", "ai.onnx") else None
    if function is None or any(v is not None and v not in analysis.facts for v in node.inputs):
        return
    for body in bodies_of(node):
        for value, fact in zip(body.inputs, function(Node(node), analysis.facts), strict=False):
            analysis.facts[value] = fact
        for value in body.initializers.values():
            if value.const_value is not None:
                analysis.facts[value] = Fact.of_const(value.const_value.numpy())
        for inner in list(body):
            inner.version = inner.version or node.version
            _infer_node(inner, analysis)


def _blamed_inside(node: ir.Node, analysis: Analysis) -> str | None:
    """The node inside of this one's bodies that keeps an output of theirs from being known."""
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
