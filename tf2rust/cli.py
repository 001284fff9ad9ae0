"""The command line: ``tf2rust`` and its commands."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console

from tf2rust import __version__, options
from tf2rust.config import CONFIG
from tf2rust.errors import ConversionError, InternalError, UnmatchedError, UsageError, one_line
from tf2rust.messages import Messages
from tf2rust.options import DashesOrUnderscores, Switch
from tf2rust.process.crash_report import write_crash_report
from tf2rust.quantization.settings import Settings
from tf2rust.stages import stage

if TYPE_CHECKING:
    from tf2rust.converted.verification import Measured

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


app = typer.Typer(
    cls=options.Commands,
    help="Convert a trained TensorFlow or ONNX model to a pure-Rust crate, and verify its outputs.",
    no_args_is_help=True,
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
    quantize: options.Quantize = None,
    weights: options.SmallWeights = None,
    precision: options.Precision = None,
    calibrate: options.Calibrate = None,
    calibration_method: options.CalibrationMethod = None,
    keep_float: options.KeepFloat = None,
    max_loss: options.MaximumLoss = None,
    tf_layers: options.TfLayers = None,
    license: options.License = None,
    targets: options.Targets = None,
    verify: options.Verify = False,
    budget: options.Budget = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
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
        path = model or path_to_tf_model
        if path is None or (model is not None and path_to_tf_model is not None):
            raise UsageError("give the model once, either as MODEL or as --path_to_tf_model")
        found = {**given, "model": path}
        _convert(_tensorflow(found), found)

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
    quantize: options.Quantize = None,
    weights: options.SmallWeights = None,
    precision: options.Precision = None,
    calibrate: options.Calibrate = None,
    calibration_method: options.CalibrationMethod = None,
    keep_float: options.KeepFloat = None,
    max_loss: options.MaximumLoss = None,
    constants: options.Constants = None,
    tf_layers: options.TfLayers = None,
    license: options.License = None,
    targets: options.Targets = None,
    verify: options.Verify = False,
    budget: options.Budget = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """Convert an ONNX model."""
    given = locals()

    def work() -> None:
        _convert(_onnx(given), given)

    _guarded(work)


@app.command("build", cls=DashesOrUnderscores)
def build(
    file: Annotated[
        Path, typer.Argument(metavar="[FILE]", help="A file with a table [[model]] for each conversion.")
    ] = Path(CONFIG),
    check: Annotated[bool, typer.Option("--check", help="Write nothing: do what tf2rust check does.")] = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """Convert the models in a tf2rust.toml, whose keys are the options of from-tf and from-onnx."""
    common = {name: value for name, value in locals().items() if name not in ("file", "check")}

    def work() -> int:
        from tf2rust.config import is_onnx, read_config, table_name

        messages, code = Messages(err, quiet, verbose), 0
        tables = [{**found, **common, "as_json": False} for found in read_config(file)]
        # Wrong options are reported before the first conversion.
        for i, given in enumerate(tables):
            with _named(table_name(file, i)):
                _check_options(given)
        for i, given in enumerate(tables):
            messages.print(f"{given['model']} → {given['path_to_save']}")
            with _named(table_name(file, i)):
                source = _onnx(given) if is_onnx(given["model"]) else _tensorflow(given)
                if check:
                    code |= _check(given["path_to_save"], source, given)
                else:
                    _convert(source, given)
        return code

    _guarded(work)


@contextlib.contextmanager
def _named(table: str) -> Iterator[None]:
    """Adds the table of a configuration file to the errors in the block."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{table}: {error}") from error
    except ConversionError as error:
        error.reasons = tuple(f"{table}: {reason}" for reason in error.reasons)
        raise


def _check_options(given: Mapping[str, Any]) -> None:
    """Raises UsageError for options that no conversion can use."""
    from tf2rust.converted.size import parse_budget

    _options(given)
    if given["budget"] is not None:
        parse_budget(given["budget"])


@app.command("check", cls=DashesOrUnderscores)
def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The output folder of a conversion.")],
    model: Annotated[Path, typer.Argument(help="The model that it was converted from.")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    model_name: Annotated[str | None, typer.Option("--model_name", help="Another name of the model.")] = None,
    binary_classification: options.Binary = None,
    enable_inplace: options.OtherInplace = None,
    enable_memdrop: options.OtherMemdrop = None,
    path_to_fv: options.Features = None,
    thresholds: options.ThresholdsFile = None,
    fpr: options.Rates = None,
    labels: options.Labels = None,
    dim: options.Dim = None,
    state: options.State = None,
    stream: options.Stream = None,
    quantize: options.Quantize = None,
    weights: options.SmallWeights = None,
    precision: options.Precision = None,
    calibrate: options.Calibrate = None,
    calibration_method: options.CalibrationMethod = None,
    keep_float: options.KeepFloat = None,
    max_loss: options.MaximumLoss = None,
    constants: options.Constants = None,
    tf_layers: options.TfLayers = None,
    license: options.License = None,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
    signature: options.Signature = None,
    trust_code: options.TrustCode = False,
    custom_objects: options.CustomObjects = None,
    inputs: options.GraphInputs = None,
    outputs: options.GraphOutputs = None,
) -> None:
    """Convert MODEL again with the recorded options, and list the files in DIR that differ.

    Options replace the recorded ones. Files such as --path_to_fv must be given again.
    """
    given = {**locals(), "trust_code": trust_code or None}

    def work() -> int:
        from tf2rust.config import OPTIONS, is_onnx
        from tf2rust.converted import checking
        from tf2rust.converted.folder import output_folder

        place = output_folder(folder)
        changes = {name: given.get(name) for name in OPTIONS if name != "path_to_save"}
        found = {**given, **checking.read_options(place, changes), "path_to_save": place}
        return _check(place, _onnx(found) if is_onnx(model) else _tensorflow(found), found)

    _guarded(work)


def _check(folder: Path, open_source: Callable[[], Any], given: Mapping[str, Any]) -> int:
    """Compares a conversion with a new one. Returns the exit code: 1 if files differ."""
    messages, choices = Messages(err, given["quiet"], given["verbose"]), _options(given)
    from tf2rust.conversion import convert
    from tf2rust.converted import checking

    reasons = checking.causes(folder, given["model"])
    with (
        messages.working("Reading the model") as progress,
        tempfile.TemporaryDirectory(prefix="tf2rust-") as temporary,
    ):
        fresh = Path(temporary) / "out"
        convert(open_source(), replace(choices, path_to_save=fresh), progress)
        found = checking.compare(folder, fresh)
    if given["as_json"]:
        _print_json(checking.as_json(folder, found, reasons))
        return bool(found)
    for reason in reasons if found else ():
        messages.print(f"note: {one_line(reason)}")
    for deviation in found:
        out.print(str(deviation), markup=False)
    if not found:
        messages.print(f"{folder} is what tf2rust {__version__} gives for {given['model']}")
    return bool(found)


def _onnx(given: Mapping[str, Any]) -> Callable[[], Any]:
    """A function that opens the ONNX model with the options ``given``."""
    from tf2rust.source import open_onnx, read_constants

    return lambda: open_onnx(given["model"], read_constants(given["constants"]))


def _tensorflow(given: Mapping[str, Any]) -> Callable[[], Any]:
    """A function that opens the TensorFlow model with the options ``given``."""
    from tf2rust.custom_objects import load_custom_objects
    from tf2rust.source import open_tensorflow

    named = (options.names("--inputs", given["inputs"]), options.names("--outputs", given["outputs"]))
    if bool(named[0]) != bool(named[1]):
        raise UsageError("--inputs and --outputs must be given together: a frozen graph needs both")
    return lambda: open_tensorflow(
        given["model"],
        trust_code=given["trust_code"],
        signature=given["signature"],
        custom_objects=load_custom_objects(given["custom_objects"] or []),
        inputs=named[0],
        outputs=named[1],
    )


def _opened(model: Path, constants: Path | None, signature: str | None, trust_code: bool) -> Any:
    """The model of a command that does not convert it."""
    from tf2rust.config import is_onnx
    from tf2rust.source import open_onnx, open_tensorflow, read_constants

    if is_onnx(model):
        return open_onnx(model, read_constants(constants))
    return open_tensorflow(model, trust_code=trust_code, signature=signature)


@app.command("patterns", cls=DashesOrUnderscores)
def patterns(
    model: Annotated[Path, typer.Argument(help="An .onnx file or a TensorFlow model.")],
    as_json: options.Json = False,
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

        with err.status("Reading the model"):
            source = _opened(model, constants, signature, trust_code)
            found, _ = match_layers(source, options.dims(dim))
        for note in source.notes:
            err.print(f"note: {one_line(note)}", markup=False)
        if as_json:
            _print_json(found.as_json())
        else:
            out.print(found.as_text())
        return 1 if found.unmatched else 0

    _guarded(work)


def _options(given: Mapping[str, Any]) -> Any:
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
        license=given["license"],
        targets=options.names("--with", given["targets"]),
        quantization=Settings.of(given),
    )


@app.command("verify", cls=DashesOrUnderscores)
def verify_crate(
    folder: options.Converted,
    layers: Annotated[
        bool, typer.Option("--layers", help="Also measure the error of every layer, with a second crate.")
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """Build a converted crate with cargo, run its tests, and print the largest difference of every output."""

    def work() -> None:
        options.check_limits(max_memory, time_limit)
        from tf2rust import layer_errors
        from tf2rust.converted import verification

        with Messages(err, quiet, verbose).working("Reading the crate") as progress:
            found = verification.verify(folder, progress)
            errors = layer_errors.layer_errors(folder, progress) if layers else None
        if as_json:
            measured_layers = {} if errors is None else {"layers": [asdict(error) for error in errors]}
            _print_json(verification.as_json(folder, found) | measured_layers)
            return
        for measured in found:
            out.print(str(measured), markup=False)
        if errors is not None:
            out.print(f"\n{layer_errors.as_text(errors)}", markup=False)

    _guarded(work)


@app.command("add", cls=DashesOrUnderscores)
def add(
    folder: options.Converted,
    targets: options.AddedTargets,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """Add packages for other languages and machines to a converted crate."""

    def work() -> None:
        options.check_limits(max_memory, time_limit)
        from tf2rust.converted.folder import find_output
        from tf2rust.targets import add_targets

        names = options.names("--with", targets)
        place = find_output(folder)
        for note in add_targets(place.absolute(), names):
            err.print(f"note: {note}", markup=False)
        for target in dict.fromkeys(names):
            out.print(str(place / target), markup=False)

    _guarded(work)


@app.command("bundle", cls=DashesOrUnderscores)
def bundle(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="The output folders of conversions.", show_default=False)
    ],
    path_to_save: Annotated[
        Path, typer.Option("--path_to_save", help="The output folder: new, empty, or written by an earlier bundle.")
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="The name of the crate. Default: that of the output folder.")
    ] = None,
    tf_layers: options.TfLayers = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """Make one crate of several converted models, which share the layers and equal weights."""

    def work() -> None:
        options.check_limits(max_memory, time_limit)
        from tf2rust.codegen.crate import CRATE
        from tf2rust.converted.bundle import write_bundle

        messages, layers = Messages(err, quiet, verbose), None if tf_layers is None else tf_layers.resolve()
        with messages.working("Reading the models") as progress:
            notes = write_bundle(folders, path_to_save.absolute(), name, layers, progress)
        for note in notes:
            messages.print(f"note: {note}")
        messages.print(f"{len(folders)} models; next: {_test(path_to_save / CRATE)}")
        out.print(str(path_to_save / CRATE), markup=False)

    _guarded(work)


@app.command("run", cls=DashesOrUnderscores)
def run_crate(
    folder: options.Converted,
    inputs: Annotated[Path, typer.Argument(metavar="IN.npz", help="Arrays by input name.", show_default=False)],
    outputs: Annotated[
        Path, typer.Argument(metavar="OUT.npz", help="The file for the arrays by output name.", show_default=False)
    ],
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """Build a converted crate with cargo and run it on the arrays of an NPZ file."""

    def work() -> None:
        options.check_limits(max_memory, time_limit)
        from tf2rust.converted.execution import run

        with Messages(err, quiet, verbose).working("Reading the crate") as progress:
            run(folder, inputs, outputs, progress)
        out.print(str(outputs), markup=False)

    _guarded(work)


@app.command("profile", cls=DashesOrUnderscores)
def profile_crate(
    folder: options.Converted,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """Build a converted crate with cargo, and print the time of each layer."""

    def work() -> None:
        options.check_limits(max_memory, time_limit)
        from tf2rust.converted import profiling

        with Messages(err, quiet, verbose).working("Reading the crate") as progress:
            runs = profiling.profile(folder, progress)
        if as_json:
            _print_json(profiling.as_json(folder, runs))
        else:
            out.print("\n\n".join(run.as_text() for run in runs), markup=False)

    _guarded(work)


@app.command("doctor", cls=DashesOrUnderscores)
def doctor(as_json: options.Json = False) -> None:
    """Show which programs and packages are installed, and what needs those that are missing."""

    def work() -> int:
        from tf2rust import doctor

        with err.status("Asking for versions"):
            checks = doctor.examine()
        if as_json:
            _print_json(doctor.as_json(checks))
        else:
            for check in checks:
                out.print(str(check), style="" if check.is_ok else "yellow", markup=False)
        return 0 if doctor.can_convert(checks) else 1

    _guarded(work)


@app.command("size", cls=DashesOrUnderscores)
def size(
    folder: options.Converted,
    target: Annotated[
        str, typer.Option("--target", help="thumbv7em-none-eabihf, thumbv6m-none-eabi or riscv32imac-unknown-none-elf.")
    ] = "thumbv7em-none-eabihf",
    budget: options.Budget = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Measure the flash and RAM that a converted model needs on a microcontroller."""

    def work() -> None:
        from tf2rust.converted.size import check_budget, measure, parse_budget

        most = parse_budget(budget) if budget is not None else {}
        with Messages(err, quiet, verbose).working("Reading the crate") as progress:
            found = measure(folder, target, progress)
        if as_json:
            _print_json(found.as_json())
        else:
            out.print(found.text(), markup=False)
        check_budget(found, most)

    _guarded(work)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _convert(open_source: Callable[[], Any], given: Mapping[str, Any]) -> None:
    """Converts a model with the options ``given``, and prints the path of the crate or, with ``--json``, a report."""
    messages, choices = Messages(err, given["quiet"], given["verbose"]), _options(given)
    from tf2rust.conversion import convert
    from tf2rust.converted.size import check_budget, measure, parse_budget
    from tf2rust.targets.embedded import DEFAULT_TRIPLE

    most = parse_budget(given["budget"]) if given["budget"] is not None else {}
    measured: Sequence[Measured] | None = None
    with messages.working("Reading the model") as progress:
        source = open_source()
        if source.opened_with:
            messages.print(source.opened_with)
        try:
            result = convert(source, choices, progress)
        except UnmatchedError as error:
            error.advice = "" if given["quiet"] else _report_advice(given)
            raise
        for note in result.notes:
            messages.print(f"note: {note}")
        if given["verify"] and shutil.which("cargo") is None:
            messages.print(
                "note: cargo was not found, so the Rust crate was not verified; install Rust from https://rustup.rs."
            )
        elif given["verify"]:
            measured = result.verify(progress)
        if most:
            check_budget(measure(choices.path_to_save, DEFAULT_TRIPLE, progress), most)
    if given["as_json"]:
        _print_json(result.as_json(measured))
        return
    count = len(result.listing.layers)
    messages.print(f"{count} layer{'s' * (count != 1)}, {result.proof.about()}; next: {_test(result.crate)}")
    _print_figures(messages, result, measured, choices.path_to_save)
    for agreement in result.agreements[:_MOST_FIGURES]:
        messages.print(str(agreement))
    out.print(str(result.crate), markup=False)


def _test(crate: Path) -> str:
    """The shell command that tests a crate."""
    return f"cd {shlex.quote(str(crate))} && cargo test --release"


_MOST_FIGURES = 8
"""The maximum number of outputs whose largest difference a conversion reports."""


def _print_figures(messages: Messages, result: Any, measured: Sequence[Measured] | None, folder: Path) -> None:
    """The largest difference of every output: of the Rust crate if it was measured, otherwise of the graph."""
    if measured is not None:
        figures = [str(one) for one in measured]
    else:
        of_graph = "(of the graph; --verify measures the Rust crate)"
        figures = [f"{figure} {of_graph}" for figure in result.proof.graph_figures()]
    for figure in figures[:_MOST_FIGURES]:
        messages.print(figure)
    if len(figures) > _MOST_FIGURES:
        messages.print(f"… and {len(figures) - _MOST_FIGURES} more; tf2rust verify {folder} lists all")


def _guarded(work: Callable[[], int | None]) -> None:
    """Runs a command and exits with its code. Errors that a user can act on become messages and the code 1 or 2."""
    try:
        with stage("running the command"):
            code = work()
    except ConversionError as error:
        for reason in error.reasons:
            err.print(f"error: {reason}", markup=False)
        if isinstance(error, UnmatchedError) and error.advice:
            err.print(error.advice, markup=False)
        if isinstance(error, InternalError):
            err.print(f"The traceback is in {write_crash_report(error)}.", markup=False)
        _exit(1)
    except UsageError as error:
        err.print(f"error: {error}", markup=False)
        _exit(2)
    if code:
        _exit(code)


def _exit(code: int) -> NoReturn:
    raise typer.Exit(code)


@app.command("summary", cls=DashesOrUnderscores)
def summary(
    model: Annotated[Path, typer.Argument(help="An .onnx file, a TensorFlow model, or a converted folder.")],
    as_json: options.Json = False,
    dim: options.Dim = None,
    constants: options.Constants = None,
    signature: options.Signature = None,
    trust_code: options.TrustCode = False,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """List the layers with output shape, parameters, multiply-adds and bytes of weights, and their totals."""

    def work() -> None:
        options.check_limits(max_memory, time_limit)
        from tf2rust.conversion import summary_of_source
        from tf2rust.converted.folder import is_converted, output_folder
        from tf2rust.converted.inspection import summary_of_folder

        with err.status("Reading the model"):
            if is_converted(folder := output_folder(model)):
                found = summary_of_folder(folder)
            else:
                source = _opened(model, constants, signature, trust_code)
                found = summary_of_source(source, options.dims(dim))
        if as_json:
            _print_json(found.as_json())
        else:
            out.print(found.as_text(), markup=False)

    _guarded(work)


@app.command("report", cls=DashesOrUnderscores)
def report(
    model: Annotated[
        Path, typer.Argument(metavar="DIR|MODEL", help="The output folder of a conversion, or a model as for patterns.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE.html",
            help="The file for the report of a MODEL. Default: NAME.report.html in the current folder.",
        ),
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    dim: options.Dim = None,
    constants: options.Constants = None,
    signature: options.Signature = None,
    trust_code: options.TrustCode = False,
    custom_objects: options.CustomObjects = None,
    inputs: options.GraphInputs = None,
    outputs: options.GraphOutputs = None,
    max_memory: options.MaxMemory = None,
    time_limit: options.TimeLimit = None,
) -> None:
    """Print the path of a conversion's report, report.html, and open it in the browser with --open.

    For a model, write the report without a conversion: its graph with the unmatched nodes, their reasons, and the
    matched layers. The exit code is 1 if nodes are unmatched.
    """
    given = locals()

    def work() -> int:
        options.check_limits(max_memory, time_limit)
        from tf2rust.converted.folder import is_converted, output_folder
        from tf2rust.converted.inspection import find_report

        code, folder = 0, output_folder(model)
        if is_converted(folder) or (model.is_dir() and not (model / "saved_model.pb").is_file()):
            if output is not None:
                raise UsageError(f"--output is only for a model; {model} is a folder with a report of its own")
            path = find_report(folder)
        else:
            path, code = _write_report(given)
        path = path.resolve()
        out.print(str(path), markup=False)
        if open_it and typer.launch(path.as_uri()):
            raise UsageError(f"no browser could be started; open {path} yourself")
        return code

    _guarded(work)


def _write_report(given: Mapping[str, Any]) -> tuple[Path, int]:
    """Writes the report of a model that is not converted. Returns its path and the exit code: 1 for unmatched nodes."""
    from tf2rust.config import is_onnx
    from tf2rust.conversion import report_of_source
    from tf2rust.report_file import check_file, default_file, write_file

    model: Path = given["model"]
    path: Path = given["output"] or default_file(model)
    check_file(path)
    with err.status("Reading the model"):
        source = (_onnx(given) if is_onnx(model) else _tensorflow(given))()
        data = report_of_source(source, options.dims(given["dim"]))
        write_file(path, data)
    causes = sum(node["blocked_by"] is None for node in data["unmatched"])
    if causes:
        err.print(f"{causes} unmatched node{'' if causes == 1 else 's'}; the report has the reasons", markup=False)
    return path, 1 if data["unmatched"] else 0


_READING = ("dim", "constants", "signature", "custom_objects", "inputs", "outputs", "trust_code")
"""The options of a conversion that decide how the model is read, and that report takes too."""


def _report_advice(given: Mapping[str, Any]) -> str:
    """The sentence on how to get the report of a model that was refused."""
    words = ["tf2rust", "report", str(given["model"])]
    for name in _READING:
        value = given.get(name)
        if value is True:
            words.append(f"--{name}")
        elif value:
            words += [
                word for one in (value if isinstance(value, list) else [value]) for word in (f"--{name}", str(one))
            ]
    return f"To see these nodes in the graph of the model, run: {shlex.join(words)}"


def run() -> None:
    """Runs the command line. Called by :mod:`tf2rust.process.child`."""
    # The name under which a shell completes the command.
    app(prog_name="tf2rust")
