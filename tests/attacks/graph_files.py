"""SavedModels, frozen graphs and TFLite files that try to do more than compute.

They try to write into the folder ``canary`` beside them, and to read the file ``secret`` there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attacks.keras_files import Case, canary, secret
from tf2rust.onnx_import.tensorflow.runtime import library, quiet

tf = library("tensorflow")
v1 = tf.compat.v1
Effect = Callable[[Path, Any], Any]
"""What a model does with its input besides computing; returns the input or a value computed from it."""


# --- what a graph may try


def _after(x: Any, op: Any) -> Any:
    with tf.control_dependencies([op]):
        return tf.identity(x)


def _read(path: str, x: Any) -> Any:
    leaked = tf.io.decode_raw(tf.io.read_file(path), tf.uint8)
    return x + tf.cast(tf.reduce_sum(tf.cast(leaked, tf.int32)), tf.float32)


def _save(prefix: Any, x: Any) -> Any:
    return _after(x, tf.raw_ops.SaveV2(prefix=prefix, tensor_names=["x"], shape_and_slices=[""], tensors=[x]))


def _restore(prefix: Any, x: Any) -> Any:
    return x + tf.raw_ops.RestoreV2(prefix=prefix, tensor_names=["x"], shape_and_slices=[""], dtypes=[tf.float32])[0]


def _table(path: str, x: Any) -> Any:
    """A table that the graph initialises from a file."""
    table = tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
    fill = tf.raw_ops.InitializeTableFromTextFileV2(
        table_handle=table, filename=path, key_index=-2, value_index=-1, vocab_size=-1, delimiter="\t"
    )
    with tf.control_dependencies([fill]):
        size = tf.raw_ops.LookupTableSizeV2(table_handle=table)
    return x + tf.cast(size, tf.float32)


def _in_a_branch(folder: Path, x: Any) -> Any:
    def write() -> Any:
        return _after(x, tf.io.write_file(canary(folder), "x"))

    return tf.cond(tf.reduce_sum(x) > 1e30, write, lambda: x)


def _in_a_loop(folder: Path, x: Any) -> Any:
    def body(i: Any, value: Any) -> tuple[Any, Any]:
        return i + 1, _after(value, tf.io.write_file(canary(folder), "x"))

    return tf.while_loop(lambda i, _: i < 1, body, (0, x))[1]


EFFECTS: dict[str, tuple[Effect, str]] = {
    "write_file": (lambda f, x: _after(x, tf.io.write_file(canary(f), "x")), "'WriteFile'"),
    "print to a file": (
        lambda f, x: _after(x, tf.raw_ops.PrintV2(input="x", output_stream=f"file://{canary(f)}")),
        "'PrintV2'",
    ),
    "print": (lambda f, x: v1.Print(x, [x]), "'Print'"),
    "read_file": (lambda f, x: _read(secret(f), x), "'ReadFile'"),
    "matching_files": (
        lambda f, x: x + tf.cast(tf.size(tf.io.matching_files("/etc/*")), tf.float32),
        "'MatchingFiles'",
    ),
    "a file in memory": (
        lambda f, x: x + tf.raw_ops.ImmutableConst(dtype=tf.float32, shape=[4], memory_region_name=secret(f)),
        "'ImmutableConst'",
    ),
    "message types of a file": (
        lambda f, x: _after(
            x,
            tf.raw_ops.DecodeProtoV2(
                bytes=[b""], message_type="a.B", field_names=[], output_types=[], descriptor_source=secret(f)
            ).sizes,
        ),
        "'DecodeProtoV2'",
    ),
    "a vocabulary of a sampler": (
        lambda f, x: _after(
            x,
            tf.random.fixed_unigram_candidate_sampler([[1]], 1, 1, True, 4, vocab_file=secret(f)).sampled_candidates,
        ),
        "'FixedUnigramCandidateSampler'",
    ),
    "records": (
        lambda f, x: _after(x, tf.raw_ops.TextLineDataset(filenames=secret(f), compression_type="", buffer_size=0)),
        "'TextLineDataset'",
    ),
    "Python": (lambda f, x: tf.ensure_shape(tf.numpy_function(lambda v: v, [x], tf.float32), x.shape), "PyFunc"),
    "a checkpoint of its own": (lambda f, x: _save(canary(f), x), "'SaveV2' on a file that the model itself names"),
    "another checkpoint": (lambda f, x: _restore(secret(f), x), "'RestoreV2' on a file that the model itself names"),
    "a table of another file": (lambda f, x: _table(secret(f), x), "initialises a table from a file"),
    "in a branch": (_in_a_branch, "'WriteFile'"),
    "in a loop": (_in_a_loop, "'WriteFile'"),
    "the time": (lambda f, x: x + tf.cast(tf.timestamp(), tf.float32), "'Timestamp'"),
}


# --- files


def frozen(effect: Effect, on_the_path: bool = True) -> Callable[[Path], Path]:
    """A frozen graph from ``x`` to ``y``, with the effect on the path between them or elsewhere."""

    def write(folder: Path) -> Path:
        with tf.Graph().as_default() as graph, quiet():
            x = v1.placeholder(tf.float32, [None, 4], name="x")
            given = effect(folder, x)
            tf.multiply(given if on_the_path else x, 2.0, name="y")
        path = folder / "graph.pb"
        path.write_bytes(graph.as_graph_def().SerializeToString())
        return path

    return write


def saved(effect: Effect, on_the_path: bool = True) -> Callable[[Path], Path]:
    """A TensorFlow 2 SavedModel with a variable; off the path, the effect is in a function that no output needs."""

    def write(folder: Path) -> Path:
        class Model(tf.Module):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.factor = tf.Variable(2.0)

            @tf.function(input_signature=[tf.TensorSpec([None, 4])])
            def serve(self, x: Any) -> Any:
                return self.factor * (effect(folder, x) if on_the_path else x)

            @tf.function(input_signature=[tf.TensorSpec([None, 4])])
            def other(self, x: Any) -> Any:
                return effect(folder, x)

        model = Model()
        path = folder / "saved"
        with quiet():
            tf.saved_model.save(model, path, signatures=model.serve)
        return path

    return write


def saved_by_tensorflow_1(main_op: Effect | None = None, restore: Effect | None = None) -> Callable[[Path], Path]:
    """A SavedModel of TensorFlow 1: ``main_op`` runs once it is loaded, ``restore`` to restore its variables."""

    def write(folder: Path) -> Path:
        path = folder / "saved"
        with tf.Graph().as_default(), v1.Session() as session, quiet():
            x = v1.placeholder(tf.float32, [None, 4], name="x")
            factor = v1.get_variable("factor", initializer=2.0, use_resource=False)
            y = tf.multiply(x, factor, name="y")
            run = None if main_op is None else main_op(folder, tf.constant(1.0)).op
            session.run(factor.initializer)
            builder = v1.saved_model.Builder(str(path))
            signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y})
            signatures = {"serving_default": signature}
            builder.add_meta_graph_and_variables(session, ["serve"], signatures, main_op=run)
            if restore is not None:
                restored = restore(folder, tf.constant(1.0))
                graph = builder._saved_model.meta_graphs[0]
                graph.graph_def.CopyFrom(session.graph.as_graph_def())
                graph.saver_def.restore_op_name = restored.op.name
            builder.save()
        return path

    return write


def with_table(folder: Path) -> Path:
    """A SavedModel with a table that is initialised from one of its assets, which is allowed."""
    words = folder / "words.txt"
    words.write_text("a\nb\n")

    class Model(tf.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            initializer = tf.lookup.TextFileInitializer(
                str(words),
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
            )
            self.table = tf.lookup.StaticHashTable(initializer, "none")

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
        def serve(self, x: Any) -> Any:
            return tf.cast(tf.strings.length(self.table.lookup(x)), tf.float32)

    model = Model()
    path = folder / "saved"
    with quiet():
        tf.saved_model.save(model, path, signatures=model.serve)
    words.unlink()
    return path


def edited(edit: Callable[[Any, Path], None], write: Callable[[Path], Path] = with_table) -> Callable[[Path], Path]:
    """A SavedModel whose message is changed after saving."""

    def write_edited(folder: Path) -> Path:
        path = write(folder)
        message = library("tensorflow.core.protobuf.saved_model_pb2").SavedModel()
        message.ParseFromString((path / "saved_model.pb").read_bytes())
        edit(message.meta_graphs[0], folder)
        (path / "saved_model.pb").write_bytes(message.SerializeToString())
        return path

    return write_edited


def _other_asset(graph: Any, folder: Path) -> None:
    graph.asset_file_def[0].filename = "../../secret"


def _absolute_asset(graph: Any, folder: Path) -> None:
    graph.asset_file_def[0].filename = secret(folder)


def _missing_asset(graph: Any, folder: Path) -> None:
    graph.asset_file_def[0].filename = "nowhere.txt"


def _table_of_its_own(graph: Any, folder: Path) -> None:
    """The function that initialises the table reads a constant instead of the asset."""
    for function in graph.graph_def.library.function:
        for node in function.node_def:
            if node.op.startswith("InitializeTableFromTextFile"):
                node.input[1] = "own:output:0"
                own = function.node_def.add(name="own", op="Const")
                own.attr["dtype"].type = tf.string.as_datatype_enum
                own.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(secret(folder)))
                return


def _saver_called_again(graph: Any, folder: Path) -> None:
    """The signature calls the saving function with its own file name."""
    functions = {function.signature.name: function for function in graph.graph_def.library.function}
    saver = next(name for name in functions if "traced_save" in name)
    serving = next(function for name, function in functions.items() if "signature_wrapper" in name)
    name = serving.node_def.add(name="name", op="Const")
    name.attr["dtype"].type = tf.string.as_datatype_enum
    name.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(canary(folder)))
    call = serving.node_def.add(name="save", op="StatefulPartitionedCall", input=["name:output:0"])
    call.attr["f"].func.name = saver


def _node_twice(graph: Any, folder: Path) -> None:
    graph.graph_def.node.add().CopyFrom(graph.graph_def.node[0])


def _linked(name: str) -> Callable[[Path], Path]:
    """A SavedModel with a part outside of its folder."""

    def write(folder: Path) -> Path:
        path = saved(lambda f, x: x)(folder)
        (path / name).rename(folder / "elsewhere")
        (path / name).symlink_to(folder / "elsewhere")
        return path

    return write


def tflite(folder: Path) -> Path:
    """A TFLite model that calls TensorFlow's ``WriteFile``."""

    @tf.function(input_signature=[tf.TensorSpec([1, 4])])
    def serve(x: Any) -> Any:
        return 2.0 * _after(x, tf.io.write_file(canary(folder), tf.strings.as_string(x[0, 0])))

    with quiet():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        content = converter.convert()
    path = folder / "model.tflite"
    path.write_bytes(content)
    return path


_WAYS = (
    "write_file",
    "Python",
    "a checkpoint of its own",
    "another checkpoint",
    "a table of another file",
    "in a loop",
)
SAVED: dict[str, Case] = {
    # One of each way to look for an op; the frozen graphs try all ops.
    **{name: Case(saved(EFFECTS[name][0]), EFFECTS[name][1]) for name in _WAYS},
    "off the path": Case(saved(EFFECTS["write_file"][0], on_the_path=False), "'WriteFile'"),
    "a main op": Case(saved_by_tensorflow_1(main_op=EFFECTS["write_file"][0]), "'WriteFile'"),
    "a main op that saves": Case(saved_by_tensorflow_1(main_op=lambda f, x: _save(canary(f), x)), "'SaveV2' on a file"),
    "an op that restores": Case(saved_by_tensorflow_1(restore=EFFECTS["write_file"][0]), "'WriteFile'"),
    "another asset": Case(edited(_other_asset), "'../../secret', which is not in its folder"),
    "an asset anywhere": Case(edited(_absolute_asset), "which is not in its folder"),
    "an asset that is missing": Case(edited(_missing_asset), "nowhere.txt, which does not exist"),
    "a table of its own": Case(
        edited(_table_of_its_own), "initialises a table from a file that is not one of the model's"
    ),
    "its saver": Case(
        edited(_saver_called_again, saved(lambda f, x: x)), "'SaveV2' on a file that the model itself names"
    ),
    "a node twice": Case(edited(_node_twice), "two of its nodes have the same name"),
    "variables elsewhere": Case(_linked("variables"), "outside of the SavedModel"),
    "a graph elsewhere": Case(_linked("saved_model.pb"), "outside of the SavedModel"),
}
FROZEN: dict[str, Case] = {
    **{name: Case(frozen(effect), says) for name, (effect, says) in EFFECTS.items() if name != "Python"},
    "off the path": Case(frozen(EFFECTS["write_file"][0], on_the_path=False), "'WriteFile'"),
}
TFLITE = {"write_file": Case(tflite, "custom operator 'FlexWriteFile'")}
