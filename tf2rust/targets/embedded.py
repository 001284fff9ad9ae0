"""A program for Cortex-M and RISC-V microcontrollers that runs a generated crate without an allocator."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tf2rust.codegen.interface import Interface, Tensor
from tf2rust.codegen.render import render_templates
from tf2rust.errors import ConversionError
from tf2rust.ops.core.dtypes import NARROW, TEXT, is_float, shown
from tf2rust.rust.literals import rust_comment, rust_str, rust_type
from tf2rust.rust.tree import Expr, Token, array, ref, struct

TRIPLES = {
    "thumbv7em-none-eabihf": "qemu-system-arm",
    "thumbv6m-none-eabi": "qemu-system-arm",
    "riscv32imac-unknown-none-elf": "qemu-system-riscv32",
}
"""The targets of the program, a Cortex-M4F, a Cortex-M0 and an RV32IMAC, and their emulators."""
DEFAULT_TRIPLE = "thumbv7em-none-eabihf"
_FILES = (
    ".cargo/config.toml",
    "Cargo.toml",
    "README.md",
    "build.rs",
    *(f"memory/{triple}.x" for triple in TRIPLES),
    "rustfmt.toml",
    "src/cortex_m.rs",
    "src/host.rs",
    "src/main.rs",
    "src/riscv.rs",
    "src/stack.rs",
)


@dataclass(frozen=True)
class _Sampled:
    """An input or output with its sample in the test data: the names and expressions of the templates."""

    tensor: Tensor
    variable: str
    tolerance: str
    """As a Rust literal; empty for inputs, for integers, and for outputs whose elements have own tolerances."""
    own_tolerances: str
    """The key of the elements' own tolerances, as a Rust literal."""

    @property
    def comment(self) -> str:
        return rust_comment(self.tensor.name)

    @property
    def rust_type(self) -> str:
        return rust_type(self.tensor.dtype)

    @property
    def first(self) -> Expr:
        """The elements of the first sample."""
        return self._first(self.rust_type, rust_str(self.tensor.key or ""))

    @property
    def first_tolerances(self) -> Expr:
        """The tolerances of these elements."""
        return self._first("f32", self.own_tolerances)

    def _first(self, kind: str, key: str) -> Expr:
        return Token(f"first::<{kind}>")(ref(Token("features")), Token(key), Token(str(self.len))).tried()

    @property
    def len(self) -> int:
        """The number of elements."""
        return math.prod(size for size in self.tensor.shape if isinstance(size, int))

    @property
    def constant(self) -> str:
        return self.variable.upper()

    @property
    def bound(self) -> str:
        return f"{self.constant}_TOLERANCE"

    @property
    def print(self) -> str:
        """The Rust function that prints an element as a literal."""
        return f"{self.rust_type}_literal" if is_float(self.tensor.dtype) else "|x| x.to_string()"

    @property
    def comparison(self) -> Expr:
        """Whether an output equals its sample."""
        found = Token("outputs").field(self.tensor.field).method("data")
        expected = Token(f"sample::{self.constant}")
        if not is_float(self.tensor.dtype):
            return Token(f"{found} == {expected}")
        bound = f"sample::{self.bound}" if self.own_tolerances else self.bound
        return Token("close")(found, ref(expected), Token(bound))


def embedded_program(interface: Interface) -> dict[str, str]:
    """The files of the program. Raises ConversionError if the model has no sizes or types for it."""
    _check(interface)
    inputs = [_Sampled(tensor, f"input_{i}", "", "") for i, tensor in enumerate(interface.inputs, start=1)]
    outputs = [
        _output(interface, tensor, i) for i, tensor in enumerate(interface.outputs, start=1) if tensor.key is not None
    ]
    context = {
        "interface": interface,
        "struct": interface.struct,
        "description": interface.title,
        "title": interface.crate,
        "comment": rust_comment(interface.model_name),
        "inputs": inputs,
        "outputs": outputs,
        "tensors": [*inputs, *outputs],
        "states": interface.states,
        "floats": sorted({item.rust_type for item in (*inputs, *outputs) if is_float(item.tensor.dtype)}),
        "approximate": any(is_float(item.tensor.dtype) for item in outputs),
        "host_inputs": _inputs(inputs, ""),
        "model_inputs": _inputs(inputs, "sample::"),
    }
    return render_templates({name: f"targets/embedded/{name}" for name in _FILES}, context)


def _check(interface: Interface) -> None:
    tensors = (*interface.inputs, *interface.outputs, *interface.states)
    for tensor in tensors:
        for dim in tensor.shape:
            if not isinstance(dim, int):
                raise ConversionError(
                    f"a program without an allocator needs known sizes, but the tensor `{tensor.name}` has the "
                    f"dimension `{dim}`; convert the model with `--dim {dim}=1` or another size."
                )
    for tensor in (*interface.inputs, *interface.outputs):
        wide = tensor.dtype == "float64" and tensor in interface.outputs
        if tensor.dtype == TEXT or tensor.dtype in NARROW or wide:
            raise ConversionError(
                f"the program for microcontrollers has no comparison for the tensor `{tensor.name}` of type "
                f"{shown(tensor.dtype)}; write one with the crate's `Memory`, as docs/embedded.md describes."
            )
    if not interface.embeds:
        raise ConversionError("the weights are too large for a microcontroller.")


def _output(interface: Interface, tensor: Tensor, number: int) -> _Sampled:
    tolerance = interface.tolerances.get(tensor.name) if is_float(tensor.dtype) else 0.0
    own = rust_str((tensor.key or "").replace("predictions", "tolerances", 1))
    return _Sampled(tensor, f"output_{number}", f"{tolerance:e}" if tolerance else "", own if tolerance is None else "")


def _inputs(inputs: list[_Sampled], path: str) -> Expr:
    """``Inputs { … }`` with the arrays of the sample, at ``path`` or in local variables."""
    if not inputs:
        return Token("Inputs")
    fields = {}
    for item in inputs:
        data = Token(f"{path}{item.constant}" if path else item.variable)
        shape = array([Token(str(size)) for size in item.tensor.shape])
        fields[item.tensor.field] = Token("TensorView::new")(ref(data), ref(shape)).tried()
    return struct(Token("Inputs"), **fields)
