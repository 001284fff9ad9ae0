"""Converts dgaintel, a published Keras model, and compares the Rust crate with TensorFlow on domain names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from demo.models import dgaintel, encode_domains
from tf2rust.conversion import Options, convert
from tf2rust.source import open_tensorflow

FOLDER = Path(__file__).resolve().parents[1] / "build" / "demo"
DOMAINS = (
    "github.com",
    "debian.org",
    "wikipedia.org",
    "rust-lang.org",
    "python.org",
    "xjwqzkvbhpt.biz",
    "kq3v9xw0zptl.ru",
    "a8f2k1q9zx7w.info",
)

console = Console()


def main() -> None:
    """Fetch, convert, compile, compare."""
    with console.status("Fetching dgaintel from the package index"):
        path = dgaintel()
    with console.status("Reading the model with Keras") as status:
        source = open_tensorflow(path)
        console.print(source.opened_with)
        result = convert(source, Options(FOLDER / "dgaintel", "dgaintel"), status.update)
    console.print(f"wrote {result.crate}", soft_wrap=True)
    name = source.proto.graph.input[0].name
    features = encode_domains(DOMAINS)
    (expected,) = source.run({name: features}).values()
    np.savez(FOLDER / "in.npz", **{name: features})
    with console.status("Compiling the crate and running its tests"):
        run(result.crate, "test", "--release", "--quiet")
        example = ("run", "--release", "--quiet", "--example", "predict", "--")
        run(result.crate, *example, str(FOLDER / "in.npz"), str(FOLDER / "out.npz"))
    with np.load(FOLDER / "out.npz") as outputs:
        (found,) = outputs.values()
    table = Table("domain", "Rust", "TensorFlow", title="The chance that malware made the domain up")
    for domain, rust, tensorflow in zip(DOMAINS, found.ravel(), expected.ravel(), strict=True):
        table.add_row(domain, f"{rust:.6f}", f"{tensorflow:.6f}")
    console.print(table)
    console.print(f"largest difference: {np.abs(found - expected).max():.1e}")


def run(crate: Path, *arguments: str) -> None:
    """Runs cargo in the crate; its output is shown if it fails."""
    done = subprocess.run(["cargo", *arguments], cwd=crate, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"cargo {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")


main()
