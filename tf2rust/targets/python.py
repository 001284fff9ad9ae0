"""The Python package of a generated crate: NumPy arrays and Arrow tables in and out, built by maturin."""

from __future__ import annotations

import keyword
import sys
from dataclasses import dataclass

from tf2rust.codegen.interface import Interface, Tensor
from tf2rust.codegen.names import Names, snake_case
from tf2rust.codegen.render import render_templates
from tf2rust.ops.core.dtypes import NARROW, TEXT, is_float, stored_dtype
from tf2rust.rust.literals import RUST_TYPES, data_type, rust_comment

_FILES = ("Cargo.toml", "pyproject.toml", "rustfmt.toml", "README.md", "src/lib.rs", "src/numpy.rs")
_ARROW = "src/arrow.rs"
_EXAMPLE_SIZE = 1
"""The size of a symbolic dimension in the example of the README."""


@dataclass(frozen=True)
class ElementType:
    """An element type: its NumPy dtype, and its names in Rust, in ``DataType`` and in Arrow.

    NumPy arrays hold the elements of a type that NumPy lacks as integers; ``new`` and ``get`` convert from and to
    these.
    """

    dtype: str
    rust: str
    variant: str
    numpy: str
    arrow: str | None
    new: str = ""
    get: str = ""

    @classmethod
    def of(cls, dtype: str) -> ElementType:
        rust = RUST_TYPES[dtype]
        variant = data_type(dtype)
        if dtype not in NARROW:
            return cls(
                dtype, rust, variant, rust, None if dtype == "bool" else f"{dtype.title().replace('i', 'I')}Type"
            )
        stored = "u16" if NARROW[dtype].stored == "float16" else RUST_TYPES[NARROW[dtype].stored]
        new, get = ("from_bits", "to_bits") if is_float(dtype) else ("new", "get")
        return cls(dtype, rust, variant, stored, None, new, get)


def python_package(interface: Interface) -> dict[str, str]:
    """The files of the package. The module is named after the crate, with ``_model`` if Python has such a name."""
    module = interface.module
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or module in ("numpy", "pyarrow"):
        module = f"{module}_model"
    names = Names()
    arguments = [names.unique(snake_case(tensor.name)) for tensor in interface.inputs]
    inputs, types = _types(interface.inputs), _types((*interface.inputs, *interface.outputs))
    has_arrow = all(found.arrow or found.dtype == "bool" for found in types)
    # Tables are scored batch by batch, which needs an input and no state between the batches.
    tabular = bool(interface.inputs) and not interface.states and has_arrow
    context = {
        "interface": interface,
        "module": module,
        "description": interface.title,
        "comment": rust_comment(interface.model_name),
        "inputs": inputs,
        "outputs": _types(interface.outputs),
        "borrows": any(found.numpy == found.rust for found in inputs),
        "has_numbers": any(found.arrow for found in types),
        "has_text_inputs": any(tensor.dtype == TEXT for tensor in interface.inputs),
        "has_text_outputs": any(tensor.dtype == TEXT for tensor in interface.outputs),
        "has_bool_inputs": any(tensor.dtype == "bool" for tensor in interface.inputs),
        "has_bool_outputs": any(tensor.dtype == "bool" for tensor in interface.outputs),
        "tabular": tabular,
        "names": arguments,
        "results": snake_case(interface.outputs[0].name, "output") if len(interface.outputs) == 1 else "outputs",
        "example": _example,
        "parameters": _parameters(interface.inputs),
        "returns": _returns(interface.outputs),
    }
    files = [*_FILES, *([_ARROW] if tabular else [])]
    templates = {name: f"targets/python/{name}" for name in files} | {f"{module}.pyi": "targets/python/module.pyi"}
    return {**render_templates(templates, context), "py.typed": ""}


def _types(tensors: tuple[Tensor, ...]) -> list[ElementType]:
    """The types of numbers, without repetitions."""
    return [ElementType.of(dtype) for dtype in dict.fromkeys(t.dtype for t in tensors) if dtype != TEXT]


def _array(tensor: Tensor) -> str:
    """The type of an array of the tensor's dtype in a stub."""
    stored = stored_dtype(tensor.dtype)
    return f"NDArray[np.{ {'object': 'object_', 'bool': 'bool_'}.get(stored, stored) }]"


def _parameters(inputs: tuple[Tensor, ...]) -> str:
    if all(tensor.name.isidentifier() and not keyword.iskeyword(tensor.name) for tensor in inputs):
        return ", ".join(["self", *(f"{tensor.name}: {_array(tensor)}" for tensor in inputs)])
    kinds = " | ".join(dict.fromkeys(map(_array, inputs)))
    return f"self, *arrays: {kinds}, **named: {kinds}"


def _returns(outputs: tuple[Tensor, ...]) -> str:
    kinds = " | ".join(dict.fromkeys(map(_array, outputs)))
    return kinds if len(outputs) == 1 else f"dict[str, {kinds or 'Any'}]"


def _example(tensor: Tensor) -> str:
    """An array for the README."""
    shape = [size if isinstance(size, int) else _EXAMPLE_SIZE for size in tensor.shape]
    stored = stored_dtype(tensor.dtype)
    return f'np.full({shape}, "text", "object")' if tensor.dtype == TEXT else f'np.zeros({shape}, "{stored}")'
