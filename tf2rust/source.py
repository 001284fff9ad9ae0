"""An opened model: its graph, and the framework that computes its reference outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnx

from tf2rust.npz import read_npz
from tf2rust.onnx_import.constants import bind_constants
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.load import OnnxRuntime, load_onnx
from tf2rust.onnx_import.states import Size, State, Stream, declare_states
from tf2rust.onnx_import.stream import streamed
from tf2rust.onnx_import.weights import split_weights
from tf2rust.stages import stage

Run = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Source:
    """A model as ONNX, and the framework that computes its reference outputs.

    ``weights`` are the large initializers, which ``proto`` holds without contents; ``notes`` are messages for the user;
    ``states`` are the inputs that the next call gets from an output.
    """

    path: Path
    proto: onnx.ModelProto
    framework: str
    run: Run
    node_layers: Mapping[str, str] = field(default_factory=dict)
    opened_with: str = ""
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    stream: Stream | None = None
    """The time of a model that takes a sequence in chunks; the reference then runs the whole sequence."""
    opening: Mapping[str, object] = field(default_factory=dict)
    """The options that the model was opened with and that differ from their defaults, by name."""
    ties_away: bool = False
    """Whether averages of integers that are halfway between two integers round away from zero, as TFLite does."""

    @property
    def is_onnx(self) -> bool:
        """Whether the model is an ONNX file, so that there is no source framework."""
        return self.framework.startswith("ONNX Runtime")

    @property
    def run_is_onnx_runtime(self) -> bool:
        """Whether the reference is ONNX Runtime on ``proto``."""
        return self.is_onnx and self.stream is None


def with_states(source: Source, pairs: Mapping[str, str]) -> Source:
    """The source whose states are also the inputs and outputs in ``pairs``. Raises ConversionError for wrong names."""
    if not pairs:
        return source
    proto, weights, states = declare_states(source.proto, source.weights, pairs, source.states)
    changed = replace(source, proto=proto, weights=weights, states=(*source.states, *states))
    if not source.run_is_onnx_runtime:
        return changed
    # The original model would ignore an input that it has an initializer for.
    return replace(changed, run=OnnxRuntime(proto, weights))


def with_stream(source: Source, dims: Mapping[str, Size], time: str | None) -> Source:
    """The source as a model that takes chunks along the symbolic dimension ``time``.

    The model must have no states. Arrays have the chunk as axis 0, but the reference runs the whole sequence. Raises
    UsageError if there is no such dimension, and ConversionError with the nodes that cannot run in chunks.
    """
    if time is None:
        return source
    analysis = analyse(source.proto, {name: size for name, size in dims.items() if name != time}, source.weights)
    proto, states, stream = streamed(source.proto, analysis, time)
    names = [info.name for info in source.proto.graph.input]
    read = {tensor.name for tensor in proto.graph.initializer}

    def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        whole = {n: np.concatenate(list(a), axis=stream.axes[n]) for n, a in inputs.items() if n in names}
        chunks = len(inputs[next(iter(whole))])
        found = source.run(whole)
        return {name: np.stack(np.split(array, chunks, axis=stream.axes[name])) for name, array in found.items()}

    bound = isinstance(dims.get(time), int)
    return replace(
        source,
        proto=proto,
        weights={name: array for name, array in source.weights.items() if name in read},
        run=run,
        framework=f"{source.framework} on the whole sequence",
        states=tuple(states),
        stream=replace(stream, dimension=None) if bound else stream,
    )


def open_onnx(path: Path, constants: Mapping[str, np.ndarray] | None = None) -> Source:
    """Opens an ONNX file and binds the inputs in ``constants`` to these arrays. The reference is ONNX Runtime."""
    with stage("reading the model"):
        loaded = load_onnx(path)
        proto, weights = loaded.proto, loaded.weights
        if constants:
            proto = bind_constants(proto, constants)

    def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return OnnxRuntime(proto, weights)(inputs)

    framework = onnx_runtime()
    opening = {"constants": sorted(constants)} if constants else {}
    return Source(path, proto, framework, run, weights=weights, notes=loaded.notes, opening=opening)


def onnx_runtime() -> str:
    """The name of ONNX Runtime with its version."""
    import onnxruntime

    return f"ONNX Runtime {onnxruntime.__version__}"


def open_tensorflow(
    path: Path,
    *,
    trust_code: bool = False,
    signature: str | None = None,
    custom_objects: Mapping[str, object] | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> Source:
    """Opens any TensorFlow model. The reference is TensorFlow. A frozen graph needs ``inputs`` and ``outputs``."""
    with stage("reading the model"):
        from tf2rust.onnx_import.tensorflow import load_frozen_graph, load_tensorflow

        if inputs or outputs:
            model = load_frozen_graph(path, inputs, outputs, trust_code=trust_code)
        else:
            model = load_tensorflow(path, trust_code=trust_code, signature=signature, custom_objects=custom_objects)
        proto, weights = split_weights(model.proto, model.weights)
    opening = {
        "signature": signature,
        "trust_code": trust_code,
        "custom_objects": [_qualified(name, value) for name, value in sorted((custom_objects or {}).items())],
        "inputs": list(inputs),
        "outputs": list(outputs),
    }
    return Source(
        path,
        proto,
        model.framework,
        model.run,
        model.node_layers,
        model.opened_with,
        weights,
        model.notes,
        model.states,
        opening={name: value for name, value in opening.items() if value},
        ties_away=path.suffix.lower() == ".tflite",
    )


def _qualified(name: str, value: object) -> str:
    """The value of ``--custom_objects`` for an object with this name."""
    return f"{name}={getattr(value, '__module__', '')}:{getattr(value, '__qualname__', name)}"


def read_constants(path: Path | None) -> dict[str, np.ndarray]:
    """Reads the arrays of ``--constants`` by input name."""
    with stage("reading --constants"):
        return {} if path is None else read_npz(path, "--constants expects an NPZ file of arrays by input name")


def sha256(path: Path) -> str:
    """The hash of a file, or of all files of a folder in the order of their names."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        if file is not path:
            digest.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
