"""The targets by name, and the command that adds some to a converted folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tf2rust.codegen.crate import CRATE, write_texts
from tf2rust.codegen.interface import Interface, read_interface
from tf2rust.errors import UsageError
from tf2rust.publish.publish import publish
from tf2rust.targets.c import c_library
from tf2rust.targets.embedded import embedded_program
from tf2rust.targets.python import python_package
from tf2rust.targets.wasm import npm_package

TARGETS: Mapping[str, Callable[[Interface], dict[str, str]]] = {
    "python": python_package,
    "c": c_library,
    "wasm": npm_package,
    "embedded": embedded_program,
}
"""For each target, a function that returns the text files of its package, by path in a folder of the target's name.

The package depends on the generated crate, which is in the folder beside it. The functions raise ConversionError if the
target cannot run the model.
"""


def check_targets(names: Iterable[str]) -> None:
    """Raises UsageError for names that are not targets."""
    for name in names:
        if name not in TARGETS:
            raise UsageError(f"{name!r} is not a target; the targets are {', '.join(TARGETS)}")


def render_targets(interface: Interface, names: Iterable[str]) -> dict[str, str]:
    """The text files of all packages, by path in the output folder."""
    return {f"{name}/{path}": text for name in names for path, text in TARGETS[name](interface).items()}


def add_targets(folder: Path, names: Sequence[str]) -> list[str]:
    """Adds packages to the output folder of a conversion.

    Returns notes about files that the user had edited. Raises ConversionError if the folder is not the output of a
    conversion, or if a target cannot run the model.
    """
    check_targets(names)
    texts = render_targets(read_interface(folder / CRATE), names)
    return publish(folder, lambda staging: write_texts(texts, staging), adds=True).notes()
