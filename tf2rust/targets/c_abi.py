"""The functions with the C ABI of a generated crate, which the C library and the WebAssembly module export."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tf2rust.codegen.interface import Interface, Tensor
from tf2rust.codegen.names import Names, snake_case
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
_LOCALS = ("session", "shape", "run", "status", "output", "length", "axis", "i", "self", "model")
_FUNCTIONS = ("attempt", "input", "strings")
"""Functions that the function with the inputs as parameters calls."""
_ARRAYS = {
    "bool": "Uint8Array",
    "float16": "Uint16Array",
    "int64": "BigInt64Array",
    "uint64": "BigUint64Array",
    "object": "Array",
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
    """The type of an element; unused for strings, as ``rust``."""
    rust: str
    variant: str
    """The variant of ``AnyView``."""
    is_narrow: bool
    example: int
    """The number of elements if all symbolic dimensions are 1."""
    name: str
    array: str
    """The array of JavaScript."""
    lengths: str = ""
    """The parameter with the lengths of the strings; only inputs of strings have one."""

    @property
    def is_text(self) -> bool:
        return self.dtype == TEXT

    @property
    def typescript(self) -> str:
        """The type of the array in TypeScript."""
        return "string[]" if self.is_text else self.array

    @property
    def sizes(self) -> Expr:
        """The shape in Rust."""
        return array(self.dims)

    @property
    def pointers(self) -> list[str]:
        """The parameters of an input."""
        return [self.parameter, self.lengths] if self.is_text else [self.parameter]

    @property
    def input_parameters(self) -> list[str]:
        """The parameters of an input in Rust."""
        if self.is_text:
            return [f"{self.parameter}: *const *const c_char", f"{self.lengths}: *const usize"]
        return [f"{self.parameter}: *const {self.rust}"]

    @property
    def declaration(self) -> str:
        """The parameters of an input in C."""
        if self.is_text:
            return f"const char *const *{self.parameter}, const size_t *{self.lengths}"
        return f"const {self.c} *{self.parameter}"

    @property
    def argument(self) -> str:
        """The arguments of an input in the example in C."""
        return f"{self.parameter}, NULL" if self.is_text else self.parameter

    def output_head(self, library: str) -> Expr:
        """The name and the parameters of the function that returns the output."""
        texts = ("bytes: *mut c_char", "capacity: usize", "offsets: *mut usize") if self.is_text else ()
        return Token(f"{library}_output_{self.parameter}")("session: *const Session", "shape: *mut usize", *texts)


def c_abi(interface: Interface) -> dict[str, Any]:
    """The data of the templates."""
    library = interface.module
    names = Names((*_KEYWORDS, *_LOCALS, *_FUNCTIONS))
    symbols = dict.fromkeys(dim for tensor in interface.inputs for dim in tensor.shape if isinstance(dim, str))
    dims = {symbol: names.unique(_identifier(symbol, "dim")) for symbol in symbols}
    inputs = [_parameter(tensor, names, dims) for tensor in interface.inputs]
    own = Names()
    outputs = [_parameter(tensor, own, None) for tensor in interface.outputs]
    own = Names((*_KEYWORDS, *_LOCALS, "weights"))
    new_dims = [own.unique(_identifier(symbol, "dim")) for symbol in interface.state_dims]
    verb = "step" if interface.states else "predict"
    new_session, sizes = "session: *mut *mut Session", [f"{dim}: usize" for dim in new_dims]
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
        "has_text_inputs": any(tensor.is_text for tensor in inputs),
        "has_text_outputs": any(tensor.is_text for tensor in outputs),
        "has_number_inputs": any(not tensor.is_text for tensor in inputs),
        "run": Token("run").method("run", ref(array([f"input_{i}" for i in range(1, len(inputs) + 1)]))),
        "new_head": Token(f"{library}_session_new")(new_session, *sizes),
        "from_weights_head": Token(f"{library}_session_from_weights")(
            new_session, "weights: *const u8", "length: usize", *sizes
        ),
        "run_head": Token(f"{library}_{verb}")(
            "session: *mut Session",
            *(f"{dim}: usize" for dim in dims.values()),
            *(parameter for tensor in inputs for parameter in tensor.input_parameters),
        ),
    }


def _identifier(name: str, fallback: str) -> str:
    found = snake_case(name, fallback)
    return found if len(found) <= _LONGEST else found[:_LONGEST].rstrip("_")


def _parameter(tensor: Tensor, names: Names, dims: dict[str, str] | None) -> Parameter:
    stored = stored_dtype(tensor.dtype)
    name = names.unique(_identifier(tensor.name, "tensor"))
    is_text = tensor.dtype == TEXT
    return Parameter(
        parameter=name,
        comment=f'"{rust_comment(tensor.name).replace("*/", "* /")}"',
        dtype=tensor.dtype,
        shape=f"[{', '.join(map(str, tensor.shape))}]",
        rank=len(tensor.shape),
        dims=tuple(str(dim) if dims is None or isinstance(dim, int) else dims[dim] for dim in tensor.shape),
        c=_C_TYPES.get(stored, f"{stored}_t"),
        rust="u16" if stored == "float16" else RUST_TYPES[stored],
        variant="String" if is_text else data_type(tensor.dtype),
        is_narrow=tensor.dtype in NARROW,
        example=math.prod(dim for dim in tensor.shape if isinstance(dim, int)),
        name=tensor.name,
        array=_ARRAYS.get(stored, f"{stored.replace('u', 'U', 1) if stored[0] == 'u' else stored.title()}Array"),
        lengths=names.unique(f"{name}_lengths") if is_text and dims is not None else "",
    )
