"""Builds generated crates with cargo, through a small package of their own that needs no registry.

The package depends on the crate and takes its test, its example and its benchmark, so that cargo does not resolve what
the crate needs for its own development and for ``rayon``. It is in the crate's build folder, where the next build finds
it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tf2rust.codegen.crate import CRATE
from tf2rust.codegen.interface import refuse_bundle
from tf2rust.errors import ConversionError
from tf2rust.stages import brief
from tf2rust.text_file import read_text

_NAME = re.compile(r'^name = "(.*)"$', re.MULTILINE)
_DEPENDENCY = re.compile(r'^tf-layers = \{ path = "(.*?)"(, package = ".*?")?', re.MULTILINE)
_CODEGEN_UNITS = "[profile.release]\ncodegen-units = 1\n"
"""The part of a manifest of a crate with large weights that cargo reads only from the root of a workspace."""
_CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This file marks a build folder of cargo.\n"
"""The contents of ``CACHEDIR.TAG``, by which backups and later conversions know a build folder. See
https://bford.info/cachedir/."""


@dataclass(frozen=True)
class Runner:
    """The package that builds the test ``predictions``, the example and the benchmark of ``crate``.

    ``example`` is the name of the example in this package.
    """

    crate: Path
    manifest: Path
    example: str
    target: Path

    def cargo(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs ``cargo COMMAND`` on the package, in the crate's folder and optimised."""
        profile = [] if command == "bench" else ["--release"]
        return subprocess.run(
            [find_cargo(), command, *profile, "--manifest-path", str(self.manifest), *arguments],
            cwd=self.crate,
            env={**os.environ, "CARGO_TARGET_DIR": str(self.target)},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )

    def build_example(self) -> Path:
        """Builds the example and returns the path of the program. Raises ConversionError if it does not compile."""
        done = self.cargo("build", "--example", self.example, "--message-format", "json-render-diagnostics")
        if done.returncode:
            raise ConversionError(build_failure(done.stderr, self.crate, f"cargo build --release --example {EXAMPLE}"))
        messages = map(json.loads, filter(lambda line: line.startswith("{"), done.stdout.splitlines()))
        found = [message["executable"] for message in messages if message.get("executable")]
        if not found:
            raise ConversionError(f"cargo built no program for {self.crate}; run cargo clean in it and try again.")
        return Path(found[-1])


EXAMPLE, TEST, BENCHMARK = "predict", "predictions", "benchmarks"
PROFILE = "profile"
"""The feature of a crate that measures its layers."""


def find_crate(folder: Path) -> Path:
    """The crate in ``folder``, which is the output folder of a conversion or the crate itself.

    Raises ConversionError if there is none.
    """
    crate = folder / CRATE if (folder / CRATE).is_dir() else folder
    refuse_bundle(crate)
    files = ("Cargo.toml", f"tests/{TEST}.rs", f"examples/{EXAMPLE}.rs")
    if not all((crate / name).is_file() for name in files):
        raise ConversionError(
            f"{folder} has no crate that tf2rust generated; give the folder that was --path_to_save of a conversion."
        )
    return crate.resolve()


def find_cargo() -> str:
    """The path of cargo. Raises ConversionError if it is not installed."""
    cargo = shutil.which("cargo")
    if cargo is None:
        raise ConversionError(
            "cargo was not found, so nothing can be built; install Rust from https://rustup.rs and try again."
        )
    return cargo


def build_folder(crate: Path) -> Path:
    """The folder of cargo's products: ``CARGO_TARGET_DIR`` or, by default, the crate's ``target``."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or crate / "target").absolute()


def runner(crate: Path) -> Runner:
    """Writes the package that builds parts of ``crate``, a path from :func:`find_crate`.

    Raises ConversionError if the crate's manifest is not one of tf2rust, or if the build folder is not writable.
    """
    find_cargo()
    # Crates that share a build folder need programs of different names.
    digest = hashlib.sha256(os.fsencode(crate)).hexdigest()[:12]
    target = build_folder(crate)
    package = target / "tf2rust" / digest
    example = f"{EXAMPLE}-{digest}"
    text = _manifest(crate, example)
    try:
        _make_target(target)
        package.mkdir(parents=True, exist_ok=True)
        _write(package / "Cargo.toml", text)
        # A crate that does not embed its weights reads them from the folder of the package that cargo builds.
        if not (package / "model").exists() and (crate / "model").is_dir():
            (package / "model").symlink_to(crate / "model", target_is_directory=True)
    except OSError as error:
        raise ConversionError(
            f"The build folder {target} cannot be written ({error.strerror}); set CARGO_TARGET_DIR to a folder that "
            "you can write to."
        ) from error
    return Runner(crate, package / "Cargo.toml", example, target)


def build_failure(output: str, crate: Path, command: str) -> str:
    """The sentence for a failed build; ``command`` shows all messages."""
    return f"cargo cannot build the crate ({first_error(output)}); run {command} in {crate} for all messages."


def first_error(output: str) -> str:
    """The first error among cargo's messages, or the last lines if none begins like one."""
    lines = output.splitlines()
    errors = [line for line in lines if line.startswith(("error", "Error"))]
    return brief(errors[0] if errors else " ".join(lines[-3:]))


def _make_target(target: Path) -> None:
    """Creates a build folder as cargo does, which marks only folders that it creates itself."""
    if not target.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        (target / "CACHEDIR.TAG").write_text(_CACHE_TAG, encoding="utf-8")


def _write(path: Path, text: str) -> None:
    """Replaces a file in one step, because another command may read it. An equal file keeps its time."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    handle, name = tempfile.mkstemp(dir=path.parent)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(name, path)


def _manifest(crate: Path, example: str) -> str:
    text = _manifest_of(crate)
    name, tf_layers = _NAME.search(text), _DEPENDENCY.search(text)
    if name is None or tf_layers is None:
        raise ConversionError(
            f"{crate / 'Cargo.toml'} has no name or no dependency on tf-layers; convert the model again, or run "
            "cargo test --release in the crate."
        )
    parts = [
        '[package]\nname = "tf2rust-runner"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n',
        f"[dependencies]\n{name[1]} = {{ path = {_quoted(crate)} }}\n"
        f"tf-layers = {{ path = {_quoted(crate / tf_layers[1])}{tf_layers[2] or ''} }}\n",
        f'[[test]]\nname = "{TEST}"\npath = {_quoted(crate / "tests" / f"{TEST}.rs")}\n',
        f'[[example]]\nname = "{example}"\npath = {_quoted(crate / "examples" / f"{EXAMPLE}.rs")}\n',
    ]
    if has_profile(crate):
        # The conditions in the benchmark are on the features of this package.
        parts.append(f'[features]\n{PROFILE} = ["{name[1]}/{PROFILE}"]\n')
        path = _quoted(crate / "benches" / f"{BENCHMARK}.rs")
        parts.append(f'[[bench]]\nname = "{BENCHMARK}"\npath = {path}\nharness = false\n')
    if _CODEGEN_UNITS in text:
        parts.append(_CODEGEN_UNITS)
    return "\n".join(parts)


def has_profile(crate: Path) -> bool:
    """Whether the crate can measure its layers; those of earlier versions cannot."""
    return re.search(rf"^{PROFILE} = \[", _manifest_of(crate), re.MULTILINE) is not None


def _manifest_of(crate: Path) -> str:
    """The text of the crate's own manifest. Raises ConversionError if it cannot be read."""
    return read_text(crate / "Cargo.toml", "it is the manifest of the crate")


def _quoted(path: Path) -> str:
    """The path as a TOML string."""
    escaped = path.as_posix().replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
