"""What a large model costs: memory and time of its conversion, and the time that its crate takes to build.

    python -m bench.large [CASE…]

Each case writes a model with random weights, converts it and prints the peak memory of the conversion as a multiple of
the weights. Cases about building also build the crate, with its copy of tf-layers, in an empty target folder. `make
large` runs all cases but those beyond 2 GB, which need 12 GB of memory and 20 GB of disk: name them. Linux only: memory
that processes share is counted once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import psutil
from onnx import TensorProto, helper, numpy_helper

_INTERVAL = 0.05  # seconds between two memory samples
_BERT_WORDS = 30_522


@dataclass(frozen=True)
class Encoder:
    """The sizes of a transformer encoder; the feed-forward layers are four times as wide."""

    layers: int
    width: int
    heads: int
    words: int = _BERT_WORDS


@dataclass(frozen=True)
class Case:
    """A model to convert, which ``write`` writes into a folder, and the goals.

    ``memory`` is the peak of the conversion as a multiple of the weights, ``seconds`` the time of a build on two cores.
    """

    write: Callable[[Path], Path]
    memory: float | None = None
    seconds: float | None = None
    runs_by_default: bool = True


class _Graph:
    """Collects the nodes and weights of an ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._rng = np.random.default_rng(1)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """The output of a new node."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def weight(self, *shape: int, scale: float = 1.0, offset: float = 0.0) -> str:
        """The name of a new random weight."""
        array = self._rng.standard_normal(shape, np.float32)
        array *= np.float32(scale)
        array += np.float32(offset)
        return self.constant(array)

    def constant(self, array: np.ndarray) -> str:
        """The name of a new weight with these values."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def dense(self, x: str, inputs: int, outputs: int) -> str:
        """The output of a Dense layer."""
        product = self.add("MatMul", x, self.weight(inputs, outputs, scale=inputs**-0.5))
        return self.add("Add", product, self.weight(outputs, scale=0.1))

    def conv(self, x: str, inputs: int, outputs: int, size: int = 3, stride: int = 1) -> str:
        """The output of a convolution with SiLU."""
        kernel = self.weight(outputs, inputs, size, size, scale=(inputs * size * size) ** -0.5)
        y = self.add("Conv", x, kernel, self.weight(outputs, scale=0.1), strides=[stride] * 2, pads=[size // 2] * 4)
        return self.add("Mul", y, self.add("Sigmoid", y))

    def norm(self, x: str, width: int) -> str:
        """The output of a layer normalization."""
        scale = self.weight(width, scale=0.1, offset=1.0)
        return self.add("LayerNormalization", x, scale, self.weight(width, scale=0.1))

    def model(self, name: str, dtype: int, shape: list[int | str], output: str) -> onnx.ModelProto:
        """The model with this input and output."""
        value = helper.make_tensor_value_info(name, dtype, shape)
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "large", [value], [result], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def encoder(sizes: Encoder) -> onnx.ModelProto:
    """A BERT-like encoder of token ids ``[batch, seq]``."""
    graph, width = _Graph(), sizes.width
    split = graph.constant(np.array([0, 0, sizes.heads, width // sizes.heads], np.int64))
    merge = graph.constant(np.array([0, 0, width], np.int64))
    factor = graph.constant(np.array((width // sizes.heads) ** -0.5, np.float32))

    def heads(x: str, perm: list[int]) -> str:
        return graph.add("Transpose", graph.add("Reshape", graph.dense(x, width, width), split), perm=perm)

    x = graph.norm(graph.add("Gather", graph.weight(sizes.words, width), "ids"), width)
    for _ in range(sizes.layers):
        query, key, value = (heads(x, perm) for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
        scores = graph.add("Softmax", graph.add("Mul", graph.add("MatMul", query, key), factor), axis=-1)
        mixed = graph.add("Transpose", graph.add("MatMul", scores, value), perm=[0, 2, 1, 3])
        x = graph.norm(graph.add("Add", x, graph.dense(graph.add("Reshape", mixed, merge), width, width)), width)
        hidden = graph.add("Relu", graph.dense(x, width, 4 * width))
        x = graph.norm(graph.add("Add", x, graph.dense(hidden, 4 * width, width)), width)
    return graph.model("ids", TensorProto.INT64, ["batch", "seq"], x)


def detector(blocks: int, width: int) -> onnx.ModelProto:
    """A YOLO-like detector of images ``[batch, 3, height, width]`` with a head for each of four scales.

    Each scale has ``blocks`` residual blocks on the way down and, but for the smallest, on the way up. ``width`` is the
    number of channels after the first convolution.
    """
    graph = _Graph()
    double = graph.constant(np.array([1, 1, 2, 2], np.float32))
    flat = graph.constant(np.array([0, 64, -1], np.int64))

    def residual(x: str, channels: int) -> str:
        for _ in range(blocks):
            inner = graph.conv(x, channels, channels // 2, size=1)
            x = graph.add("Add", x, graph.conv(inner, channels // 2, channels))
        return x

    def head(x: str, channels: int) -> str:
        return graph.add("Reshape", graph.conv(graph.conv(x, channels, channels), channels, 64, size=1), flat)

    x, channels, maps = graph.conv("image", 3, width, stride=2), width, []
    for _ in range(4):
        x, channels = graph.conv(x, channels, 2 * channels, stride=2), 2 * channels
        x = residual(x, channels)
        maps.append((x, channels))
    x, channels = maps.pop()
    heads = [head(x, channels)]
    for skip, wide in reversed(maps):
        up = graph.add(
            *("Resize", x, "", double),
            mode="nearest",
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )
        x, channels = graph.conv(graph.add("Concat", up, skip, axis=1), channels + wide, wide, size=1), wide
        x = residual(x, channels)
        heads.append(head(x, channels))
    boxes = graph.add("Transpose", graph.add("Concat", *heads, axis=2), perm=[0, 2, 1])
    return graph.model("image", TensorProto.FLOAT, ["batch", 3, "height", "width"], boxes)


def write_onnx(proto: onnx.ModelProto, folder: Path, *, external: bool = False) -> Path:
    """Writes a model, with its weights in a file of their own if they are ``external``."""
    path = folder / "model.onnx"
    onnx.save_model(proto, str(path), save_as_external_data=external, location="model.data")
    return path


def write_keras(sizes: Encoder, path: Path) -> Path:
    """Writes the encoder with Keras in a process of its own, which frees TensorFlow's memory."""
    program = (
        "import sys; from pathlib import Path; from bench.large import Encoder, keras_encoder; "
        f"keras_encoder({sizes!r}, Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
    return path


def keras_encoder(sizes: Encoder, path: Path) -> None:
    """Writes the encoder as a ``.keras`` file, or as a SavedModel if ``path`` has no suffix."""
    import keras

    ids = keras.Input((None,), dtype="int32", name="ids")
    x = keras.layers.LayerNormalization()(keras.layers.Embedding(sizes.words, sizes.width)(ids))
    for _ in range(sizes.layers):
        attention = keras.layers.MultiHeadAttention(sizes.heads, sizes.width // sizes.heads)
        x = keras.layers.LayerNormalization()(keras.layers.Add()([x, attention(x, x)]))
        hidden = keras.layers.Dense(4 * sizes.width, "relu")(x)
        x = keras.layers.LayerNormalization()(keras.layers.Add()([x, keras.layers.Dense(sizes.width)(hidden)]))
    model = keras.Model(ids, x)
    if path.suffix:
        model.save(path)
    else:
        model.export(path, verbose=False)


_BASE = Encoder(layers=12, width=768, heads=12)
_SMALL = Encoder(layers=6, width=512, heads=8, words=5000)
_BEYOND_2_GB = Encoder(layers=20, width=1536, heads=12, words=1000)

CASES = {
    "encoder_onnx": Case(lambda folder: write_onnx(encoder(_BASE), folder), memory=2.5),
    "encoder_external": Case(lambda folder: write_onnx(encoder(_BASE), folder, external=True), memory=2.5),
    "encoder_keras": Case(lambda folder: write_keras(_BASE, folder / "model.keras"), memory=6),
    "encoder_saved_model": Case(lambda folder: write_keras(_BASE, folder / "model"), memory=6),
    "encoder_85_mb": Case(lambda folder: write_onnx(encoder(_SMALL), folder), seconds=60),
    "detector": Case(lambda folder: write_onnx(detector(20, 16), folder), seconds=30),
    "beyond_2_gb_onnx": Case(
        lambda folder: write_onnx(encoder(_BEYOND_2_GB), folder, external=True), memory=2.5, runs_by_default=False
    ),
    "beyond_2_gb_keras": Case(
        lambda folder: write_keras(_BEYOND_2_GB, folder / "model.keras"), memory=6, runs_by_default=False
    ),
}


def measure(command: list[str]) -> tuple[float, int]:
    """Runs a command. Returns its seconds, and the peak memory of its processes in bytes."""
    start, peak = time.perf_counter(), 0
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    top = psutil.Process(child.pid)
    while child.poll() is None:
        peak = max(peak, _memory(top))
        time.sleep(_INTERVAL)
    assert child.stderr is not None
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{child.stderr.read()}")
    return time.perf_counter() - start, peak


def _memory(process: psutil.Process) -> int:
    """The proportional set size of a process and its children in bytes."""
    total = 0
    try:
        for each in (process, *process.children(recursive=True)):
            total += each.memory_full_info().pss
    except psutil.Error:  # a process ended
        pass
    return total


def build_seconds(crate: Path, target: Path) -> float:
    """The seconds that cargo takes to build ``crate`` and its dependencies from nothing."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}
    start = time.perf_counter()
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=crate, env=environment, check=True)
    return time.perf_counter() - start


def run(name: str, case: Case, folder: Path) -> str:
    """Converts the model of a case, builds its crate if that has a goal, and returns a row of the table."""
    model, out = case.write(folder), folder / "out"
    command = "from-onnx" if model.suffix == ".onnx" else "from-tf"
    seconds, peak = measure(
        [
            *(
                sys.executable,
                "-m",
                "tf2rust",
                command,
                str(model),
                "--path_to_save",
                str(out),
                "--model_name",
                "large",
            ),
            *("--max_memory", "none"),
        ]
    )
    crate = out / "rust_generated_code"
    weights = (crate / "model" / "model_weights.npz").stat().st_size
    source = (crate / "src" / "model.rs").stat().st_size
    goal = "" if case.memory is None else f" (goal {case.memory:g})"
    cells = [name, f"{weights / 1e6:.0f} MB", f"{seconds:.0f} s", f"{peak / 1e6:.0f} MB", f"{peak / weights:.1f}{goal}"]
    cells += [f"{source / 1e3:.0f} kB"]
    cells += (
        [] if case.seconds is None else [f"{build_seconds(crate, folder / 'target'):.0f} s (goal {case.seconds:g})"]
    )
    return " | ".join(cells)


def main() -> None:
    """Prints a row for each of the named cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], metavar="CASE", help=", ".join(CASES))
    names = parser.parse_args().cases or [name for name, case in CASES.items() if case.runs_by_default]
    print("case | weights | conversion | peak memory | times the weights | model.rs | build")
    for name in names:
        with tempfile.TemporaryDirectory(prefix="tf2rust-large-") as folder:
            print(run(name, CASES[name], Path(folder)), flush=True)


if __name__ == "__main__":
    main()
