"""The declarations of the command-line options, and the parsers of their values."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from tf2rust.classifier.thresholds import DEFAULT_RATES, LEVELS, check_rates
from tf2rust.errors import UsageError
from tf2rust.ops.core.dims import Size
from tf2rust.process import limits
from tf2rust.quantization.settings import DEFAULT_METHOD, METHODS, PRECISIONS, WEIGHTS
from tf2rust.stages import brief

SAMPLES, CLASSIFIER, QUANTIZATION, GENERATED, MODEL, RUN = (
    "Samples and proof",
    "Classifiers",
    "Quantization",
    "Generated code",
    "Model",
    "Command",
)
"""The groups of options in help texts."""

_NARROW = 80
"""The number of columns below which tables of options break names apart."""
_SIZE = re.compile(r"\d{1,10}", re.ASCII)


class Switch(str, Enum):
    """``true`` or ``false``, spelled out as a value."""

    true = "true"
    false = "false"

    def __bool__(self) -> bool:
        return self is Switch.true


class _ReadableHelp:
    """Help for any width: a narrow terminal gets each option on a line of its own instead of a table."""

    def format_help(self: Any, ctx: Any, formatter: Any) -> None:
        if shutil.get_terminal_size().columns >= _NARROW:
            super().format_help(ctx, formatter)  # type: ignore[misc]
            return
        console = Console(highlight=False)
        console.print(f"{escape(self.get_usage(ctx))}\n\n{escape(self.help or '')}")
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            is_argument = parameter.param_type_name == "argument"
            group = getattr(parameter, "rich_help_panel", None) or ("Arguments" if is_argument else "Options")
            if (record := parameter.get_help_record(ctx)) is not None:
                groups.setdefault(group, []).append(record)
        commands = getattr(self, "commands", {})
        groups["Commands"] = [(name, escape(_summary(command))) for name, command in commands.items()]
        for group, records in groups.items():
            if records:
                console.print(f"\n[bold]{group}[/]")
            for names, about in records:
                console.print(Padding(f"[cyan]{escape(names)}[/]", (0, 0, 0, 2)))
                console.print(Padding(about, (0, 0, 0, 6)))


def _summary(command: Any) -> str:
    """The first paragraph of a command's help."""
    return str(command.help or "").partition("\n\n")[0]


class Commands(_ReadableHelp, typer.core.TyperGroup):
    """The command that the others belong to."""


class DashesOrUnderscores(_ReadableHelp, typer.core.TyperCommand):
    """Accepts every option with ``_`` and with ``-``, and switch values in any case, such as ``True``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Help texts are not markup: `[n, 1]` is a shape.
        for parameter in self.params:
            if isinstance(parameter, (typer.core.TyperArgument, typer.core.TyperOption)):
                parameter.help = escape(parameter.help or "")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = {name for p in self.params for name in p.opts}
        return super().parse_args(ctx, [_spelled(a, known) for a in args])


def _spelled(argument: str, known: set[str]) -> str:
    option, equals, value = argument.partition("=")
    if not option.startswith("--") or option in known:
        return argument
    return next((k for k in known if k.replace("-", "_") == option.replace("-", "_")), option) + equals + value


def _switch(name: str, about: str, panel: str) -> Any:
    return typer.Option(name, help=about, case_sensitive=False, rich_help_panel=panel)


Converted = Annotated[
    Path, typer.Argument(metavar="DIR", help="The output folder of a conversion, or its crate.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.", rich_help_panel=RUN)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result and errors.", rich_help_panel=RUN)]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print the time of every stage.", rich_help_panel=RUN)]
PathToSave = Annotated[
    Path, typer.Option("--path_to_save", help="The output folder: new, empty, or written by an earlier conversion.")
]
ModelName = Annotated[
    str, typer.Option("--model_name", help="The name of the model: `mnist-v2` becomes `struct MnistV2Model`.")
]
Binary = Annotated[
    Switch | None,
    _switch(
        "--binary_classification",
        "Generate scores with confidence levels. Default: true if the output comes from a sigmoid or a two-class "
        "softmax.",
        CLASSIFIER,
    ),
]
_INPLACE = _switch("--enable_inplace", "Let layers overwrite their inputs where possible.", GENERATED)
_MEMDROP = _switch("--enable_memdrop", "Reuse buffers once the last layer that reads them has run.", GENERATED)
Inplace = Annotated[Switch, _INPLACE]
Memdrop = Annotated[Switch, _MEMDROP]
OtherInplace = Annotated[Switch | None, _INPLACE]
OtherMemdrop = Annotated[Switch | None, _MEMDROP]
Features = Annotated[
    Path | None,
    typer.Option(
        "--path_to_fv",
        help="An NPZ file of samples: arrays by input name, and optionally `predictions` and `labels`.",
        rich_help_panel=SAMPLES,
    ),
]
ThresholdsFile = Annotated[
    Path | None,
    typer.Option("--thresholds", help="The thresholds.json of a binary classifier.", rich_help_panel=CLASSIFIER),
]
Rates = Annotated[
    str | None,
    typer.Option(
        "--fpr",
        help="False-positive rates for finding thresholds from `labels` in --path_to_fv. Default: "
        + ",".join(f"{level}={rate:g}" for level, rate in DEFAULT_RATES.items()),
        rich_help_panel=CLASSIFIER,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", help="Class names, one per line or as a JSON list.", rich_help_panel=CLASSIFIER),
]
Quantize = Annotated[
    str | None,
    typer.Option(
        "--quantize",
        help="int8: compute with 8-bit integers, calibrated on samples; dynamic: store weights as 8-bit integers and "
        "find the ranges of activations while the model runs.",
        rich_help_panel=QUANTIZATION,
    ),
]
SmallWeights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        help=f"Store the weights of large layers as {', '.join(WEIGHTS)}, and compute in float32.",
        rich_help_panel=QUANTIZATION,
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help=f"{', '.join(PRECISIONS)}: multiply in bfloat16 and sum in float32, which is faster with AVX-512 BF16.",
        rich_help_panel=QUANTIZATION,
    ),
]
Calibrate = Annotated[
    Path | None,
    typer.Option(
        "--calibrate",
        help="An NPZ file of samples by input name for --quantize int8. Default: those of --path_to_fv.",
        rich_help_panel=QUANTIZATION,
    ),
]
CalibrationMethod = Annotated[
    str | None,
    typer.Option(
        "--calibration_method",
        help=f"How ranges are found: {', '.join(METHODS)}. Default: {DEFAULT_METHOD}, the least squared error.",
        rich_help_panel=QUANTIZATION,
    ),
]
KeepFloat = Annotated[
    list[str] | None,
    typer.Option(
        "--keep_float",
        help="A layer to keep in float, by its name in `tf2rust patterns`. Can be repeated.",
        rich_help_panel=QUANTIZATION,
    ),
]
MaximumLoss = Annotated[
    str | None,
    typer.Option(
        "--max_loss",
        help="Keep layers in float until the loss is at most this: the share of samples with another class, or the "
        "relative error of numbers. top1=X, rms=X and auc=X say which loss is meant.",
        rich_help_panel=QUANTIZATION,
    ),
]
Dim = Annotated[
    list[str] | None,
    typer.Option(
        "--dim",
        help="NAME=SIZE or NAME=LOW..HIGH: bind a symbolic dimension, or limit its sizes. Can be repeated.",
        rich_help_panel=MODEL,
    ),
]
State = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        help="IN:OUT: the output OUT of one call becomes the input IN of the next. Can be repeated.",
        rich_help_panel=MODEL,
    ),
]
Stream = Annotated[
    str | None,
    typer.Option(
        "--stream",
        help="TIME or INPUT:AXIS: take sequences in chunks along this symbolic dimension, with a state between them.",
        rich_help_panel=MODEL,
    ),
]
Constants = Annotated[
    Path | None,
    typer.Option(
        "--constants", help="An NPZ file of arrays by input name; these inputs become constants.", rich_help_panel=MODEL
    ),
]
TfLayers = Annotated[
    Path | None,
    typer.Option(
        "--tf_layers",
        help="Depend on the tf-layers in this folder instead of copying it into the crate.",
        rich_help_panel=GENERATED,
    ),
]
License = Annotated[
    str | None,
    typer.Option(
        "--license",
        help="The licence of the model, as an SPDX expression such as MIT; `cargo publish` needs one.",
        rich_help_panel=GENERATED,
    ),
]
_WITH = typer.Option(
    "--with",
    help="Also write packages for other languages and machines, separated by commas: python, c, wasm, embedded.",
    rich_help_panel=GENERATED,
)
Targets = Annotated[str | None, _WITH]
AddedTargets = Annotated[str, _WITH]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="Build the crate with cargo, and report the largest difference of every output.",
        rich_help_panel=SAMPLES,
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        help="Fail if the program for a Cortex-M needs more, e.g. flash=256k,ram=64k.",
        rich_help_panel=SAMPLES,
    ),
]
TrustCode = Annotated[
    bool,
    typer.Option(
        "--trust_code",
        help="Allow models that can do more than compute, such as run Python code or access files.",
        rich_help_panel=MODEL,
    ),
]
Signature = Annotated[
    str | None, typer.Option("--signature", help="The signature of the SavedModel to convert.", rich_help_panel=MODEL)
]
CustomObjects = Annotated[
    list[str] | None,
    typer.Option(
        "--custom_objects",
        help="module:NAME or NAME=module:attribute: the class of a custom layer. Can be repeated.",
        rich_help_panel=MODEL,
    ),
]
GraphInputs = Annotated[
    str | None, typer.Option("--inputs", help="The input tensors of a frozen graph: x:0,y:0.", rich_help_panel=MODEL)
]
GraphOutputs = Annotated[
    str | None, typer.Option("--outputs", help="The output tensors of a frozen graph: out:0.", rich_help_panel=MODEL)
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max_memory",
        help="The memory limit of the conversion, such as 8G, or none. Default: 75 % of the machine's memory.",
        rich_help_panel=RUN,
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        "--time_limit", help="The time limit of the conversion in seconds, or none. Default: 3600.", rich_help_panel=RUN
    ),
]


def check_limits(memory: str | None, seconds: str | None) -> None:
    """Rejects limits that the supervisor cannot parse."""
    if memory is not None:
        limits.memory_limit(memory)
    if seconds is not None:
        limits.time_limit(seconds)


def names(option: str, given: str | None) -> tuple[str, ...]:
    """Splits a comma-separated list of names; empty if the option is absent."""
    found = tuple(name.strip() for name in (given or "").split(","))
    if given is not None and not all(found):
        raise UsageError(f"{option} {given}: expected names, separated by commas")
    return found if given is not None else ()


def dims(given: Sequence[str] | None) -> dict[str, Size]:
    """Parses ``--dim NAME=SIZE`` and ``--dim NAME=LOW..HIGH``."""
    sizes: dict[str, Size] = {}
    for item in given or []:
        name, _, size = item.rpartition("=")
        ends = size.split("..")
        known = [int(end) for end in ends if _SIZE.fullmatch(end)]
        if not name or len(ends) > 2 or len(known) < len(ends) or any(not 0 < n < 1 << 31 for n in known):
            raise UsageError(
                f"--dim {brief(item[:80])}: expected NAME=SIZE or NAME=LOW..HIGH with sizes from 1 to 2147483647"
            )
        if known[0] > known[-1]:
            raise UsageError(f"--dim {brief(item[:80])}: the range is empty; write the smaller size first")
        sizes[name] = known[0] if known[0] == known[-1] else (known[0], known[-1])
    return sizes


def states(given: Sequence[str] | Mapping[str, str] | None) -> dict[str, str]:
    """Parses ``--state IN:OUT``. Names can contain colons, but then both need the same number of them.

    Configuration files can have pairs, which are returned as they are.
    """
    if isinstance(given, Mapping):
        return dict(given)
    pairs: dict[str, str] = {}
    for item in given or []:
        shown = brief(item[:80]) if item else "''"
        parts = item.split(":")
        half = len(parts) // 2
        name, output = ":".join(parts[:half]), ":".join(parts[half:])
        if len(parts) % 2 or not name or not output:
            raise UsageError(f"--state {shown}: expected IN:OUT, the names of an input and an output")
        if name in pairs:
            raise UsageError(f"--state {shown}: the input already has an output; give one output per input")
        pairs[name] = output
    return pairs


def rates(given: str | None) -> Mapping[str, float]:
    """Parses the false-positive rates of ``--fpr``, which must descend. Missing levels keep their default."""
    found = dict(DEFAULT_RATES)
    for item in (given or "").split(",") if given is not None else ():
        level, _, text = (part.strip() for part in item.partition("="))
        try:
            rate = float(text)
        except ValueError:
            rate = -1.0
        if level not in LEVELS or not 0 < rate < 1:
            raise UsageError(
                f"--fpr {item}: expected LEVEL=RATE, where LEVEL is one of {', '.join(LEVELS)} and 0 < RATE < 1"
            )
        found[level] = rate
    check_rates(found)
    return found
