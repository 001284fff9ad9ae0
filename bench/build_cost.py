"""Measures what weights add to the build of a crate: a large model of Dense layers against a tiny one of the same form.

    python bench/build_cost.py [--megabytes 200]

For both it converts a model, builds its crate and a program with it (`cargo build --release --example predict`), builds
all but its dependencies again, and prints the time of that and the peak memory of the largest process in it: rustc, a
build script or the linker. Unix only.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tf2rust.conversion import Options, convert  # noqa: E402
from tf2rust.source import open_onnx  # noqa: E402

LAYERS = 8

# Runs a command and prints its seconds and peak memory, which includes all processes that it waited for. A process
# inherits the peak of its parent, so this program must be small.
_MEASURE = """
import os, sys, time
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def model(width: int) -> onnx.ModelProto:
    """A model of ``LAYERS`` Dense layers of ``width`` units. Its weights keep the variance of activations."""
    rng = np.random.default_rng(1)
    nodes, weights = [], []
    for i in range(LAYERS):
        kernel = (rng.standard_normal((width, width)) / math.sqrt(width)).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"kernel_{i}"))
        nodes += [
            helper.make_node("MatMul", [f"x{i}", f"kernel_{i}"], [f"y{i}"], name=f"dense_{i}"),
            helper.make_node("Tanh", [f"y{i}"], [f"x{i + 1}"], name=f"tanh_{i}"),
        ]
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width]) for name in ("x0", f"x{LAYERS}")]
    graph = helper.make_graph(nodes, "dense", ports[:1], ports[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def build(crate: Path) -> tuple[float, int]:
    """Builds ``crate`` after its dependencies. Returns seconds and the peak memory of the largest process."""
    environment = {"CARGO_TARGET_DIR": str(ROOT / "build" / "target"), **os.environ}
    command = ["cargo", "build", "--release", "--quiet", "--example", "predict"]
    subprocess.run(command, cwd=crate, env=environment, check=True)
    # The crates that hold weights are built again; tf-layers is not.
    for script in (crate / "build.rs", *crate.glob("weights/*/build.rs")):
        script.touch()
    done = subprocess.run(
        [sys.executable, "-S", "-c", _MEASURE, *command],
        cwd=crate,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak) * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Builds both models and prints a table and the differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200, help="the weights of the large model")
    arguments = parser.parse_args()
    width = math.isqrt(arguments.megabytes * 1_000_000 // (4 * LAYERS))
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, units in (("tiny", 16), ("large", width)):
            path = Path(folder) / f"{name}.onnx"
            onnx.save(model(units), path)
            crate = convert(open_onnx(path), Options(Path(folder) / name, name, tf_layers=ROOT / "tf-layers")).crate
            weights = (crate / "model" / "model_weights.npz").stat().st_size
            found[name] = build(crate)
            seconds, peak = found[name]
            print(
                f"{name:5} {weights / 1e6:7.1f} MB of weights: {seconds:5.1f} s, {peak / 1e6:6.0f} MB at the peak",
                flush=True,
            )
    (tiny_seconds, tiny_peak), (seconds, peak) = found["tiny"], found["large"]
    print(f"more: {seconds - tiny_seconds:.1f} s, {(peak - tiny_peak) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
