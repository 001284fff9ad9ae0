"""Programs for microcontrollers: their files, and what they need and compute in an emulator."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.crates import TARGET
from tests.models import graphs
from tests.models.graphs import save
from tests.models.weights import randomise
from tests.targets.cases import INTERFACES
from tests.targets.figures import record
from tf2rust.cli import app
from tf2rust.codegen.interface import Interface, Tensor
from tf2rust.conversion import Options, convert
from tf2rust.converted.elf import read_program
from tf2rust.converted.size import CodeSize, LayerSize, Size, check_budget, measure, parse_budget, part_of
from tf2rust.errors import ConversionError, UsageError
from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.source import open_tensorflow
from tf2rust.targets.embedded import DEFAULT_TRIPLE, TRIPLES, embedded_program


def _tensor(name: str, dtype: str, *shape: int | str, key: str | None = None) -> Tensor:
    return Tensor(name, "field", dtype, shape, key, ())


def _fixed(**changes: Any) -> Interface:
    x, y = _tensor("x", "float32", 1, 4, key="inputs"), _tensor("y", "float32", 1, 3, key="predictions")
    return replace(INTERFACES["plain"], **{"inputs": (x,), "outputs": (y,), "tolerances": {"y": 1e-5}, **changes})


FIXED = {
    "plain": _fixed(),
    "state": _fixed(states=(_tensor("h", "float32", 1, 2, key="predictions_h"),)),
    "no inputs": _fixed(inputs=()),
    "no outputs": _fixed(outputs=()),
    "integers": _fixed(outputs=(_tensor("y", "uint8", 1, 3, key="predictions"),)),
    "own tolerances": _fixed(tolerances={}),
    "several": _fixed(
        inputs=(
            _tensor("a very long name of an input of the model, for a key", "int32", 1, 4, key="inputs_" + "long" * 20),
            _tensor('"quoted"\n', "bool", 1, 2, 3, 4, key='inputs_"quoted"\n'),
        ),
        outputs=(_tensor("y", "float32", 1, 3, key="predictions_y"), _tensor("z", "int64", 2, key=None)),
    ),
}


@pytest.mark.skipif(shutil.which("rustfmt") is None, reason="there is no rustfmt")
def test_rustfmt_finds_nothing_to_change(tmp_path: Path) -> None:
    sources = []
    for name, interface in FIXED.items():
        for path, text in embedded_program(interface).items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            if file.suffix == ".rs" and file.name not in ("host.rs", "stack.rs"):  # modules of main.rs
                sources.append(file)
    command = ["rustfmt", "--edition", "2024", "--check", *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("interface", "reason"),
    [
        (INTERFACES["plain"], "the tensor `x` has the dimension `batch`; convert the model with"),
        (_fixed(inputs=(_tensor("words", "object", 1),)), "no comparison for the tensor `words` of type string"),
        (_fixed(outputs=(_tensor("y", "float64", 1),)), "no comparison for the tensor `y` of type float64"),
        (_fixed(embeds=False), "the weights are too large for a microcontroller"),
    ],
)
def test_models_that_do_not_suit_are_refused(interface: Interface, reason: str) -> None:
    with pytest.raises(ConversionError, match=reason):
        embedded_program(interface)


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("flash=256k,ram=64k", {"flash": 256 * 1024, "ram": 64 * 1024}),
        ("RAM=5000", {"ram": 5000}),
        ("flash=1M", {"flash": 1024**2}),
        ("flash=", None),
        ("flash=1k,flash=2k", None),
        ("rom=1k", None),
        ("", None),
    ],
)
def test_budgets_are_parsed(text: str, budget: dict[str, int] | None) -> None:
    if budget is not None:
        assert parse_budget(text) == budget
        return
    with pytest.raises(UsageError, match="is not a budget"):
        parse_budget(text)


LAYERS = (
    LayerSize("small", "Dense", 10, 400),
    LayerSize("large", "Dense", 1000, 40),
    LayerSize("middle", "Conv2D", 500, 100),
    LayerSize("none", "Softmax", 0, 40),
)


@pytest.mark.parametrize(
    ("budget", "reasons"),
    [
        ({}, []),
        ({"flash": 3300, "ram": 310}, []),
        (
            {"flash": 3299},
            ["needs 3,300 bytes of flash.* of 3,299; .* of large .*code of gemm .*, .* of middle "],
        ),
        ({"ram": 309}, ["needs 310 bytes of ram.* of small .*, .* of middle .*, .* of large "]),
        ({"flash": 1, "ram": 1}, ["flash", "ram"]),
    ],
)
def test_a_budget_that_is_exceeded_names_the_largest_layers(budget: dict[str, int], reasons: list[str]) -> None:
    parts = (CodeSize("gemm", 700), CodeSize("nn::dense", 300))
    found = Size("thumbv6m-none-eabi", 1000, 800, 1500, 200, 10, 100, LAYERS, parts)
    if not reasons:
        check_budget(found, budget)
        return
    with pytest.raises(ConversionError) as error:
        check_budget(found, budget)
    assert len(error.value.reasons) == len(reasons)
    for reason, expected in zip(error.value.reasons, reasons, strict=True):
        assert re.search(expected, reason)


_TF_LAYERS = "CshJym2GPqkP2_15dense_tf_layers"


@pytest.mark.parametrize(
    ("symbol", "part"),
    [
        (f"_RINvMNtNt{_TF_LAYERS}2nn5denseNtB3_5Dense3runKj2_ECs2lHVfPsBV5x_5dense", "nn::dense"),
        (
            f"_RINvNtNt{_TF_LAYERS}4simd3isa10run_scalarINtNtNtB6_4gemm12macro_kernel11MacroKernelNtNtB4_7mul_add3F32"
            "NtNtB11_8epilogue6LinearEEB6_",
            "gemm",
        ),
        (f"_RINvNtNt{_TF_LAYERS}4simd3isa10run_scalarINtNtNtB6_3ops7softmax13SoftmaxKernelKb0_EEB6_", "ops::softmax"),
        (
            f"_RINvNtNt{_TF_LAYERS}4simd3isa10run_scalarINtNtNtB6_3ops8function5ApplyNtNvMs7_NtNtB6_2nn10activation"
            "NtB1x_10Activation4Relu8FunctionEEB6_",
            "nn::activation",
        ),
        (f"_RNvMNtNt{_TF_LAYERS}2io4blobNtB2_4Blob4find", "io"),
        ("_RNvMs_NtCs2lHVfPsBV5x_5dense5modelINtB4_6MemoryKj0_E4lendCs3YSHtRWDpYC_14dense_embedded", "the model"),
        ("_RNvCs3YSHtRWDpYC_14dense_embedded18___cortex_m_rt_main", "the program around the model"),
        ("_RNvNtCs7NhdfSRABLd_17compiler_builtins3mem6memcpy", "runtime and core"),
        ("__aeabi_memclr4", "runtime and core"),
        ("_R", "runtime and core"),
        ("_R999", "runtime and core"),
    ],
)
def test_functions_belong_to_parts(symbol: str, part: str) -> None:
    assert part_of(symbol, "dense") == part


@pytest.mark.parametrize("data", [b"", b"\x7fELF\x02\x01", b"\x7fELF\x01\x01", b"\x7fELF\x01\x01" + b"\xff" * 60])
def test_damaged_programs_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="ELF"):
        read_program(data)


def _dense(keras: Any) -> Any:
    layers = keras.layers
    x = y = keras.Input((10,), name="x")
    for units in (32, 16):
        y = layers.Dense(units, activation="relu")(y)
    return keras.Model(x, layers.Dense(4, activation="softmax")(y))


def _conv1d(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((49, 10), name="x")
    y = layers.Conv1D(16, 3, strides=2, activation="relu", padding="same")(x)
    y = layers.MaxPooling1D(2)(y)
    y = layers.GlobalAveragePooling1D()(layers.Conv1D(16, 3, activation="relu")(y))
    return keras.Model(x, layers.Dense(4, activation="softmax")(y))


def _conv2d(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((12, 12, 1), name="x")
    y = layers.MaxPooling2D(2)(layers.Conv2D(8, 3, activation="relu", padding="same")(x))
    y = layers.Flatten()(layers.Conv2D(16, 3, activation="relu")(y))
    return keras.Model(x, layers.Dense(4, activation="sigmoid")(y))


def _recurrent(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((12, 6), name="x")
    y = layers.GRU(16)(layers.LSTM(16, return_sequences=True)(x))
    return keras.Model(x, layers.Dense(3, activation="sigmoid")(y))


@dataclass(frozen=True)
class Program:
    """A model, and the most bytes of flash and RAM, stack included, that its program may need on a Cortex-M4F."""

    make: Callable[[Any], Any]
    flash: int
    ram: int


PROGRAMS = {
    "dense": Program(_dense, 19_000, 1_900),
    "conv1d": Program(_conv1d, 35_500, 8_500),
    "conv2d": Program(_conv2d, 48_000, 13_000),
    "recurrent": Program(_recurrent, 42_000, 6_500),
}


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Converts a model with its program, once."""
    folder = tmp_path_factory.mktemp("embedded")

    def get(name: str) -> Path:
        out = folder / name
        if not out.exists():
            keras = library("keras")
            keras.utils.set_random_seed(1)
            path = folder / f"{name}.keras"
            randomise(PROGRAMS[name].make(keras)).save(path)
            convert(open_tensorflow(path), Options(out, name, dims={"batch": 1}, targets=["embedded"]))
        return out

    return get


INSTRUCTIONS = {"thumbv7em-none-eabihf": 40, "thumbv6m-none-eabi": 62.5, "riscv32imac-unknown-none-elf": 1}
"""The instructions that the emulator executes in a tick of the program's timer."""


@pytest.mark.targets
@pytest.mark.parametrize("target", TRIPLES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_computes_the_same_in_little_memory_and_cannot_panic(
    name: str, target: str, converted: Callable[[str], Path]
) -> None:
    if shutil.which(TRIPLES[target]) is None:
        pytest.skip(f"there is no {TRIPLES[target]}")
    folder = converted(name)
    command = ["cargo", "run", "--release", "--target", target]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    done = subprocess.run(
        command, cwd=folder / "embedded", env=environment, capture_output=True, text=True, check=False
    )
    # The program exits with an error if an output is beyond its tolerance.
    assert done.returncode == 0, done.stdout + done.stderr
    ticks = int(re.search(r"ticks of the timer: (\d+)", done.stdout)[1])  # type: ignore[index]
    assert ticks > 0

    program = read_program((TARGET / target / "release" / f"{name}-embedded").read_bytes())
    symbols = [symbol.name for symbol in program.symbols if symbol.size]
    assert [name for name in symbols if re.search("panic|_fail", name)] == []
    assert [name for name in symbols if re.search("alloc", name)] == []

    found = measure(folder, target)
    assert found.stack is not None
    if target == DEFAULT_TRIPLE:
        assert (found.flash <= PROGRAMS[name].flash, found.ram <= PROGRAMS[name].ram) == (True, True), found
    assert sum(layer.weights for layer in found.layers) <= found.weights
    # The rest is the interrupt table and padding.
    assert 0 <= found.code - sum(part.code for part in found.parts) <= 2_000
    assert {"gemm", "the model"} <= {part.part for part in found.parts}
    size = f"{found.flash / 1000:.1f} kB of flash, {found.ram / 1000:.1f} kB of RAM with the stack"
    record(target, name, size, f"{ticks * INSTRUCTIONS[target]:,.0f} instructions")


@pytest.mark.parametrize(
    ("budget", "message", "code"),
    [
        ("flash=10", "convert the model with `--dim batch=1` or another size", 1),
        ("disk=10", "'disk=10' is not a budget", 2),
    ],
)
def test_budgets_of_conversions(tmp_path: Path, budget: str, message: str, code: int) -> None:
    path = save(graphs.mlp(), tmp_path / "mlp.onnx")
    options = ["--path_to_save", str(tmp_path / "out"), "--model_name", "mlp", "--budget", budget]
    result = CliRunner().invoke(app, ["from-onnx", str(path), *options])
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr
