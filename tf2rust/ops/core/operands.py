"""Checks that a node has the inputs and attributes that ONNX defines for its operator, before rules use them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

import onnx
import onnx_ir as ir

from tf2rust.ops.core.dims import format_shape
from tf2rust.ops.core.dtypes import TEXT
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, is_known, shape_function

_SPATIAL = frozenset(
    {
        *("AveragePool", "Conv", "ConvInteger", "ConvTranspose", "DeformConv", "LpPool", "MaxPool", "MaxUnpool"),
        *("QLinearConv",),
    }
)
"""Operators whose first input is [n, c, …], and whose attributes have entries for each spatial axis."""
_KERNELS = {"Conv": 1, "ConvInteger": 1, "ConvTranspose": 1, "DeformConv": 1, "QLinearConv": 3}
"""The index of the kernel input, which has the same rank as the first input."""
_EACH_AXIS = {"kernel_shape": 1, "strides": 1, "dilations": 1, "output_padding": 1, "output_shape": 1, "pads": 2}
"""Per-axis attributes, with their number of entries per axis."""
_POSITIVE = ("kernel_shape", "strides", "dilations", "group", "blocksize", "num_groups", "hidden_size")

_WITH_TEXT = frozenset(
    {
        *(
            "Compress",
            "Concat",
            "Equal",
            "Expand",
            "Fingerprint64",
            "Flatten",
            "Gather",
            "GatherElements",
            "GatherND",
            "Identity",
            "If",
        ),
        *(
            "LabelEncoder",
            "Lookup",
            "Loop",
            "RaggedTensorToTensor",
            "RegexFullMatch",
            "Reshape",
            "Scan",
            "Shape",
            "Size",
            "Slice",
            "Split",
        ),
        *(
            "Squeeze",
            "StaticRegexReplace",
            "StringConcat",
            "StringLower",
            "StringNGrams",
            "StringNormalizer",
            "StringSplit",
            "StringSplitV2",
            "TfIdfVectorizer",
            "Tile",
            "Transpose",
        ),
        *("StringToHashBucketFast", "StringToHashBucketStrong", "StringUpper", "UnicodeSplit", "Unsqueeze"),
        "Where",
    }
)
"""Operators that accept strings."""
_TYPES = ("to", "dtype", "output_datatype", "output_dtype")
"""Attributes that hold the number of a dtype; 0 is the default of the last one."""
_CODES = frozenset(t.value for t in ir.DataType if t not in (ir.DataType.UNDEFINED, ir.DataType.STRING))

_ANY = None
RANKS: dict[str, dict[int, tuple[int, int | None]]] = {
    "AffineGrid": {0: (3, 3), 1: (1, 1)},
    "AveragePool": {0: (3, _ANY)},
    "BatchNormalization": {0: (1, _ANY), 1: (1, 1), 2: (1, 1), 3: (1, 1), 4: (1, 1)},
    "CenterCropPad": {1: (1, 1)},
    "Col2Im": {0: (3, 3), 1: (1, 1), 2: (1, 1)},
    "Compress": {1: (1, 1)},
    "ConstantOfShape": {0: (1, 1)},
    "Conv": {0: (3, _ANY), 1: (3, _ANY), 2: (1, 1)},
    "ConvInteger": {0: (3, _ANY), 1: (3, _ANY)},
    "ConvTranspose": {0: (3, _ANY), 1: (3, _ANY), 2: (1, 1)},
    "CumProd": {0: (1, _ANY), 1: (0, 1)},
    "CumSum": {0: (1, _ANY), 1: (0, 1)},
    "DFT": {0: (2, _ANY), 1: (0, 1), 2: (0, 1)},
    "DeformConv": {0: (4, 4), 1: (4, 4), 2: (4, 4), 3: (1, 1), 4: (4, 4)},
    "DepthToSpace": {0: (4, 4)},
    "Det": {0: (2, _ANY)},
    "Expand": {1: (1, 1)},
    "EyeLike": {0: (2, 2)},
    "GRU": {0: (3, 3), 1: (3, 3), 2: (3, 3), 3: (2, 2), 4: (1, 1), 5: (3, 3)},
    "Gather": {0: (1, _ANY)},
    "GatherElements": {0: (1, _ANY), 1: (1, _ANY)},
    "GatherND": {0: (1, _ANY), 1: (1, _ANY)},
    "Gemm": {0: (2, 2), 1: (2, 2), 2: (0, 2)},
    "GlobalAveragePool": {0: (2, _ANY)},
    "GlobalLpPool": {0: (2, _ANY)},
    "GlobalMaxPool": {0: (2, _ANY)},
    "GridSample": {0: (4, 5), 1: (4, 5)},
    "GroupNormalization": {0: (2, _ANY), 1: (1, 1), 2: (1, 1)},
    "InstanceNormalization": {0: (2, _ANY), 1: (1, 1), 2: (1, 1)},
    "LRN": {0: (2, _ANY)},
    "DynamicQuantizeLSTM": {
        **{0: (3, 3), 1: (3, 3), 2: (3, 3), 3: (2, 2), 4: (1, 1), 5: (3, 3), 6: (3, 3), 7: (2, 2)},
        **{8: (1, 2), 9: (1, 2), 10: (1, 2), 11: (1, 2)},
    },
    "LSTM": {0: (3, 3), 1: (3, 3), 2: (3, 3), 3: (2, 2), 4: (1, 1), 5: (3, 3), 6: (3, 3), 7: (2, 2)},
    "LayerNormalization": {0: (1, _ANY)},
    "LpPool": {0: (3, _ANY)},
    "MatMul": {0: (1, _ANY), 1: (1, _ANY)},
    "MatMulInteger": {0: (1, _ANY), 1: (1, _ANY)},
    "MaxPool": {0: (3, _ANY)},
    "MaxRoiPool": {0: (4, 4), 1: (2, 2)},
    "MaxUnpool": {0: (3, _ANY), 1: (3, _ANY), 2: (1, 1)},
    "MelWeightMatrix": dict.fromkeys(range(5), (0, 1)),
    "NonMaxSuppression": {0: (3, 3), 1: (3, 3), 2: (0, 1), 3: (0, 1), 4: (0, 1)},
    "OneHot": {1: (0, 1), 2: (1, 1)},
    "QLinearConv": {0: (3, _ANY), 3: (3, _ANY), 8: (1, 1)},
    "QLinearMatMul": {0: (1, _ANY), 3: (1, _ANY)},
    "RMSNormalization": {0: (1, _ANY)},
    "RNN": {0: (3, 3), 1: (3, 3), 2: (3, 3), 3: (2, 2), 4: (1, 1), 5: (3, 3)},
    "Range": {0: (0, 1), 1: (0, 1), 2: (0, 1)},
    "Reshape": {1: (1, 1)},
    "Resize": {0: (1, _ANY), 1: (1, 1), 2: (1, 1), 3: (1, 1)},
    "ReverseSequence": {0: (2, _ANY), 1: (1, 1)},
    "RoiAlign": {0: (4, 4), 1: (2, 2), 2: (1, 1)},
    "STFT": {0: (2, 3), 1: (0, 1), 2: (1, 1), 3: (0, 1)},
    "Scatter": {0: (1, _ANY), 1: (1, _ANY), 2: (1, _ANY)},
    "ScatterElements": {0: (1, _ANY), 1: (1, _ANY), 2: (1, _ANY)},
    "ScatterND": {0: (1, _ANY), 1: (1, _ANY)},
    "Slice": {0: (1, _ANY), 1: (1, 1), 2: (1, 1), 3: (1, 1), 4: (1, 1)},
    "SpaceToDepth": {0: (4, 4)},
    "Split": {0: (1, _ANY), 1: (1, 1)},
    "Squeeze": {1: (0, 1)},
    "TensorScatter": {0: (2, _ANY), 1: (2, _ANY), 2: (1, 1)},
    "Tile": {1: (0, 1)},
    "TopK": {0: (1, _ANY), 1: (0, 1)},
    "Trilu": {0: (2, _ANY), 1: (0, 1)},
    "Unsqueeze": {1: (0, 1)},
    "Upsample": {0: (1, _ANY), 1: (1, 1)},
}
"""The minimum and maximum ranks of inputs; ``_ANY`` means no limit."""


def infer_outputs(node: ir.Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    """The infos of a node's outputs; raises InferenceError if they cannot be determined."""
    function = shape_function(node.op_type) if is_known(node) else None
    if function is None:
        raise InferenceError("no rule supports this operator")
    for value in node.inputs:
        if value is None:
            continue
        if value not in infos:
            what = "is not a tensor" if value.producer() is None else "comes from a node that is not supported"
            raise InferenceError(f"its input `{value.name}` {what}")
        if infos.dtype(value) == TEXT and node.op_type not in _WITH_TEXT:
            raise InferenceError(f"its input `{value.name}` contains strings, but {node.op_type} supports only numbers")
    view = Node(node)
    if problem := operand_problem(view, infos):
        raise InferenceError(problem)
    return function(view, infos)


def operand_problem(node: Node, infos: ValueInfos) -> str | None:
    """What is wrong with the inputs or attributes of an ONNX node, as a clause; None if nothing is."""
    schema = _schema(node.op, node.version)
    found = () if schema is None else _of_schema(node, schema)
    return next(chain(found, _of_ranks(node, infos), _of_numbers(node, infos)), None)


@cache
def _schema(op: str, version: int) -> Any:
    """The operator's schema in this operator set, or its oldest schema if the operator is newer."""
    try:
        return onnx.defs.get_schema(op, version)
    except onnx.defs.SchemaError:
        return onnx.defs.get_schema(op) if onnx.defs.has(op) else None


def _of_schema(node: Node, schema: Any) -> Iterator[str]:
    given, formal = node.inputs, schema.inputs
    variadic = bool(formal) and formal[-1].option == onnx.defs.OpSchema.FormalParameterOption.Variadic
    if len(node.ir.inputs) > len(formal) and not variadic:
        yield (
            f"it has {len(node.ir.inputs)} inputs, but {node.op} of operator set {node.version} has at most "
            f"{len(formal)}"
        )
    for i in range(max(schema.min_input, len(given))):
        parameter = formal[min(i, len(formal) - 1)]
        optional = parameter.option == onnx.defs.OpSchema.FormalParameterOption.Optional
        if not optional and (i >= len(given) or given[i] is None):
            yield f"it lacks input {i} (`{parameter.name}`), which {node.op} requires"
    if len(node.outputs) > schema.max_output:
        yield f"it has {len(node.outputs)} outputs, but {node.op} has at most {schema.max_output}"
    for name, attribute in schema.attributes.items():
        own = node.ir.attributes.get(name)
        if own is None and attribute.required:
            yield f"it lacks the attribute `{name}`, which {node.op} requires"
        if own is not None and own.type.value != attribute.type.value:
            yield f"its attribute `{name}` has the type {own.type.name}, but {node.op} requires {attribute.type.name}"


def _of_ranks(node: Node, infos: ValueInfos) -> Iterator[str]:
    limits = RANKS.get(node.op, {})
    for i, value in enumerate(node.inputs):
        if value is None or i not in limits:
            continue
        few, many = limits[i]
        shape = infos.shape(value)
        if len(shape) < few or (many is not None and len(shape) > many):
            wanted = f"{few}" if few == many else f"{few} to {many}" if many is not None else f"at least {few}"
            yield (
                f"its input {i} (`{value.name}`) has the shape {format_shape(shape)} of rank {len(shape)}, but "
                f"{node.op} requires rank {wanted}"
            )


def _of_numbers(node: Node, infos: ValueInfos) -> Iterator[str]:
    attributes = node.ir.attributes
    for name in _POSITIVE:
        if name in attributes:
            value = attributes[name].value
            if any(v < 1 for v in (value if isinstance(value, (list, tuple)) else [value])):
                yield f"its attribute `{name}` is {value}, but must be positive"
    for name, code in ((name, attributes[name].value) for name in _TYPES if name in attributes):
        if code not in _CODES and (code or name != "output_dtype"):
            yield f"its attribute `{name}` is {code}, which is not a dtype of ONNX"
    if node.op in _SPATIAL and (x := node.input(0)) is not None:
        axes = len(infos.shape(x)) - 2
        kernel = node.input(_KERNELS[node.op]) if node.op in _KERNELS else None
        if kernel is not None and len(infos.shape(kernel)) != axes + 2:
            yield f"its kernel `{kernel.name}` has rank {len(infos.shape(kernel))}, but its input has rank {axes + 2}"
        for name, each in _EACH_AXIS.items():
            if name in attributes and len(attributes[name].value) != each * axes:
                yield (
                    f"its attribute `{name}` has {len(attributes[name].value)} entries, but an input of rank "
                    f"{axes + 2} needs {each * axes}"
                )
