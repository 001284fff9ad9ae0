"""Converts dgaintel, a published Keras model, and compares the Rust crate with TensorFlow and ONNX Runtime."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from rich.console import Console
from rich.table import Table

from demo.models import dgaintel, encode_domains
from tf2rust.conversion import Converted, Options, convert
from tf2rust.source import open_tensorflow

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "build" / "demo"
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
BATCHES = (1, 64)
_SECONDS = 1.0
"""How long ONNX Runtime is measured for each batch; `speed.rs` measures as long."""
_MANIFEST = """[package]
name = "speed"
version = "0.0.0"
edition = "2024"

[[bin]]
name = "speed"
path = "{program}"

[dependencies]
dgaintel = {{ path = "{crate}" }}

[workspace]
"""

console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    """Fetch, convert, compile, compare, measure."""
    step(1, "fetching dgaintel from the package index")
    path = dgaintel()
    step(2, "converting it")
    source = open_tensorflow(path)
    console.print(f"      {source.opened_with}")
    result = convert(source, Options(FOLDER / "dgaintel", "dgaintel"))
    step(3, "compiling the crate and comparing it with TensorFlow")
    for measured in result.verify():
        console.print(f"      {measured}", markup=False)
    name = source.proto.graph.input[0].name
    features = encode_domains(DOMAINS)
    (expected,) = source.run({name: features}).values()
    (found,) = result.predict({name: features}).values()
    step(4, "measuring the crate and ONNX Runtime")
    ours, theirs = measure_crate(result.crate), measure_onnx_runtime(result)

    console.print()
    console.print(scores(found, expected))
    console.print(speed(ours, theirs))
    console.print(f"The model as a picture: {result.model_info / 'model_overview.png'}")
    console.print(f"The generated code:     {result.crate / 'src' / 'model.rs'}")
    command = Path(sys.executable).with_name("tf2rust")
    console.print(f"Next, your own model:   {command} from-tf MODEL --path_to_save out --model_name NAME")


def step(number: int, text: str) -> None:
    """Announces a step."""
    console.print(f"[bold]\\[{number}/4][/] {text}")


def scores(found: np.ndarray, expected: np.ndarray) -> Table:
    """The score of every domain."""
    caption = f"largest difference: {np.abs(found - expected).max():.1e}"
    table = Table(
        "domain", "Rust", "TensorFlow", title="Probability that malware generated the domain", caption=caption
    )
    for domain, rust, tensorflow in zip(DOMAINS, found.ravel(), expected.ravel(), strict=True):
        table.add_row(domain, f"{rust:.6f}", f"{tensorflow:.6f}")
    return table


def speed(ours: dict[int, float], theirs: dict[int, float]) -> Table:
    """The medians of both engines, in microseconds."""
    caption = "medians on one thread; ONNX Runtime is called from Python"
    table = Table("domains", "Rust", "ONNX Runtime", "ratio", title="Time of one prediction", caption=caption)
    for batch in BATCHES:
        ratio = theirs[batch] / ours[batch]
        table.add_row(str(batch), f"{ours[batch]:.0f} µs", f"{theirs[batch]:.0f} µs", f"{ratio:.1f}")
    return table


def measure_crate(crate: Path) -> dict[int, float]:
    """The median time of a prediction by batch, in microseconds."""
    package = FOLDER / "speed"
    package.mkdir(exist_ok=True)
    manifest = _MANIFEST.format(program=(HERE / "speed.rs").as_posix(), crate=crate.as_posix())
    (package / "Cargo.toml").write_text(manifest, encoding="utf-8")
    command = ["cargo", "run", "--release", "--quiet"]
    done = subprocess.run(command, cwd=package, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed in {package}:\n{done.stderr}")
    return {int(batch): float(median) for batch, median in map(str.split, done.stdout.splitlines())}


def measure_onnx_runtime(result: Converted) -> dict[int, float]:
    """The same of ONNX Runtime on the exported graph."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(result.model_info / "model.onnx", options)
    name, found = session.get_inputs()[0].name, {}
    for batch in BATCHES:
        features = np.resize(encode_domains(DOMAINS), (batch, encode_domains(DOMAINS).shape[1]))
        times, begin = [], time.perf_counter()
        while time.perf_counter() - begin < _SECONDS:
            start = time.perf_counter()
            session.run(None, {name: features})
            times.append(time.perf_counter() - start)
        found[batch] = statistics.median(times) * 1e6
    return found


if __name__ == "__main__":
    main()
