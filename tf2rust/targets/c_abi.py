"""The functions with the C ABI of a generated crate, which the C library and the WebAssembly module export."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tf2rust.codegen.interface import Interface, Tensor
from tf2rust.codegen.names import Names, snake_case
from tf2rust.errors import ConversionError
from tf2rust.ops.core.dtypes import NARROW, TEXT, stored_dtype
from tf2rust.rust.literals import RUST_TYPES, data_type, rust_comment
from tf2rust.rust.tree import Expr, Token, array, ref

_KEYWORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const consteval
    constexpr constinit continue decltype default delete do double dynamic_cast else enum explicit export extern false
    float for friend goto if inline int int8_t int16_t int32_t int64_t long main mutable namespace new noexcept not
    not_eq nullptr operator or or_eq private protected public register reinterpret_cast requires restrict return short
    signed size_t sizeof static static_assert static_cast struct switch template this thread_local throw true try
    typedef typeid typename typeof uint8_t uint16_t uint32_t uint64_t union unsigned using virtual void volatile wchar_t
    while xor xor_eq errno stdin stdout stderr assert signals linux unix
""".split()  # noqa: SIM905, a hundred quoted words read worse
"""Keywords of C and C++, and names that standard headers or compilers define."""
_LOCALS = ("session", "shape", "run", "status", "output", "length", "axis", "i", "input", "self", "model")
_ARRAYS = {
    "bool": "Uint8Array",
    "float16": "Uint16Array",
    "int64": "BigInt64Array",
    "uint64": "BigUint64Array",
}
_C_TYPES = {"float32": "float", "float64": "double", "bool": "bool", "float16": "uint16_t"}


_LONGEST = 18
"""The maximum number of letters of a parameter, so that lines fit."""


@dataclass(frozen=True)
class Parameter:
    """A tensor in C and in the Rust of the library."""

    parameter: str
    comment: str
    dtype: str
    shape: str
    rank: int
    dims: tuple[str, ...]
    """The sizes in Rust; only inputs have them."""
    c: str
    rust: str
    variant: str
    is_narrow: bool
    example: int
    """The number of elements if all symbolic dimensions are 1."""
    name: str
    array: str
    """The typed array of JavaScript."""

    @property
    def sizes(self) -> Expr:
        """The shape in Rust."""
        return array(self.dims)

    def output_head(self, library: str) -> Expr:
        """The name and the parameters of the function that returns the output."""
        return Token(f"{library}_output_{self.parameter}")("session: *const Session", "shape: *mut usize")


def c_abi(interface: Interface, target: str) -> dict[str, Any]:
    """The data of the templates. Raises ConversionError for a model of strings, or if weights are not embedded."""
    for tensor in (*interface.inputs, *interface.outputs):
        if tensor.dtype == TEXT:
            name = rust_comment(tensor.name)
            raise ConversionError(f"`{name}` holds strings, which --with {target} does not support; use --with python.")
    if not interface.embeds:
        raise ConversionError(
            f"the crate does not embed its weights, which --with {target} does not support; use the Rust crate itself."
        )
    library = interface.module
    names = Names((*_KEYWORDS, *_LOCALS))
    symbols = dict.fromkeys(dim for tensor in interface.inputs for dim in tensor.shape if isinstance(dim, str))
    dims = {symbol: names.unique(_identifier(symbol, "dim")) for symbol in symbols}
    inputs = [_parameter(tensor, names, dims) for tensor in interface.inputs]
    own = Names()
    outputs = [_parameter(tensor, own, None) for tensor in interface.outputs]
    own = Names((*_KEYWORDS, *_LOCALS))
    new_dims = [own.unique(_identifier(symbol, "dim")) for symbol in interface.state_dims]
    verb = "step" if interface.states else "predict"
    return {
        "interface": interface,
        "library": library,
        "macro": library.upper(),
        "description": interface.title.replace("*/", "* /"),
        "comment": rust_comment(interface.model_name),
        "verb": verb,
        "dims": list(dims.values()),
        "state_dims": new_dims,
        "inputs": inputs,
        "outputs": outputs,
        "run": Token("run").method("run", ref(array([f"input_{i}" for i in range(1, len(inputs) + 1)]))),
        "new_head": Token(f"{library}_session_new")("session: *mut *mut Session", *(f"{d}: usize" for d in new_dims)),
        "run_head": Token(f"{library}_{verb}")(
            "session: *mut Session",
            *(f"{dim}: usize" for dim in dims.values()),
            *(f"{tensor.parameter}: *const {tensor.rust}" for tensor in inputs),
        ),
    }


def _identifier(name: str, fallback: str) -> str:
    found = snake_case(name, fallback)
    return found if len(found) <= _LONGEST else found[:_LONGEST].rstrip("_")


def _parameter(tensor: Tensor, names: Names, dims: dict[str, str] | None) -> Parameter:
    stored = stored_dtype(tensor.dtype)
    return Parameter(
        names.unique(_identifier(tensor.name, "tensor")),
        f'"{rust_comment(tensor.name).replace("*/", "* /")}"',
        tensor.dtype,
        f"[{', '.join(map(str, tensor.shape))}]",
        len(tensor.shape),
        tuple(str(dim) if dims is None or isinstance(dim, int) else dims[dim] for dim in tensor.shape),
        _C_TYPES.get(stored, f"{stored}_t"),
        "u16" if stored == "float16" else RUST_TYPES[stored],
        data_type(tensor.dtype),
        tensor.dtype in NARROW,
        math.prod(dim for dim in tensor.shape if isinstance(dim, int)),
        tensor.name,
        _ARRAYS.get(stored, f"{stored.replace('u', 'U', 1) if stored[0] == 'u' else stored.title()}Array"),
    )
