"""The command line: ``tf2rust from-tf``, ``from-onnx``, ``patterns``, ``verify``, ``add`` and ``size``."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Column, Table

from tf2rust import __version__, options
from tf2rust.errors import ConversionError, InternalError, UsageError, one_line
from tf2rust.options import DashesOrUnderscores, Switch
from tf2rust.report import report
from tf2rust.stages import Progress, stage

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


app = typer.Typer(
    help="Convert a trained TensorFlow or ONNX model to a pure-Rust crate, and verify its outputs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        out.print(__version__)
        raise typer.Exit


@app.command("from-tf", cls=DashesOrUnderscores)
def from_tf(
    path_to_save: options.PathToSave,
    model_name: options.ModelName,
    model: Annotated[
        Path | None, typer.Argument(help="A SavedModel folder, a .keras, .h5 or .tflite file, or a frozen .pb graph.")
    ] = None,
    path_to_tf_model: Annotated[Path | None, typer.Option("--path_to_tf_model", help="The same as MODEL.")] = None,
    binary_classification: options.Binary = None,
    enable_inplace: options.Inplace = Switch.true,
    enable_memdrop: options.Memdrop = Switch.true,
    path_to_fv: options.Features = None,
    thresholds: options.ThresholdsFile = None,
    fpr: options.Rates = None,
    labels: options.Labels = None,
    dim: options.Dim = None,
    state: options.State = None,
    stream: options.Stream = None,
    tf_layers: options.TfLayers = None,
    with_: options.Targets = None,
    verify: options.Verify = False,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
    signature: options.Signature = None,
    trust_code: options.TrustCode = False,
    custom_objects: options.CustomObjects = None,
    inputs: options.GraphInputs = None,
    outputs: options.GraphOutputs = None,
) -> None:
    """Convert a TensorFlow model."""
    given = locals()

    def work() -> None:
        from tf2rust.custom_objects import load_custom_objects
        from tf2rust.source import open_tensorflow

        path = model or path_to_tf_model
        if path is None or (model is not None and path_to_tf_model is not None):
            raise UsageError("give the model once, either as MODEL or as --path_to_tf_model")
        named = (options.names("--inputs", inputs), options.names("--outputs", outputs))
        if bool(named[0]) != bool(named[1]):
            raise UsageError("--inputs and --outputs must be given together: a frozen graph needs both")

        def source() -> Any:
            custom = load_custom_objects(custom_objects or [])
            return open_tensorflow(
                path,
                trust_code=trust_code,
                signature=signature,
                custom_objects=custom,
                inputs=named[0],
                outputs=named[1],
            )

        _convert(source, _options(given), verify)

    _guarded(work)


@app.command("from-onnx", cls=DashesOrUnderscores)
def from_onnx(
    model: Annotated[Path, typer.Argument(help="An .onnx file.")],
    path_to_save: options.PathToSave,
    model_name: options.ModelName,
    binary_classification: options.Binary = None,
    enable_inplace: options.Inplace = Switch.true,
    enable_memdrop: options.Memdrop = Switch.true,
    path_to_fv: options.Features = None,
    thresholds: options.ThresholdsFile = None,
    fpr: options.Rates = None,
    labels: options.Labels = None,
    dim: options.Dim = None,
    state: options.State = None,
    stream: options.Stream = None,
    constants: options.Constants = None,
    tf_layers: options.TfLayers = None,
    with_: options.Targets = None,
    verify: options.Verify = False,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """Convert an ONNX model."""
    given = locals()

    def work() -> None:
        from tf2rust.source import open_onnx, read_constants

        _convert(lambda: open_onnx(model, read_constants(constants)), _options(given), verify)

    _guarded(work)


@app.command("patterns", cls=DashesOrUnderscores)
def patterns(
    model: Annotated[Path, typer.Argument(help="An .onnx file or a TensorFlow model.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    dim: options.Dim = None,
    constants: options.Constants = None,
    signature: options.Signature = None,
    trust_code: options.TrustCode = False,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """List the nodes that each rule matched. For other nodes, list the nearest rule and why it failed."""

    def work() -> int:
        options.check_limits(max_memory, time_limit)
        from tf2rust.conversion import match_layers
        from tf2rust.source import open_onnx, open_tensorflow, read_constants

        with err.status("Reading the model"):
            is_onnx = model.suffix.lower() == ".onnx"
            if is_onnx:
                source = open_onnx(model, read_constants(constants))
            else:
                source = open_tensorflow(model, trust_code=trust_code, signature=signature)
            found, _ = match_layers(source, options.dims(dim))
        for note in source.notes:
            err.print(f"note: {one_line(note)}", markup=False)
        if as_json:
            sys.stdout.write(json.dumps(found.as_json(), indent=2, ensure_ascii=False) + "\n")
        else:
            out.print(found.as_text())
        return 1 if found.unmatched else 0

    _guarded(work)


def _options(given: dict[str, Any]) -> Any:
    """The options that both commands share, by their command-line names."""
    options.check_limits(given["max_memory"], given["time_limit"])
    from tf2rust.conversion import Options

    model_name, tf_layers, binary = given["model_name"], given["tf_layers"], given["binary_classification"]
    if given["thresholds"] is not None and given["fpr"] is not None:
        raise UsageError("give --thresholds or --fpr, not both: thresholds are read from a file or found from rates")
    return Options(
        given["path_to_save"].absolute(),
        model_name,
        binary_classification=None if binary is None else bool(binary),
        enable_inplace=bool(given["enable_inplace"]),
        enable_memdrop=bool(given["enable_memdrop"]),
        path_to_fv=given["path_to_fv"],
        thresholds=given["thresholds"],
        rates=options.rates(given["fpr"]),
        labels=given["labels"],
        dims=options.dims(given["dim"]),
        states=options.states(given["state"]),
        stream=given["stream"],
        tf_layers=None if tf_layers is None else tf_layers.resolve(),
        targets=options.names("--with", given["with_"]),
    )


@app.command("verify", cls=DashesOrUnderscores)
def verify_crate(
    folder: Annotated[Path, typer.Argument(help="The output folder of a conversion.")],
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """Build a converted crate with cargo, run its tests, and print the largest difference of every output."""

    def work() -> None:
        options.check_limits(max_memory, time_limit)
        from tf2rust.verification import verify

        with err.status("Reading the crate") as status:
            found = verify(folder, status.update)
        for measured in found:
            out.print(str(measured), markup=False)

    _guarded(work)


@app.command("add", cls=DashesOrUnderscores)
def add(
    folder: Annotated[Path, typer.Argument(help="The output folder of a conversion.")],
    with_: options.AddedTargets,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """Add packages for other languages and machines to a converted crate."""

    def work() -> None:
        options.check_limits(max_memory, time_limit)
        from tf2rust.targets import add_targets

        targets = options.names("--with", with_)
        for note in add_targets(folder.absolute(), targets):
            err.print(f"note: {note}", markup=False)
        for target in targets:
            out.print(str(folder / target), markup=False)

    _guarded(work)


@app.command("size", cls=DashesOrUnderscores)
def size(
    folder: Annotated[Path, typer.Argument(help="The output folder of a conversion.")],
    target: Annotated[
        str, typer.Option("--target", help="A Cortex-M: thumbv7em-none-eabihf or thumbv6m-none-eabi.")
    ] = "thumbv7em-none-eabihf",
    budget: Annotated[
        str | None, typer.Option("--budget", help="Fail if the program needs more, e.g. flash=256k,ram=64k.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure the flash and RAM that a converted model needs on a microcontroller."""

    def work() -> None:
        from tf2rust.size import check_budget, measure, parse_budget

        most = parse_budget(budget) if budget is not None else {}
        with err.status("Measuring") as status:
            found = measure(folder, target, status.update)
        if as_json:
            out.print_json(json.dumps(found.as_json()))
        else:
            for heading, rows in (
                (("bytes", "flash", "RAM"), found.rows()),
                (("layer", "weights", "outputs"), found.layer_rows()),
            ):
                table = Table(*(Column(name, justify="right" if i else "left") for i, name in enumerate(heading)))
                for row in rows:
                    table.add_row(*row)
                out.print(table)
        check_budget(found, most)

    _guarded(work)


def _convert(open_source: Callable[[], Any], choices: Any, verifies: bool) -> None:
    from tf2rust.conversion import convert

    with err.status("Reading the model") as status:
        source = open_source()
        if source.opened_with:
            err.print(source.opened_with, markup=False)
        result = convert(source, choices, status.update)
        for note in result.notes:
            err.print(f"note: {note}", markup=False)
        figures = _figures(result, choices.path_to_save, verifies, status.update)
    err.print(
        f"{len(result.listing.layers)} layers, {result.proof.about()}; next: cd {result.crate} && cargo test --release",
        markup=False,
    )
    for figure in figures[:_MOST_FIGURES]:
        err.print(figure, markup=False)
    if len(figures) > _MOST_FIGURES:
        err.print(f"… and {len(figures) - _MOST_FIGURES} more; tf2rust verify {choices.path_to_save} lists all")
    out.print(str(result.crate), markup=False)


_MOST_FIGURES = 8
"""The maximum number of outputs whose largest difference a conversion reports."""


def _figures(result: Any, folder: Path, verifies: bool, progress: Progress) -> list[str]:
    """The largest difference of every output: of the Rust crate if ``verifies``, otherwise of the graph."""
    if verifies and shutil.which("cargo") is not None:
        from tf2rust.verification import verify

        return [str(measured) for measured in verify(folder, progress)]
    if verifies:
        err.print("note: cargo was not found, so the Rust crate was not verified; install Rust from https://rustup.rs.")
    return [f"{figure} (of the graph; --verify measures the Rust crate)" for figure in result.proof.graph_figures()]


def _guarded(work: Callable[[], int | None]) -> None:
    """Runs a command and exits with its code. Errors that a user can act on become messages and the code 1 or 2."""
    try:
        with stage("running the command"):
            code = work()
    except ConversionError as error:
        for reason in error.reasons:
            err.print(f"error: {reason}", markup=False)
        if isinstance(error, InternalError):
            err.print(f"The traceback is in {report(error)}.", markup=False)
        _exit(1)
    except UsageError as error:
        err.print(f"error: {error}", markup=False)
        _exit(2)
    if code:
        _exit(code)


def _exit(code: int) -> NoReturn:
    raise typer.Exit(code)


def run() -> None:
    """Runs the command line. Called by :mod:`tf2rust.child`."""
    app()
