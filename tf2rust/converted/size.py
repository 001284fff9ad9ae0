"""The memory that a model needs on a microcontroller: flash and RAM, in all and of each layer."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tf2rust.codegen.crate import ARCHITECTURE, CRATE, WEIGHTS, write_texts
from tf2rust.codegen.interface import read_interface
from tf2rust.converted.cargo import build_folder, find_cargo, first_error
from tf2rust.converted.elf import Program, names_in, read_program
from tf2rust.converted.folder import find_document, find_output
from tf2rust.errors import ConversionError, UsageError, one_line
from tf2rust.npz import REMEDY, read_npz
from tf2rust.ops.core.dtypes import stored_dtype
from tf2rust.stages import Progress, brief, silent, stage
from tf2rust.targets.embedded import TRIPLES, embedded_program

_STACK = re.compile(r"^bytes of stack: (\d+)$", re.MULTILINE)
"""What the program prints on its target."""
_WEIGHTS, _MEMORY = "7WEIGHTS", "6MEMORY"
"""Parts of the mangled names of the statics that hold the packed weights and the ``Memory`` of the model."""
_REGIONS = (".heap", ".stack")
"""Sections without contents that stand for the RAM that is left."""
_SECONDS = 300
"""The maximum time for a prediction in the emulator, including the time that cargo waits for other builds."""
_WRAPPERS = ("run_scalar", "Apply")
"""Functions and types of tf-layers whose argument is a kernel."""
_UNITS = {"": 1, "k": 1024, "m": 1024**2}
_BLAMED = 3
"""The number of layers and parts of the code that a message about a budget names."""


@dataclass(frozen=True)
class LayerSize:
    """The bytes of a layer: its weights as they are in the NPZ file, and its outputs."""

    name: str
    kind: str
    weights: int
    outputs: int


@dataclass(frozen=True)
class CodeSize:
    """The bytes of the functions of a module of tf-layers, or of another part of the program.

    A function counts where the compiler left it: what is inlined counts to its caller.
    """

    part: str
    code: int


@dataclass(frozen=True)
class Size:
    """The bytes of the program that runs the model on ``target``.

    ``code`` includes the interrupt table, ``constants`` the sample with which the program checks itself, ``weights``
    their padding. ``memory`` is the static ``Memory`` of the model: buffers, outputs, states and scratch. ``other`` is
    all other static RAM. ``stack`` was measured in an emulator; None if there is none.
    """

    target: str
    code: int
    constants: int
    weights: int
    memory: int
    other: int
    stack: int | None
    layers: tuple[LayerSize, ...]
    parts: tuple[CodeSize, ...] = ()
    """Of the code, from the largest to the smallest."""

    @property
    def flash(self) -> int:
        """All flash."""
        return self.code + self.constants + self.weights

    @property
    def ram(self) -> int:
        """All RAM. Without a measured stack, it is a lower bound."""
        return self.memory + self.other + (self.stack or 0)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "flash": self.flash, "ram": self.ram}

    def text(self) -> str:
        """Tables: flash and RAM in all, the code of the parts, and the weights and outputs of the layers."""
        total = [
            ("bytes", "flash", "RAM"),
            ("code", self.code, ""),
            ("constants", self.constants, ""),
            ("weights", self.weights, ""),
            ("buffers, outputs and scratch", "", self.memory),
            ("other variables", "", self.other),
            ("stack", "", "not measured" if self.stack is None else self.stack),
            ("total", self.flash, self.ram),
        ]
        layers = [(f"{layer.name} ({layer.kind})", layer.weights, layer.outputs) for layer in self.layers]
        parts = [(part.part, part.code) for part in self.parts]
        code, outputs = _table([("functions", "code"), *parts]), _table([("layer", "weights", "outputs"), *layers])
        return f"{_table(total)}\n\n{code}\n\n{outputs}"


def _table(rows: Sequence[tuple[object, ...]]) -> str:
    """Lines with a column of text and columns of numbers."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else one_line(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )


def measure(folder: Path, target: str, progress: Progress = silent) -> Size:
    """Builds the embedded program of a converted model for ``target``, and measures it.

    ``folder`` is the output folder of the conversion, or its crate. If the output folder has a folder ``embedded``, its
    program counts, even if the user has edited it. The stack is measured if the emulator of the target is installed.
    Raises UsageError for other folders, and ConversionError if the model does not suit a microcontroller, or if cargo
    cannot build the program.
    """
    if target not in TRIPLES:
        raise UsageError(
            f"{target} is not a target whose memory can be measured; the targets are {', '.join(TRIPLES)}."
        )
    cargo, folder = find_cargo(), find_output(folder)
    crate = folder.resolve() / CRATE
    interface = read_interface(crate)
    files, layers = embedded_program(interface), _layers(folder)
    with stage("building the program for the microcontroller", progress), tempfile.TemporaryDirectory() as place:
        package = folder.resolve() / "embedded"
        if not package.is_dir():
            package = Path(place) / "embedded"
            write_texts(files, package)
            (Path(place) / CRATE).symlink_to(crate, target_is_directory=True)
        targets = build_folder(crate)
        build = [cargo, "build", "--release", "--target", target]
        done = _run(build, package, targets)
        if done.returncode:
            raise ConversionError(
                f"cargo cannot build the program for {target} ({first_error(done.stderr)}); run `rustup target "
                f"add {target}`, or `tf2rust add {folder} --with embedded` and cargo build there for all messages."
            )
        program = targets / target / "release" / f"{interface.crate}-embedded"
        progress("running it in the emulator")
        stack = _stack(cargo, package, target, targets)
        return _size(read_program(program.read_bytes()), interface.module, target, stack, layers)


def _stack(cargo: str, package: Path, target: str, targets: Path) -> int | None:
    """The bytes of stack that the program used in the emulator; None if it did not run there."""
    if shutil.which(TRIPLES[target]) is None:
        return None
    ran = _run([cargo, "run", "--release", "--target", target], package, targets, _SECONDS)
    found = _STACK.search(ran.stdout)
    return int(found[1]) if found and not ran.returncode else None


def _run(
    command: list[str], folder: Path, targets: Path, seconds: float | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CARGO_TARGET_DIR": str(targets)}
    try:
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "")


def _size(program: Program, crate: str, target: str, stack: int | None, layers: tuple[LayerSize, ...]) -> Size:
    """The size of a program whose model is in the crate of this name."""
    loaded = [section for section in program.sections if section.is_loaded]
    flash = {section.name: section.size for section in loaded if section.has_contents}
    static = sum(section.size for section in loaded if section.is_writable and section.name not in _REGIONS)
    weights = sum(symbol.size for symbol in program.symbols if _WEIGHTS in symbol.name)
    memory = sum(symbol.size for symbol in program.symbols if _MEMORY in symbol.name)
    functions = sum(section.size for section in loaded if section.is_executable and section.has_contents)
    code = functions + flash.get(".vector_table", 0)
    constants, parts = sum(flash.values()) - code - weights, _parts(program, crate)
    return Size(target, code, constants, weights, memory, static - memory, stack, layers, parts)


def _parts(program: Program, crate: str) -> tuple[CodeSize, ...]:
    """The code of each part. Symbols of one address are one function."""
    functions = {symbol.address: symbol for symbol in program.symbols if symbol.is_function}
    sizes: dict[str, int] = {}
    for symbol in functions.values():
        part = part_of(symbol.name, crate)
        sizes[part] = sizes.get(part, 0) + symbol.size
    found = [CodeSize(part, size) for part, size in sizes.items() if size]
    return tuple(sorted(found, key=lambda part: (-part.code, part.part)))


def part_of(symbol: str, crate: str) -> str:
    """The part of the program that a function belongs to: a module of tf-layers, the model, or what is around it.

    A kernel is compiled as an argument of the function that selects the instruction set; its own module counts.
    """
    first, *path = names_in(symbol) or [""]
    if first.endswith("tf_layers"):
        for wrapper in _WRAPPERS:
            if wrapper in path:
                path = path[path.index(wrapper) + 1 :]
        return "::".join(path[: 2 if path[:1] in (["nn"], ["ops"]) else 1])
    return {crate: "the model", f"{crate}_embedded": "the program around the model"}.get(first, "runtime and core")


def _layers(folder: Path) -> tuple[LayerSize, ...]:
    """The bytes of every layer, from ``model_architecture.json``."""
    path = find_document(folder, ARCHITECTURE)
    try:
        layers = json.loads(path.read_text("utf-8"))["layers"]
        arrays = read_npz(path.with_name(WEIGHTS), "it has the weights of the model", REMEDY)
        bytes_of = {key: array.nbytes for key, array in arrays.items()}
        return tuple(
            LayerSize(
                layer["name"],
                layer["kind"],
                sum(bytes_of.get(weight["key"], 0) for weight in layer["weights"].values()),
                sum(_bytes(output) for output in layer["outputs"]),
            )
            for layer in layers
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConversionError(
            f"{path.parent} does not describe the model ({brief(str(error))}); convert the model again."
        ) from error


def _bytes(tensor: Mapping[str, Any]) -> int:
    return int(math.prod(tensor["shape"]) * np.dtype(stored_dtype(tensor["dtype"])).itemsize)


def parse_budget(text: str) -> dict[str, int]:
    """The bytes of ``flash=256k,ram=64k``. Raises UsageError for anything else."""
    found: dict[str, int] = {}
    for part in text.split(","):
        match = re.fullmatch(r"(flash|ram)=(\d+)([km]?)", part.strip().lower())
        if match is None or match[1] in found:
            raise UsageError(f"{part!r} is not a budget; write for example --budget flash=256k,ram=64k")
        found[match[1]] = int(match[2]) * _UNITS[match[3]]
    return found


def check_budget(size: Size, budget: Mapping[str, int]) -> None:
    """Raises ConversionError, with the layers and the code that need most, if the program exceeds the budget."""
    needs = {"flash": size.flash, "ram": size.ram}
    reasons = []
    for kind, most in budget.items():
        if needs[kind] <= most:
            continue
        if kind == "flash":
            needed = [(layer.weights, f"the weights of {layer.name}") for layer in size.layers]
            needed += [(part.code, f"the code of {part.part}") for part in size.parts]
        else:
            needed = [(layer.outputs, f"the outputs of {layer.name}") for layer in size.layers]
        largest = sorted(needed, key=lambda item: item[0], reverse=True)[:_BLAMED]
        blamed = [f"{what} ({count:,} bytes)" for count, what in largest if count]
        reasons.append(
            f"the program for {size.target} needs {needs[kind]:,} bytes of {kind}, which is more than its budget of "
            f"{most:,}; most is needed by {', '.join(blamed)}: make them smaller, or raise the budget."
        )
    if reasons:
        raise ConversionError(reasons)
