"""A program for microcontrollers that runs a generated crate without an allocator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.codegen.render import environment
from tf2rust.errors import ConversionError
from tf2rust.ops.core.dtypes import TEXT, is_float
from tf2rust.rust import printer
from tf2rust.rust.literals import own_type, rust_comment, rust_list, rust_number, rust_type
from tf2rust.rust.tree import Expr, Token, ref, struct

_FILES = (
    ".cargo/config.toml",
    "Cargo.toml",
    "build.rs",
    "memory/thumbv6m-none-eabi.x",
    "memory/thumbv7em-none-eabihf.x",
    "src/host.rs",
    "src/main.rs",
    "src/sample.rs",
    "src/stack.rs",
)


@dataclass(frozen=True)
class Example:
    """An input with the array of a sample, or an output with the array that is expected within ``tolerance``."""

    name: str
    field: str
    array: np.ndarray
    """Of the shape that the model takes or returns."""
    constant: str
    tolerance: float = 0.0

    @property
    def comment(self) -> str:
        return rust_comment(self.name)

    @property
    def data(self) -> str:
        """The elements as a Rust item."""
        dtype = self.array.dtype.name
        suffix = f"_{rust_type(dtype)}"
        items: list[Expr] = [
            Token(rust_number(x, dtype).removesuffix(suffix)) for x in self.array.reshape(-1).tolist()
        ]
        head = f"pub static {self.constant}: [{rust_type(dtype)}; {len(items)}]"
        return printer.constant(items, head)

    @property
    def dims(self) -> str:
        """The shape as a Rust item."""
        shape = self.array.shape
        return f"pub static {self.constant}_SHAPE: [usize; {len(shape)}] = {rust_list(shape)};"

    @property
    def is_approximate(self) -> bool:
        return is_float(self.array.dtype.name)

    @property
    def bound(self) -> str:
        """The tolerance as a Rust item; empty if the elements must be equal."""
        if not self.is_approximate:
            return ""
        return f"pub const {self.constant}_TOLERANCE: f32 = {self.tolerance:e};"


@dataclass(frozen=True)
class Firmware:
    """What the program needs to know of a converted crate.

    ``path`` leads from the program's folder to the crate. ``reference`` is the framework that computed the outputs.
    """

    model_name: str
    crate: str
    struct: str
    inputs: Sequence[Example]
    outputs: Sequence[Example]
    reference: str
    has_states: bool = False
    path: str = "../rust_generated_code"

    def files(self) -> dict[str, str]:
        """The files of the program, by path. Raises ConversionError if a microcontroller cannot run the model."""
        for tensor in (*self.inputs, *self.outputs):
            dtype = tensor.array.dtype.name
            if dtype == TEXT or own_type(dtype) or (tensor in self.outputs and dtype == "float64"):
                raise ConversionError(
                    f"the tensor `{tensor.name}` has the type {dtype}, for which there is no program for "
                    "microcontrollers yet; write one with the crate's `Memory`, as docs/embedded.md describes."
                )
        context = {
            "crate": self.crate,
            "module": self.crate.replace("-", "_"),
            "struct": self.struct,
            "description": self.model_name.replace("\\", "/").replace('"', "'"),
            "comment": rust_comment(self.model_name),
            "path": self.path,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "states": self.has_states,
            "reference": self.reference,
            "approximate": any(tensor.is_approximate for tensor in self.outputs),
            "model_inputs": self._inputs(),
            "comparison": " && ".join(map(_comparison, self.outputs)) or "true",
        }
        return {name: environment().get_template(f"embedded/{name}.j2").render(context) for name in _FILES}

    def _inputs(self) -> Expr:
        if not self.inputs:
            return Token("Inputs")
        views = {}
        for tensor in self.inputs:
            constant = f"sample::{tensor.constant}"
            views[tensor.field] = Token("TensorView::new")(
                ref(Token(constant)), ref(Token(f"{constant}_SHAPE"))
            ).tried()
        return struct(Token("Inputs"), **views)


def _comparison(tensor: Example) -> str:
    found, expected = f"outputs.{tensor.field}.data()", f"sample::{tensor.constant}"
    if tensor.is_approximate:
        return f"close({found}, &{expected}, {expected}_TOLERANCE)"
    return f"{found} == {expected}"
