"""Replaces complex tensors of a TensorFlow graph by their real and imaginary parts, because ONNX has no complex ops.

tf2onnx itself knows only the absolute value of a Fourier transform. This rewriter runs before its handlers. It splits
every complex tensor into two real ones: Fourier transforms become products with matrices of cosines and sines, and ops
that only move elements run once for each part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import onnx

from tf2rust.onnx_import.tensorflow.runtime import library

_COMPLEX = (onnx.TensorProto.COMPLEX64, onnx.TensorProto.COMPLEX128)
_ZERO = 1e-12
_MOVING = frozenset(
    ("Identity", "Reshape", "Squeeze", "ExpandDims", "Transpose", "StridedSlice", "Slice", "Pad", "GatherV2", "Tile")
)
"""Ops whose first input is data, and whose other inputs say how to move it."""

_AXES = {"RFFT": 1, "RFFT2D": 2, "IRFFT": 1, "FFT": 1, "FFT2D": 2, "IFFT": 1, "IFFT2D": 2}
"""How many of the last axes a Fourier transform runs over."""


class _Parts(NamedTuple):
    """The names of the two real tensors of a complex one."""

    real: str
    imaginary: str


def complex_splitter(unknown: dict[str, str]) -> Callable[[Any, Any], Any]:
    """The rewriter, with the signature that tf2onnx expects.

    Adds the ops on complex tensors that have no implementation here to ``unknown``, as types by node name.
    """

    def split_complex(graph: Any, ops: Any) -> Any:
        nodes = graph.get_nodes()
        if not any(_is_complex(graph, output) for node in nodes for output in node.output):
            return ops
        unknown.update({node.name: node.type for node in nodes if not _has_implementation(graph, node)})
        lengths = all(_has_known_length(graph, node) for node in nodes)
        outside = any(_is_complex(graph, name) for name in (*graph.outputs, *graph.input_names))
        if lengths and not unknown and not outside:
            splitter = _Splitter(graph)
            for node in [node for node in nodes if _ends(graph, node)]:
                splitter.end(node)
            graph.delete_unused_nodes(graph.outputs)
        return graph.get_nodes()

    return split_complex


def _is_complex(graph: Any, name: str) -> bool:
    return graph.get_dtype(name) in _COMPLEX


def _ends(graph: Any, node: Any) -> bool:
    """Whether an op makes a real tensor from a complex one."""
    return any(_is_complex(graph, name) for name in node.input) and not any(
        _is_complex(graph, name) for name in node.output
    )


def _has_implementation(graph: Any, node: Any) -> bool:
    """Whether an op is implemented below, or has nothing to do with complex tensors."""
    if any(_is_complex(graph, name) for name in node.output):
        return node.type in _MAKERS or node.type == "Placeholder"
    return node.type in _ENDS or not _ends(graph, node)


def _has_known_length(graph: Any, node: Any) -> bool:
    """Whether the lengths of a Fourier transform are known."""
    axes = _AXES.get(node.type, 0)
    sizes = (graph.get_shape(node.input[0]) or [-1])[-axes:] if axes else []
    if any(size < 1 for size in sizes):
        return False
    if node.type not in ("RFFT", "RFFT2D", "IRFFT"):
        return True
    # Only the last axis may be cut or padded.
    return bool(node.inputs[1].is_const()) and _lengths(node)[:-1] == sizes[:-1]


def _lengths(node: Any) -> list[int]:
    return [int(length) for length in np.reshape(node.inputs[1].get_tensor_value(as_list=False), -1)]


class _Splitter:
    """Makes the parts of complex tensors on demand."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.found: dict[str, _Parts] = {}

    def end(self, node: Any) -> None:
        """Replaces an op that makes a real tensor from a complex one."""
        made = _ENDS[node.type](self, node)
        output, shape, dtype = (
            node.output[0],
            self.graph.get_shape(node.output[0]),
            self.graph.get_dtype(node.output[0]),
        )
        name = node.name
        self.graph.remove_node(name)
        self.graph.make_node("Identity", [made], name=name, outputs=[output], shapes=[shape], dtypes=[dtype])

    def parts(self, name: str) -> _Parts:
        """The two real tensors of a complex one."""
        if name not in self.found:
            node = self.graph.get_node_by_output(name)
            self.found[name] = _MAKERS[node.type](self, node)
        return self.found[name]

    def op(self, node: Any, kind: str, *inputs: str) -> str:
        """An ONNX op in the place of ``node``."""
        return str(self.graph.make_node(kind, list(inputs), name=self.fresh(node)).output[0])

    def moved(self, node: Any, data: str) -> str:
        """``node``, a TensorFlow op, on one part of its input."""
        shape, dtype = self.graph.get_shape(node.output[0]), self.graph.get_dtype(data)
        copy = self.graph.make_node(
            node.type,
            [data, *node.input[1:]],
            attr=dict(node.attr),
            name=self.fresh(node),
            shapes=[shape],
            dtypes=[dtype],
            skip_conversion=False,
        )
        return str(copy.output[0])

    def product(self, node: Any, data: str, matrix: np.ndarray) -> str:
        """The product of the last axis with a matrix, of the axis' first elements if the matrix has fewer rows."""
        size = self.graph.get_shape(data)[-1]
        if size > len(matrix):
            ends = [self.constant(node, np.array([value], np.int64)) for value in (0, len(matrix), -1)]
            data = self.op(node, "Slice", data, *ends)
        made = self.op(node, "MatMul", data, self.constant(node, matrix[:size].astype(np.float32)))
        self.graph.set_dtype(made, onnx.TensorProto.FLOAT)
        self.graph.set_shape(made, [*self.graph.get_shape(data)[:-1], matrix.shape[1]])
        return made

    def constant(self, node: Any, array: np.ndarray) -> str:
        return str(self.graph.make_const(self.fresh(node), array).output[0])

    def fresh(self, node: Any) -> str:
        return str(library("tf2onnx.utils").make_name(node.name))


def _waves(rows: int, columns: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin of 2π · row · column / length; exactly 0 where they are, so that rounding sets no sign of a phase."""
    angles = 2 * np.pi * (np.outer(np.arange(rows), np.arange(columns)) % length) / length
    cos, sin = (np.where(np.abs(wave) < _ZERO, 0.0, wave) for wave in (np.cos(angles), np.sin(angles)))
    return cos, sin


def _rfft(s: _Splitter, node: Any) -> _Parts:
    """The transform of a real row: cosines and negative sines."""
    length = _lengths(node)[-1]
    cos, sin = _waves(length, length // 2 + 1, length)
    rows = _Parts(s.product(node, node.input[0], cos), s.product(node, node.input[0], 0.0 - sin))
    return rows if _lengths(node)[:-1] in ([], [1]) else _columns(s, node, rows)


def _fft(s: _Splitter, node: Any) -> _Parts:
    """The transform of a complex row or image, or its inverse."""
    x = s.parts(node.input[0])
    cos, sin = _roots(s.graph.get_shape(x.real)[-1], inverse=node.type.startswith("I"))
    real = s.op(node, "Sub", s.product(node, x.real, cos), s.product(node, x.imaginary, sin))
    rows = _Parts(real, s.op(node, "Add", s.product(node, x.real, sin), s.product(node, x.imaginary, cos)))
    return _columns(s, node, rows) if _AXES[node.type] == 2 else rows


def _columns(s: _Splitter, node: Any, x: _Parts) -> _Parts:
    """The transform along the last axis but one."""
    cos, sin = _roots(s.graph.get_shape(node.input[0])[-2], inverse=node.type.startswith("I"))
    c, d = (s.constant(node, matrix.astype(np.float32)) for matrix in (cos, sin))
    real = s.op(node, "Sub", s.op(node, "MatMul", c, x.real), s.op(node, "MatMul", d, x.imaginary))
    return _Parts(real, s.op(node, "Add", s.op(node, "MatMul", d, x.real), s.op(node, "MatMul", c, x.imaginary)))


def _roots(length: int, *, inverse: bool) -> tuple[np.ndarray, np.ndarray]:
    """The real and the imaginary part of the symmetric matrix of a transform."""
    cos, sin = _waves(length, length, length)
    return (cos / length, sin / length) if inverse else (cos, 0.0 - sin)


def _irfft(s: _Splitter, node: Any) -> str:
    """The real row of one half of a conjugate-symmetric spectrum: the bins between the ends count twice."""
    x, length = s.parts(node.input[0]), _lengths(node)[-1]
    bins = np.arange(length // 2 + 1)
    share = np.where((bins == 0) | (2 * bins == length), 1, 2)[:, None] / length
    cos, sin = _waves(len(bins), length, length)
    return s.op(node, "Sub", s.product(node, x.real, share * cos), s.product(node, x.imaginary, share * sin))


def _constant(s: _Splitter, node: Any) -> _Parts:
    value = node.get_tensor_value(as_list=False)
    return _Parts(*(s.constant(node, part.astype(np.float32)) for part in (value.real, value.imag)))


def _cast_to_complex(s: _Splitter, node: Any) -> _Parts:
    if _is_complex(s.graph, node.input[0]):
        return s.parts(node.input[0])
    return _Parts(node.input[0], s.op(node, "Mul", node.input[0], s.constant(node, np.zeros((), np.float32))))


def _of_each(kind: str) -> Callable[[_Splitter, Any], _Parts]:
    def make(s: _Splitter, node: Any) -> _Parts:
        pairs = zip(*(s.parts(name) for name in node.input), strict=True)
        return _Parts(*(s.op(node, kind, *names) for names in pairs))

    return make


def _moved(s: _Splitter, node: Any) -> _Parts:
    return _Parts(*(s.moved(node, part) for part in s.parts(node.input[0])))


def _conj(s: _Splitter, node: Any) -> _Parts:
    x = s.parts(node.input[0])
    return _Parts(x.real, s.op(node, "Neg", x.imaginary))


def _product(s: _Splitter, node: Any) -> _Parts:
    (a, b), (c, d) = (s.parts(name) for name in node.input)
    real = s.op(node, "Sub", s.op(node, "Mul", a, c), s.op(node, "Mul", b, d))
    return _Parts(real, s.op(node, "Add", s.op(node, "Mul", a, d), s.op(node, "Mul", b, c)))


def _angle(s: _Splitter, node: Any) -> str:
    x = s.parts(node.input[0])
    made = s.graph.make_node(
        "Atan2",
        [x.imaginary, x.real],
        name=s.fresh(node),
        shapes=[s.graph.get_shape(node.output[0])],
        dtypes=[s.graph.get_dtype(node.output[0])],
        skip_conversion=False,
    )
    return str(made.output[0])


def _magnitude(s: _Splitter, node: Any) -> str:
    x = s.parts(node.input[0])
    squares = [s.op(node, "Mul", part, part) for part in x]
    return s.op(node, "Sqrt", s.op(node, "Add", *squares))


_MAKERS: dict[str, Callable[[_Splitter, Any], _Parts]] = {
    "RFFT": _rfft,
    "RFFT2D": _rfft,
    "FFT": _fft,
    "FFT2D": _fft,
    "IFFT": _fft,
    "IFFT2D": _fft,
    "Const": _constant,
    "Cast": _cast_to_complex,
    "Complex": lambda _, node: _Parts(*node.input[:2]),
    "Conj": _conj,
    "Add": _of_each("Add"),
    "AddV2": _of_each("Add"),
    "Sub": _of_each("Sub"),
    "Neg": _of_each("Neg"),
    "Mul": _product,
    **dict.fromkeys(_MOVING, _moved),
}
"""What makes a complex tensor."""
_ENDS: dict[str, Callable[[_Splitter, Any], str]] = {
    "Real": lambda s, node: s.parts(node.input[0]).real,
    "Imag": lambda s, node: s.parts(node.input[0]).imaginary,
    "Cast": lambda s, node: s.parts(node.input[0]).real,
    "ComplexAbs": _magnitude,
    "Angle": _angle,
    "IRFFT": _irfft,
}
"""What makes a real tensor from a complex one."""
