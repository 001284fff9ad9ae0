"""``tf2rust bundle``: one crate of several converted models, which share the layers and equal weights.

The folder ``models/MODULE`` of the crate has the code, the weights, the samples, the test, the example and the
benchmark of a model, as its conversion wrote them. Only two things differ: where the code finds its weights and
thresholds, which the build script of the bundle prepares, and the name under which tests, examples, benchmarks and
documentation import the model.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tf2rust import __version__
from tf2rust.codegen.crate import CRATE, write_texts
from tf2rust.codegen.interface import BUNDLED, Interface, Tensor, read_interface
from tf2rust.codegen.interface import FILE as INTERFACE
from tf2rust.codegen.names import Names, crate_name
from tf2rust.codegen.render import environment, render_templates, tf_layers_dependency
from tf2rust.codegen.vendor import build_hash, package_name, vendored, with_build
from tf2rust.converted.checking import read_conversion
from tf2rust.converted.folder import output_folder
from tf2rust.errors import ConversionError, UsageError
from tf2rust.npz import REMEDY, read_npz
from tf2rust.publish import check_target, publish
from tf2rust.publish.publish import resolved
from tf2rust.rust import printer
from tf2rust.rust.literals import rust_comment, rust_str
from tf2rust.rust.tree import Expr, Token, Tuple, array, string
from tf2rust.stages import Progress, silent, stage
from tf2rust.text_file import read_text

WEIGHTS, SAMPLES, THRESHOLDS = "model/model_weights.npz", "testdata/features.npz", "model/thresholds.json"
_TEST, _EXAMPLE, _BENCHMARK = "tests/predictions.rs", "examples/predict.rs", "benches/benchmarks.rs"
_NEEDED = (
    "Cargo.toml",
    "README.md",
    "src/blob.rs",
    "src/lib.rs",
    "src/model.rs",
    "src/ports.rs",
    "src/weights.rs",
    _TEST,
    _EXAMPLE,
    _BENCHMARK,
    "benches/harness/mod.rs",
    INTERFACE,
    WEIGHTS,
    SAMPLES,
)
"""The files that every crate has whose weights are embedded."""
_OPTIONAL = ("src/labels.rs", "src/parallel.rs", "src/prediction.rs", "src/profile.rs", "src/thresholds.rs", THRESHOLDS)
_RESERVED = ("blob", "interface")
"""Modules of the bundle itself."""
_LARGE, _MOST_BYTES = 24 << 20, 192 << 20
"""The bytes of weights from which one codegen unit compiles them, and the maximum: the compiler needs 5 to 12 times as
much memory.
"""
_NO_STD = '#![cfg_attr(not(feature = "std"), no_std)]\n'
_INCLUDED = 'include!(concat!(env!("OUT_DIR"), "/thresholds.rs"))'
_PROFILE = 'concat!(env!("CARGO_MANIFEST_DIR"), "/profile.json")'


@dataclass(frozen=True)
class Member:
    """A model of a bundle: its converted folder, its position, and its module in the crate."""

    folder: Path
    index: int
    module: str
    interface: Interface
    license: str | None

    @property
    def crate(self) -> Path:
        return self.folder / CRATE

    @property
    def comment(self) -> str:
        return rust_comment(self.interface.model_name)

    @property
    def name_literal(self) -> str:
        return rust_str(self.interface.model_name)

    @property
    def inputs(self) -> str:
        return _listed((*self.interface.inputs, *self.interface.states))

    @property
    def outputs(self) -> str:
        return _listed(self.interface.outputs)

    @property
    def state_sizes(self) -> str:
        """Sizes for the documentation's example of a session."""
        return ", ".join("1" for _ in self.interface.state_dims)

    @property
    def is_binary(self) -> bool:
        return (self.crate / THRESHOLDS).is_file()

    @property
    def is_chunked(self) -> bool:
        return (self.crate / "src/parallel.rs").is_file()

    @cached_property
    def weights(self) -> Mapping[str, np.ndarray]:
        return read_npz(self.crate / WEIGHTS, "it has the weights of the model", REMEDY)

    def files(self) -> Iterator[str]:
        """The paths of the model's files in its crate, as far as the bundle has them."""
        yield from (name for name in _NEEDED if name != "Cargo.toml")
        yield from (name for name in _OPTIONAL if (self.crate / name).is_file())

    def text(self, name: str, bundle: str) -> str:
        """A text file of the model as a part of the crate whose name in Rust is ``bundle``."""
        path = self.crate / name
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConversionError(f"{path} cannot be read ({error}); convert the model again.") from error
        if name == "src/blob.rs":
            return environment().get_template("bundle/model_blob.rs.j2").render(index=self.index)
        own, module = re.escape(self.interface.module), f"{bundle}::{self.module}"
        if name == "src/lib.rs":
            # Attributes of the whole crate are at its root. The documentation has an example.
            text = text.replace(_NO_STD, "", 1)
            return re.sub(rf"^(//! use |//! # fn main\(\) -> ){own}::", rf"\1{module}::", text, flags=re.MULTILINE)
        if name == "src/prediction.rs":
            return text.replace(_INCLUDED, _INCLUDED.replace("thresholds", f"thresholds_{self.index}"), 1)
        if name in (_TEST, _EXAMPLE, _BENCHMARK):
            text = re.sub(
                rf"^use {own}::(?:\{{([^}}]*)\}}|(\w+));",
                lambda found: printer.use(module, re.findall(r"\w+", found[1] or found[2])),
                text,
                count=1,
                flags=re.MULTILINE,
            )
            text = text.replace("--example predict ", f"--example {self.module} ", 1)
            profile = f"/{BUNDLED}/{self.module}/profile.json"
            return text.replace(_PROFILE, _PROFILE.replace("/profile.json", profile))
        return text


def write_bundle(
    folders: Sequence[Path],
    target: Path,
    name: str | None = None,
    tf_layers: Path | None = None,
    progress: Progress = silent,
) -> list[str]:
    """Writes a crate with a module for each of the converted models in ``folders`` to ``target``, and returns notes.

    The crate is called ``name``, or like the folder. ``tf_layers`` is a path dependency, instead of a copy of tf-layers
    in the crate. Raises UsageError for folders that no bundle can have, and ConversionError with every reason if they
    cannot be read; nothing is written then.
    """
    if len(folders) < 2:
        raise UsageError("give the folders of at least two models")
    if tf_layers is not None and not (tf_layers / "Cargo.toml").is_file():
        raise UsageError(f"--tf_layers {tf_layers}: the folder has no Cargo.toml")
    if name is not None and not name.strip():
        raise UsageError("--name is empty")
    with stage("checking the output folder"):
        check_target(target)
    with stage("reading the models", progress):
        members = read_members(folders, target)
        size = _distinct_bytes(members)
        if size > _MOST_BYTES:
            raise ConversionError(
                f"The models have {size >> 20} MiB of weights together, and one crate embeds at most "
                f"{_MOST_BYTES >> 20} MiB; convert them with --tf_layers PATH to share the layers, and depend on each "
                "crate."
            )
    with stage("writing the crate", progress):
        crate = crate_name(name or resolved(target).name)
        texts = render_bundle(members, crate, tf_layers, is_large=size > _LARGE)

        def fill(staging: Path) -> None:
            write_texts({f"{CRATE}/{path}": text for path, text in texts.items()}, staging)
            for member in members:
                for path in (WEIGHTS, SAMPLES):
                    copy = staging / CRATE / BUNDLED / member.module / path
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(member.crate / path, copy)

        return publish(target, fill).notes()


def read_members(folders: Sequence[Path], target: Path) -> list[Member]:
    """The models in ``folders``. Raises ConversionError with every reason why some cannot be bundled."""
    members, names, reasons = list[Member](), Names(_RESERVED), list[str]()
    for folder in folders:
        try:
            if resolved(folder) == resolved(target):
                raise ConversionError(f"{folder} is a model of the bundle and its output folder; choose another.")
            members.append(_read_member(folder, members, names))
        except ConversionError as error:
            reasons += error.reasons
        except UsageError as error:
            reasons.append(f"{error}.")
    if reasons:
        raise ConversionError(reasons)
    return members


def _read_member(given: Path, others: Sequence[Member], names: Names) -> Member:
    folder = output_folder(given)
    record = read_conversion(folder)
    crate = folder / CRATE
    if record.tf2rust != __version__:
        raise ConversionError(
            f"{given} was written by tf2rust {record.tf2rust}, and this is {__version__}; convert the model again, so "
            "that all models use the same layers."
        )
    interface = read_interface(crate)
    if not interface.embeds:
        raise ConversionError(
            f"The crate in {given} does not embed its weights, because they are too large; a bundle cannot either. "
            "Depend on the crate itself."
        )
    for name in _NEEDED:
        path = crate / name
        if path.is_symlink() or not path.is_file():
            raise ConversionError(f"{path} is missing; convert the model again.")
    for other in others:
        if resolved(other.folder) == resolved(folder):
            raise ConversionError(f"{given} is given twice; give it once.")
        if other.interface.module == interface.module:
            raise ConversionError(
                f"{other.folder} and {given} are both called `{interface.crate}` in Rust; convert one of them with "
                "another --model_name."
            )
    _check_layers(crate, interface.crate)
    found = re.search(
        '^license = "(.*)"$', read_text(crate / "Cargo.toml", "it is the manifest of the crate"), re.MULTILINE
    )
    return Member(folder, len(others), names.unique(interface.module), interface, found and found[1])


def _check_layers(crate: Path, name: str) -> None:
    """Raises ConversionError if the crate has a copy of tf-layers that is not of this tf2rust."""
    copy = crate / "tf-layers"
    if not copy.is_dir():
        return
    for path, text in vendored(name).items():
        # Its manifest has the hash of the conversion.
        if path != "Cargo.toml" and (not (copy / path).is_file() or (copy / path).read_bytes() != text.encode()):
            raise ConversionError(
                f"{copy / path} is not that of this tf2rust, {__version__}: it was edited, or another build wrote it; "
                "convert the model again, so that all models use the same layers."
            )


def _distinct_bytes(members: Sequence[Member]) -> int:
    """The bytes of the arrays of weights, without repetitions."""
    return sum({_digest(array): array.nbytes for member in members for array in member.weights.values()}.values())


def _digest(array: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).digest()


def render_bundle(
    members: Sequence[Member], crate: str, tf_layers: Path | None = None, *, is_large: bool = False
) -> dict[str, str]:
    """The text files of the crate, by path."""
    entries = [
        Tuple((string(member.module), Token(f"weights_{i}::ENTRIES"), Token(f"weights_{i}::ARCHITECTURE")))
        for i, member in enumerate(members)
    ]
    context = {
        "version": __version__,
        "crate": crate,
        "module": crate.replace("-", "_"),
        "members": members,
        "entries": array(entries),
        "services": array([_service(member) for member in members]),
        "license": _licence(members),
        "chunked": any(member.is_chunked for member in members),
        "is_large": is_large,
        "vendored": tf_layers is None,
        "tf_layers": tf_layers_dependency(crate, tf_layers),
        "tf_layers_package": package_name(crate) if tf_layers is None else "tf-layers",
    }
    templates = {
        "Cargo.toml": "bundle/Cargo.toml",
        "README.md": "bundle/README.md",
        "build.rs": "bundle/build.rs",
        ".gitignore": ".gitignore",
        "rustfmt.toml": "rustfmt.toml",
        "src/lib.rs": "bundle/src/lib.rs",
        "src/blob.rs": "bundle/src/blob.rs",
    }
    if tf_layers is None:
        templates[".cargo/config.toml"] = "bundle/config.toml"
    texts = render_templates(templates, context)
    for member in members:
        folder = f"{BUNDLED}/{member.module}"
        for name in member.files():
            if name not in (WEIGHTS, SAMPLES):
                texts[f"{folder}/{name}"] = member.text(name, crate.replace("-", "_"))
    if tf_layers is None:
        texts |= {f"tf-layers/{name}": text for name, text in vendored(crate).items()}
    weights = {f"{member.module}/{key}": value for member in members for key, value in member.weights.items()}
    build = build_hash({name: text for name, text in texts.items() if not name.endswith("README.md")}, weights)
    return {name: with_build(text, build) if name.endswith("Cargo.toml") else text for name, text in texts.items()}


def _service(member: Member) -> Expr:
    """The entry of ``MODELS``."""
    model = f"{member.module}::{member.interface.struct}"
    return Token(f"Service::of::<{model}>")(Token(f"open_{member.module}"))


def _licence(members: Sequence[Member]) -> str | None:
    """The SPDX expression of all licences; None if one is not stated."""
    found = list(dict.fromkeys(member.license for member in members))
    if None in found:
        return None
    return " AND ".join(f"({one})" if len(found) > 1 and " OR " in str(one) else str(one) for one in found)


def _listed(tensors: Sequence[Tensor]) -> str:
    """The names, dtypes and shapes in a cell of a table."""
    ports = (
        f"`{rust_comment(tensor.name)}`: {tensor.dtype} [{', '.join(map(str, tensor.shape))}]" for tensor in tensors
    )
    return ", ".join(ports).replace("|", r"\|") or "none"
