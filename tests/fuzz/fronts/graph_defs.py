"""Graphs of TensorFlow: frozen ``.pb`` files, and the ``saved_model.pb`` of SavedModel folders."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from google.protobuf.message import DecodeError

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


class GraphDefs(Front):
    """Everything from a graph to the text of the crate; the variables of a SavedModel stay as they are."""

    name, suffix = "pb", ".pb"
    seconds, memory, share = KerasFiles.seconds, KerasFiles.memory, 300

    def __init__(self) -> None:
        self._variables: Path | None = None

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
        graph, other = _parsed(data), _parsed(donor)
        if graph is None or rng.random() < 0.03:
            return mutate_bytes(rng, data)
        try:
            nodes = [m for m in messages(graph) if m.DESCRIPTOR.name == "NodeDef"]
            if nodes and rng.random() < 0.15:
                rng.choice(nodes).op = rng.choice(_OPERATORS)
            elif nodes and rng.random() < 0.15:
                names = [n.name for n in nodes]
                rng.choice(nodes).input.append(rng.choice((*names, f"{rng.choice(names)}:1", f"^{rng.choice(names)}")))
            else:
                mutate_message(rng, graph, other or graph)
            content: bytes = graph.SerializeToString()
        except Exception:  # the change does not go with this graph
            return mutate_bytes(rng, data)
        return content

    def convert(self, path: Path, enter: Enter, rng: Random) -> None:
        from tf2rust.conversion import open_tensorflow

        enter("open")
        if b"serving_default" not in path.read_bytes():
            source = open_tensorflow(path, inputs=("x",), outputs=("scores:0",))
        else:
            folder = path.parent / "saved"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            shutil.copy(path, folder / "saved_model.pb")
            source = open_tensorflow(folder)
        after_opening(source, path, enter, rng)


def _frozen(tf: Any, end: Any) -> bytes:
    v1 = tf.compat.v1
    with v1.Graph().as_default() as graph:
        x = v1.placeholder("float32", [None, 3], name="x")
        weights = v1.constant([[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5]], name="weights")
        tf.identity(end(tf.matmul(x, weights)), name="scores")
    content: bytes = graph.as_graph_def().SerializeToString(deterministic=True)
    return content


def _saved(tf: Any, path: Path) -> bytes:
    """A SavedModel whose only weights are constants of its graph."""

    class Made(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None, 3], "float32", name="x")])  # type: ignore[untyped-decorator]
        def score(self, x: Any) -> Any:
            return {"score": tf.sigmoid(tf.matmul(x, tf.constant([[0.5], [-1.0], [2.0]])))}

    made = Made()
    tf.saved_model.save(made, str(path), signatures={"serving_default": made.score})
    return (path / "saved_model.pb").read_bytes()


def _parsed(data: bytes) -> Any:
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    message = SavedModel() if b"serving_default" in data else GraphDef()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None
    return message
