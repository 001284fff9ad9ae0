"""Graphs of TensorFlow: frozen ``.pb`` files, and SavedModel folders, each as a zip archive of its files."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from google.protobuf.message import DecodeError

from tests.fuzz.archives import archive_of, members, mutate_archive
from tests.fuzz.front import Enter, Front
from tests.fuzz.fronts.keras_files import KerasFiles
from tests.fuzz.protos import messages, mutate_message
from tests.fuzz.raw import mutate_bytes
from tests.fuzz.stages import after_opening

_OPERATORS = (
    *(
        "Relu",
        "MatMul",
        "Identity",
        "Placeholder",
        "Const",
        "Reshape",
        "While",
        "If",
        "PartitionedCall",
        "Cast",
        "Assert",
    ),
    *(
        "VarHandleOp",
        "ReadVariableOp",
        "NoOp",
        "RandomUniform",
        "StringJoin",
        "PyFunc",
        "ReadFile",
        "Print",
        "NoSuchOp",
    ),
)


_GRAPH = "saved_model.pb"


class GraphDefs(Front):
    """Everything from a graph to the text of the crate."""

    name, suffix = "pb", ".pb"
    seconds, memory, share = KerasFiles.seconds, KerasFiles.memory, 300

    def prepare(self) -> None:
        KerasFiles.prepare(self)  # type: ignore[arg-type]

    def seeds(self) -> Iterator[bytes]:
        from tf2rust.onnx_import.tensorflow.runtime import library, quiet

        tf = library("tensorflow")
        with quiet(), tempfile.TemporaryDirectory() as folder:
            yield _frozen(tf, tf.nn.softmax)
            yield _frozen(tf, lambda y: tf.reshape(tf.nn.relu(y), [-1, 2, 1])[:, 0])
            yield _saved(tf, Path(folder) / "two")

    def mutate(self, rng: Random, data: bytes, donor: bytes) -> bytes:
        found, other = members(data), members(donor)
        if not found:
            return _mutate_graph(rng, data, donor, graph_def)
        if rng.random() < 0.1:
            return mutate_archive(rng, data, found, other or [])
        at = rng.choice([i for i, (name, _) in enumerate(found) for _ in range(12 if name == _GRAPH else 1)])
        name, content = found[at]
        if name == _GRAPH:
            changed = _mutate_graph(rng, content, dict(other or found).get(name, content), saved_model)
        else:
            changed = mutate_bytes(rng, content)
        return archive_of([*found[:at], (name, changed), *found[at + 1 :]])

    def convert(self, path: Path, enter: Enter, rng: Random) -> None:
        from tf2rust.source import open_tensorflow

        enter("open")
        found = members(path.read_bytes())
        if not found:
            source = open_tensorflow(path, inputs=("x",), outputs=("scores:0",))
        else:
            folder = path.parent / "saved"
            shutil.rmtree(folder, ignore_errors=True)
            for name, content in found:
                inside = folder / Path(*[part for part in Path(name).parts if part not in ("/", "..")] or ["x"])
                with contextlib.suppress(OSError, ValueError):  # a name that no file can have
                    inside.parent.mkdir(parents=True, exist_ok=True)
                    inside.write_bytes(content)
            source = open_tensorflow(folder)
        after_opening(source, path, enter, rng)


def graph_def() -> Any:
    """An empty graph."""
    from tensorflow.core.framework.graph_pb2 import GraphDef

    return GraphDef()


def saved_model() -> Any:
    """An empty SavedModel."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    return SavedModel()


def _mutate_graph(rng: Random, data: bytes, donor: bytes, kind: Callable[[], Any]) -> bytes:
    graph, other = _parsed(data, kind), _parsed(donor, kind)
    if graph is None or rng.random() < 0.03:
        return mutate_bytes(rng, data)
    try:
        nodes = [m for m in messages(graph) if m.DESCRIPTOR.name == "NodeDef"]
        if nodes and rng.random() < 0.15:
            rng.choice(nodes).op = rng.choice(_OPERATORS)
        elif nodes and rng.random() < 0.1:
            names = [n.name for n in nodes]
            rng.choice(nodes).input.append(rng.choice((*names, f"{rng.choice(names)}:1", f"^{rng.choice(names)}")))
        else:
            mutate_message(rng, graph, other or graph)
        content: bytes = graph.SerializeToString()
    except Exception:  # the change does not go with this graph
        return mutate_bytes(rng, data)
    return content


def _frozen(tf: Any, end: Any) -> bytes:
    v1 = tf.compat.v1
    with v1.Graph().as_default() as graph:
        x = v1.placeholder("float32", [None, 3], name="x")
        weights = v1.constant([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]], name="weights")
        tf.identity(end(tf.matmul(x, weights)), name="scores")
    content: bytes = graph.as_graph_def().SerializeToString(deterministic=True)
    return content


def _saved(tf: Any, path: Path) -> bytes:
    """A SavedModel of a variable and a constant."""

    class Made(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weights = tf.Variable([[0.5], [-1.0], [2.0]], name="weights")

        @tf.function(input_signature=[tf.TensorSpec([None, 3], "float32", name="x")])  # type: ignore[untyped-decorator]
        def score(self, x: Any) -> Any:
            return {"score": tf.sigmoid(tf.matmul(x, self.weights) + tf.constant(0.25))}

    made = Made()
    tf.saved_model.save(made, str(path), signatures={"serving_default": made.score})
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.name != "fingerprint.pb")
    return archive_of([(p.relative_to(path).as_posix(), p.read_bytes()) for p in files])


def _parsed(data: bytes, kind: Callable[[], Any]) -> Any:
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None
    return message
