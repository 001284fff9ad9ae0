"""Operators that ONNX lacks, as functions of the domain ``tf2rust``: TensorFlow's, and rounding to bfloat16.

A graph with such a node contains its definition, so that every engine can run it; a rule matches the node itself.
Operators on strings have no definition, because ONNX lacks what they would consist of.
"""

from __future__ import annotations

from functools import cache

import onnx
import onnx.parser

from tf2rust.ops.core.inference import OWN_DOMAIN, OWN_VERSION
from tf2rust.ops.elementwise.unary import ROUNDING
from tf2rust.ops.text.tensorflow import OPERATORS

_OPSET = 18

_POSITIONS = """
    before{axis} = Gather (shape, axis{axis})
    after{axis} = Gather (size, index{axis})
    several{axis} = Greater (after{axis}, one)
    less{axis} = Cast <to = 7> (several{axis})
    cut{axis} = Mul (corners, less{axis})
    whole{axis} = Sub (before{axis}, cut{axis})
    parts{axis} = Sub (after{axis}, cut{axis})
    numerator{axis} = Cast <to = 1> (whole{axis})
    denominator{axis} = Cast <to = 1> (parts{axis})
    factor{axis} = Div (numerator{axis}, denominator{axis})
    last{axis} = Sub (before{axis}, one)
    indices{axis} = Range (zero, after{axis}, one)
    at{axis} = Cast <to = 1> (indices{axis})
    shifted{axis} = Add (at{axis}, half)
    scaled{axis} = Mul (shifted{axis}, factor{axis})
"""
_NEAREST = """
    below{axis} = Floor (scaled{axis})
    rest{axis} = Sub (scaled{axis}, below{axis})
    far{axis} = GreaterOrEqual (rest{axis}, middle)
    away{axis} = Cast <to = 7> (far{axis})
    up{axis} = Mul (corners, away{axis})
    floor{axis} = Cast <to = 7> (below{axis})
    nearest{axis} = Add (floor{axis}, up{axis})
    bounded{axis} = Min (nearest{axis}, last{axis})
    inside{axis} = Max (bounded{axis}, zero)
    y{axis} = Gather <axis = {axis}> ({x}, inside{axis})
"""
_TAPS = """
    position{axis} = Sub (scaled{axis}, half)
    below{axis} = Floor (position{axis})
    rest{axis} = Sub (position{axis}, below{axis})
    floor{axis} = Cast <to = 7> (below{axis})
    first{axis} = Unsqueeze (floor{axis}, columns)
    neighbours{axis} = Add (first{axis}, offsets)
    bounded{axis} = Min (neighbours{axis}, last{axis})
    inside{axis} = Max (bounded{axis}, zero)
    taken{axis} = Gather <axis = {axis}> ({x}, inside{axis})
"""
_MEAN = """
    trailing{axis} = Constant <value_ints = {trailing}> ()
    taps{axis} = Constant <value_ints = [{taps}]> ()
    factors{axis} = Unsqueeze (weights{axis}, trailing{axis})
    products{axis} = Mul (taken{axis}, factors{axis})
    y{axis} = ReduceSum <keepdims = 0> (products{axis}, taps{axis})
"""
_LINEAR = """
    column{axis} = Unsqueeze (rest{axis}, columns)
    others{axis} = Sub (unit, column{axis})
    weights{axis} = Concat <axis = 1> (others{axis}, column{axis})
"""
# The fraction is rounded to 1/1024. Keys' weights at the distance d, with a = −½ for half_pixel_centers, otherwise −¾:
# ((a + 2) d − (a + 3)) d² + 1 for d ≤ 1, and ((a d − 5 a) d + 8 a) d − 4 a for d ≤ 2. For half_pixel_centers,
# neighbours beyond the border have weight 0, and the other weights are normalised to a sum of 1.
_CUBIC = """
    steps{axis} = Mul (rest{axis}, thousand)
    step{axis} = Round (steps{axis})
    rounded{axis} = Div (step{axis}, thousand)
    column{axis} = Unsqueeze (rounded{axis}, columns)
    signed{axis} = Sub (column{axis}, distances)
    d{axis} = Abs (signed{axis})
    ad2{axis} = Mul (a2, d{axis})
    near1{axis} = Sub (ad2{axis}, a3)
    near2{axis} = Mul (near1{axis}, d{axis})
    near3{axis} = Mul (near2{axis}, d{axis})
    near{axis} = Add (near3{axis}, unit)
    ad{axis} = Mul (a, d{axis})
    far1{axis} = Sub (ad{axis}, a5)
    far2{axis} = Mul (far1{axis}, d{axis})
    far3{axis} = Add (far2{axis}, a8)
    far4{axis} = Mul (far3{axis}, d{axis})
    far{axis} = Sub (far4{axis}, a4)
    is_near{axis} = LessOrEqual (d{axis}, unit)
    keys{axis} = Where (is_near{axis}, near{axis}, far{axis})
    is_inside{axis} = Equal (neighbours{axis}, inside{axis})
    counts{axis} = Or (is_inside{axis}, repeats)
    kept{axis} = Where (counts{axis}, keys{axis}, nothing)
    sum{axis} = ReduceSum <keepdims = 1> (kept{axis}, columns)
    total{axis} = Where (repeats, unit, sum{axis})
    weights{axis} = Div (kept{axis}, total{axis})
"""
_COMMON = """
    shape = Shape (images)
    axis1 = Constant <value_int = 1> ()
    axis2 = Constant <value_int = 2> ()
    index1 = Constant <value_int = 0> ()
    index2 = Constant <value_int = 1> ()
    zero = Constant <value_int = 0> ()
    one = Constant <value_int = 1> ()
    columns = Constant <value_ints = [1]> ()
    unit = Constant <value_float = 1.0> ()
    middle = Constant <value_float = 0.5> ()
    corners = Constant <value_int: int = @align_corners> ()
    of_centers = Constant <value_int: int = @half_pixel_centers> ()
    centers = Cast <to = 1> (of_centers)
    half = Mul (centers, middle)
"""
_COMMON_LINEAR = """
    offsets = Constant <value_ints = [0, 1]> ()
"""
_COMMON_CUBIC = """
    offsets = Constant <value_ints = [-1, 0, 1, 2]> ()
    distances = Cast <to = 1> (offsets)
    thousand = Constant <value_float = 1024.0> ()
    nothing = Constant <value_float = 0.0> ()
    border = Constant <value_float = -0.75> ()
    quarter = Constant <value_float = 0.25> ()
    gained = Mul (centers, quarter)
    a = Add (border, gained)
    two = Constant <value_float = 2.0> ()
    three = Constant <value_float = 3.0> ()
    four = Constant <value_float = 4.0> ()
    five = Constant <value_float = 5.0> ()
    eight = Constant <value_float = 8.0> ()
    a2 = Add (a, two)
    a3 = Add (a, three)
    a4 = Mul (a, four)
    a5 = Mul (a, five)
    a8 = Mul (a, eight)
    repeats = Equal (of_centers, zero)
"""
_BODIES = {
    "ResizeNearestNeighbor": ("", _POSITIONS + _NEAREST),
    "ResizeBilinear": (_COMMON_LINEAR, _POSITIONS + _TAPS + _LINEAR + _MEAN),
    "ResizeBicubic": (_COMMON_CUBIC, _POSITIONS + _TAPS + _CUBIC + _MEAN),
}


_DEFINED = frozenset({*_BODIES, ROUNDING})


def has_definition(domain: str, op: str) -> bool:
    """Whether ONNX' operators define an operator."""
    return domain == OWN_DOMAIN and op in _DEFINED


@cache
def definition(op: str) -> onnx.FunctionProto:
    """TensorFlow's float32 arithmetic of ``op`` for images [n, height, width, channels] and an int64 size [2]; or the
    nearest bfloat16 numbers as float32.
    """
    if op == ROUNDING:
        return _function("RoundToBFloat16 (x) => (y) {rounded = Cast <to = 16> (x) y = Cast <to = 1> (rounded)}")
    common, axis = _BODIES[op]
    body = _COMMON + common
    for number, (x, trailing) in enumerate((("images", [2, 3]), ("y1", [2])), start=1):
        body += axis.format(axis=number, x=x, trailing=trailing, taps=number + 1)
    return _function(
        f"{op} <align_corners, half_pixel_centers> (images, size) => (resized)\n{{{body}    resized = Identity (y2)\n}}"
    )


def _function(text: str) -> onnx.FunctionProto:
    return onnx.parser.parse_function(f'<domain: "{OWN_DOMAIN}", opset_import: ["": {_OPSET}]>\n{text}')


def attach(proto: onnx.ModelProto) -> None:
    """Adds the definitions of the functions that the graph uses, including its loops and branches, and lacks.

    tf2onnx drops the domain of nodes that it moves out of a branch; it is restored here.
    """
    _restore_domains(proto.graph)
    used = sorted(_used(proto.graph))
    known = {function.name for function in proto.functions if function.domain == OWN_DOMAIN}
    proto.functions.extend(definition(op) for op in used if op in _DEFINED - known)
    if used and all(opset.domain != OWN_DOMAIN for opset in proto.opset_import):
        proto.opset_import.append(onnx.helper.make_opsetid(OWN_DOMAIN, OWN_VERSION))


def _restore_domains(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        if not node.domain and is_own_operator(OWN_DOMAIN, node.op_type):
            node.domain = OWN_DOMAIN
        for attribute in node.attribute:
            _restore_domains(attribute.g)


def is_own_operator(domain: str, op: str) -> bool:
    """Whether an operator is one of TensorFlow's that ONNX lacks."""
    return domain == OWN_DOMAIN and (op in _BODIES or op in OPERATORS)


def own_functions(proto: onnx.ModelProto) -> list[tuple[str, str]]:
    """The functions of a model that are identical to the definitions here, by domain and name."""
    named = [(f.domain, f.name, f) for f in proto.functions if f.domain == OWN_DOMAIN and f.name in _DEFINED]
    return [(domain, name) for domain, name, function in named if function == definition(name)]


def _used(graph: onnx.GraphProto) -> set[str]:
    inner = [a.g for node in graph.node for a in node.attribute if a.HasField("g")]
    return {node.op_type for node in graph.node if node.domain == OWN_DOMAIN}.union(*map(_used, inner))
