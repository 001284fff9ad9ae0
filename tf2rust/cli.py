"""The command line: ``tf2rust from-tf``, ``from-onnx`` and ``patterns``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import typer.core
from rich.console import Console

from tf2rust import __version__
from tf2rust.errors import ConversionError, UsageError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Switch(str, Enum):
    """``true`` or ``false``, written out as the options of the original do."""

    true = "true"
    false = "false"

    def __bool__(self) -> bool:
        return self is Switch.true


class _DashesOrUnderscores(typer.core.TyperCommand):
    """Takes every option with ``_`` and with ``-``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = {name for p in self.params for name in p.opts}
        return super().parse_args(ctx, [_spelled(a, known) for a in args])


def _spelled(argument: str, known: set[str]) -> str:
    option, equals, value = argument.partition("=")
    if not option.startswith("--") or option in known:
        return argument
    return next((k for k in known if k.replace("-", "_") == option.replace("-", "_")), option) + equals + value


app = typer.Typer(
    help="Turn a trained TensorFlow or ONNX model into a pure-Rust crate that proves it computes the same.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        out.print(__version__)
        raise typer.Exit


PathToSave = Annotated[Path, typer.Option("--path_to_save", help="The folder to write; it must be new, empty, or an earlier conversion.")]
ModelName = Annotated[str, typer.Option("--model_name", help="The model's name: `mnist-v2` becomes `struct MnistV2Model`.")]
Inplace = Annotated[Switch, typer.Option("--enable_inplace", help="Let layers write over their inputs where they may.")]
Memdrop = Annotated[Switch, typer.Option("--enable_memdrop", help="Reuse a buffer after the last layer that reads it.")]
Features = Annotated[Path | None, typer.Option("--path_to_fv", help="NPZ of samples: arrays by input name, and `predictions`.")]
Dim = Annotated[list[str] | None, typer.Option("--dim", help="NAME=SIZE: bind a free dimension; may be repeated.")]
TfLayers = Annotated[Path | None, typer.Option("--tf_layers", help="Depend on tf-layers in this folder instead of a copy in the crate.")]
TrustCode = Annotated[bool, typer.Option("--trust_code", help="Run code stored in the model file (Lambda layers).")]
Signature = Annotated[str | None, typer.Option("--signature", help="The SavedModel's signature to convert.")]


@app.command("from-tf", cls=_DashesOrUnderscores)
def from_tf(
    path_to_save: PathToSave,
    model_name: ModelName,
    model: Annotated[Path | None, typer.Argument(help="A SavedModel folder, a .keras or an .h5 file.")] = None,
    path_to_tf_model: Annotated[Path | None, typer.Option("--path_to_tf_model", help="The same as MODEL.")] = None,
    enable_inplace: Inplace = Switch.true,
    enable_memdrop: Memdrop = Switch.true,
    path_to_fv: Features = None,
    dim: Dim = None,
    tf_layers: TfLayers = None,
    signature: Signature = None,
    trust_code: TrustCode = False,
) -> None:
    """Convert a TensorFlow model."""

    def work() -> None:
        from tf2rust.convert import open_tensorflow

        path = model or path_to_tf_model
        if path is None or (model is not None and path_to_tf_model is not None):
            raise UsageError("give the model once, as MODEL or as --path_to_tf_model")
        _convert(
            lambda: open_tensorflow(path, trust_code=trust_code, signature=signature),
            _options(path_to_save, model_name, enable_inplace, enable_memdrop, path_to_fv, dim, tf_layers),
        )

    _guarded(work)


@app.command("from-onnx", cls=_DashesOrUnderscores)
def from_onnx(
    model: Annotated[Path, typer.Argument(help="An .onnx file.")],
    path_to_save: PathToSave,
    model_name: ModelName,
    enable_inplace: Inplace = Switch.true,
    enable_memdrop: Memdrop = Switch.true,
    path_to_fv: Features = None,
    dim: Dim = None,
    tf_layers: TfLayers = None,
) -> None:
    """Convert an ONNX model."""

    def work() -> None:
        from tf2rust.convert import open_onnx

        _convert(
            lambda: open_onnx(model),
            _options(path_to_save, model_name, enable_inplace, enable_memdrop, path_to_fv, dim, tf_layers),
        )

    _guarded(work)


@app.command("patterns", cls=_DashesOrUnderscores)
def patterns(
    model: Annotated[Path, typer.Argument(help="An .onnx file or a TensorFlow model.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    dim: Dim = None,
    signature: Signature = None,
    trust_code: TrustCode = False,
) -> None:
    """List which nodes each rule matched; for the others the nearest rule and why it failed."""

    def work() -> None:
        from tf2rust.convert import match_layers, open_onnx, open_tensorflow

        with err.status("Reading the model"):
            is_onnx = model.suffix.lower() == ".onnx"
            source = open_onnx(model) if is_onnx else open_tensorflow(model, trust_code=trust_code, signature=signature)
            found, _ = match_layers(source, _dims(dim))
        if as_json:
            sys.stdout.write(json.dumps(found.as_json(), indent=2, ensure_ascii=False) + "\n")
        else:
            out.print(found.as_text())
        if found.unmatched:
            raise typer.Exit(1)

    _guarded(work)


def _options(
    path_to_save: Path,
    model_name: str,
    inplace: Switch,
    memdrop: Switch,
    path_to_fv: Path | None,
    dim: list[str] | None,
    tf_layers: Path | None,
) -> Any:
    from tf2rust.convert import Options

    if not model_name.strip():
        raise UsageError("--model_name is empty")
    if tf_layers is not None and not (tf_layers / "Cargo.toml").is_file():
        raise UsageError(f"--tf_layers {tf_layers}: there is no Cargo.toml in it")
    return Options(
        path_to_save.absolute(),
        model_name,
        bool(inplace),
        bool(memdrop),
        path_to_fv,
        _dims(dim),
        None if tf_layers is None else tf_layers.resolve(),
    )


def _dims(given: list[str] | None) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for item in given or []:
        name, _, size = item.partition("=")
        if not name or not size.isdecimal() or int(size) == 0:
            raise UsageError(f"--dim {item}: write NAME=SIZE with a positive size")
        sizes[name] = int(size)
    return sizes


def _convert(open_source: Callable[[], Any], options: Any) -> None:
    from tf2rust.convert import convert

    with err.status("Reading the model") as status:
        source = open_source()
        if source.opened_with:
            err.print(source.opened_with, markup=False)
        result = convert(source, options, lambda stage: status.update(stage))
    for note in result.notes:
        err.print(f"note: {note}", markup=False)
    err.print(
        f"{len(result.listing.layers)} layers, proven on {result.proof.samples} samples against {result.proof.reference}; "
        f"next: cd {result.crate} && cargo test --release",
        markup=False,
    )
    out.print(str(result.crate), markup=False)


def _guarded(work: Callable[[], None]) -> None:
    """Runs a command; what a user can act on becomes sentences and an exit code."""
    try:
        work()
    except ConversionError as error:
        for reason in error.reasons:
            err.print(f"error: {reason}", markup=False)
        _exit(1)
    except UsageError as error:
        err.print(f"error: {error}", markup=False)
        _exit(2)
    except KeyboardInterrupt:
        err.print("interrupted; nothing was written")
        _exit(130)


def _exit(code: int) -> NoReturn:
    raise typer.Exit(code)


def main() -> None:
    """The entry point of the command ``tf2rust``."""
    app()
