"""The options of the command line: their declarations, and what their texts mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core
from rich.markup import escape

from tf2rust import limits
from tf2rust.errors import UsageError
from tf2rust.stages import brief
from tf2rust.thresholds import DEFAULT_RATES, LEVELS, check_rates

_SIZE = re.compile(r"\d{1,10}", re.ASCII)


class Switch(str, Enum):
    """``true`` or ``false``, written out as the options of the original do."""

    true = "true"
    false = "false"

    def __bool__(self) -> bool:
        return self is Switch.true


class DashesOrUnderscores(typer.core.TyperCommand):
    """Takes every option with ``_`` and with ``-``, and switches in any case: ``True``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Help texts are no markup: `[n, 1]` is a shape.
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


def _switch(name: str, about: str) -> Any:
    return typer.Option(name, help=about, case_sensitive=False)


PathToSave = Annotated[
    Path, typer.Option("--path_to_save", help="The folder to write; it must be new, empty, or an earlier conversion.")
]
ModelName = Annotated[
    str, typer.Option("--model_name", help="The model's name: `mnist-v2` becomes `struct MnistV2Model`.")
]
Binary = Annotated[
    Switch | None,
    _switch(
        "--binary_classification",
        "Score samples with confidences; default: where a sigmoid or a softmax over two makes the output.",
    ),
]
Inplace = Annotated[Switch, _switch("--enable_inplace", "Let layers write over their inputs where they may.")]
Memdrop = Annotated[Switch, _switch("--enable_memdrop", "Reuse a buffer after the last layer that reads it.")]
Features = Annotated[
    Path | None,
    typer.Option(
        "--path_to_fv", help="NPZ of samples: arrays by input name; `predictions`, `labels` if there are any."
    ),
]
ThresholdsFile = Annotated[
    Path | None, typer.Option("--thresholds", help="The thresholds.json of a binary classifier.")
]
Rates = Annotated[
    str | None,
    typer.Option(
        "--fpr",
        help="False-positive rates at which thresholds are found from `labels` in --path_to_fv; default: "
        + ",".join(f"{level}={rate:g}" for level, rate in DEFAULT_RATES.items()),
    ),
]
Labels = Annotated[Path | None, typer.Option("--labels", help="Class names: one a line, or a JSON list.")]
Dim = Annotated[list[str] | None, typer.Option("--dim", help="NAME=SIZE: bind a symbolic dimension; may be repeated.")]
Constants = Annotated[
    Path | None, typer.Option("--constants", help="NPZ of arrays by input name: these inputs become constants.")
]
TfLayers = Annotated[
    Path | None, typer.Option("--tf_layers", help="Depend on tf-layers in this folder instead of a copy in the crate.")
]
TrustCode = Annotated[
    bool,
    typer.Option(
        "--trust_code", help="Allow the model what may do more than compute: Python code, ops that use files."
    ),
]
Signature = Annotated[str | None, typer.Option("--signature", help="The SavedModel's signature to convert.")]
CustomObjects = Annotated[
    list[str] | None,
    typer.Option(
        "--custom_objects", help="module:NAME or NAME=module:attribute: a custom layer's class; may be repeated."
    ),
]
GraphInputs = Annotated[str | None, typer.Option("--inputs", help="A frozen graph's input tensors: x:0,y:0.")]
GraphOutputs = Annotated[str | None, typer.Option("--outputs", help="A frozen graph's output tensors: out:0.")]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max_memory",
        help="The memory that the conversion may use, such as 8G, or none; default: 75 % of the machine's.",
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option("--time_limit", help="The seconds that the conversion may take, or none; default: 3600."),
]


def check_limits(memory: str | None, seconds: str | None) -> None:
    """Refuses limits that the supervisor, which runs the command, could not read."""
    if memory is not None:
        limits.memory_limit(memory)
    if seconds is not None:
        limits.time_limit(seconds)


def names(option: str, given: str | None) -> tuple[str, ...]:
    """The names in a list with commas; none where the option was not given."""
    found = tuple(name.strip() for name in (given or "").split(","))
    if given is not None and not all(found):
        raise UsageError(f"{option} {given}: write tensor names with commas between them")
    return found if given is not None else ()


def dims(given: Sequence[str] | None) -> dict[str, int]:
    """The sizes of ``--dim NAME=SIZE``."""
    sizes: dict[str, int] = {}
    for item in given or []:
        name, _, size = item.rpartition("=")
        if not name or not _SIZE.fullmatch(size) or not 0 < int(size) < 1 << 31:
            raise UsageError(f"--dim {brief(item[:80])}: write NAME=SIZE with a size from 1 to 2147483647")
        sizes[name] = int(size)
    return sizes


def rates(given: str | None) -> Mapping[str, float]:
    """The false-positive rates of ``--fpr``, which must descend; a level that is not given keeps its default."""
    found = dict(DEFAULT_RATES)
    for item in (given or "").split(",") if given is not None else ():
        level, _, text = (part.strip() for part in item.partition("="))
        try:
            rate = float(text)
        except ValueError:
            rate = -1.0
        if level not in LEVELS or not 0 < rate < 1:
            raise UsageError(f"--fpr {item}: write LEVEL=RATE, with a level of {', '.join(LEVELS)} and 0 < rate < 1")
        found[level] = rate
    check_rates(found)
    return found
