"""From a model on disk to a crate on disk: the stages in order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tf2rust.codegen.crate import CRATE, THRESHOLDS, CrateOptions, collect, write_files
from tf2rust.codegen.fuse import optimise
from tf2rust.codegen.model import build
from tf2rust.codegen.scoring import Scoring, class_count, gives_probabilities, score_column
from tf2rust.errors import ConversionError, UsageError
from tf2rust.labels import check_labels, read_labels
from tf2rust.npz import read_npz
from tf2rust.onnx_import.constants import bind_constants
from tf2rust.onnx_import.expand import match_expanding
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.listing import Listing, listing
from tf2rust.onnx_import.load import OnnxRuntime, load_onnx
from tf2rust.onnx_import.match import Matched
from tf2rust.onnx_import.naming import name_layers
from tf2rust.onnx_import.weights import model_file, split_weights
from tf2rust.ops.core.dims import format_shape
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.proof.features import Features, read_features
from tf2rust.proof.proof import Proof
from tf2rust.proof.prove import prove
from tf2rust.publish import check_target, publish
from tf2rust.source import Source
from tf2rust.stages import Progress, brief, silent, stage
from tf2rust.thresholds import DEFAULT_RATES, ZEROS, Thresholds, check_rates, find_thresholds, read_thresholds

LARGEST_SIZE = (1 << 31) - 1
"""Of a dimension that is bound."""


@dataclass(frozen=True)
class Options:
    """The options of a conversion, as on the command line.

    Where ``binary_classification`` is None, the model is a binary classifier if its output is a probability.
    """

    path_to_save: Path
    model_name: str
    binary_classification: bool | None = None
    enable_inplace: bool = True
    enable_memdrop: bool = True
    path_to_fv: Path | None = None
    thresholds: Path | None = None
    rates: Mapping[str, float] = field(default_factory=lambda: DEFAULT_RATES)
    labels: Path | None = None
    dims: Mapping[str, int] = field(default_factory=dict)
    tf_layers: Path | None = None

    def __post_init__(self) -> None:
        """Raises UsageError for options that no conversion can have."""
        if not isinstance(self.model_name, str) or not self.model_name.strip():
            raise UsageError("--model_name is empty, or no text")
        if self.binary_classification not in (None, True, False):
            raise UsageError(f"--binary_classification {self.binary_classification!r}: it is true or false")
        if self.tf_layers is not None and not (self.tf_layers / "Cargo.toml").is_file():
            raise UsageError(f"--tf_layers {self.tf_layers}: there is no Cargo.toml in it")
        for name, size in self.dims.items():
            if type(size) is not int or not 0 < size <= LARGEST_SIZE:
                raise UsageError(f"--dim {name}={size!r}: a size is a whole number from 1 to {LARGEST_SIZE}")
        check_rates(self.rates)


@dataclass(frozen=True)
class Converted:
    """What was written."""

    crate: Path
    listing: Listing
    proof: Proof
    notes: list[str]


def open_onnx(path: Path, constants: Mapping[str, np.ndarray] | None = None) -> Source:
    """An ONNX file, with the inputs that ``constants`` holds bound to these arrays; ONNX Runtime is its reference."""
    with stage("reading the model"):
        import onnxruntime

        proto, weights = load_onnx(path)
        if constants:
            proto = bind_constants(proto, constants)

    def run(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return OnnxRuntime(proto, weights)(inputs)

    return Source(path, proto, f"ONNX Runtime {onnxruntime.__version__}", run, weights=weights)


def open_tensorflow(
    path: Path,
    *,
    trust_code: bool = False,
    signature: str | None = None,
    custom_objects: Mapping[str, object] | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> Source:
    """Any TensorFlow model; TensorFlow is its reference. A frozen graph needs its ``inputs`` and ``outputs``."""
    with stage("reading the model"):
        from tf2rust.onnx_import.tensorflow import load_frozen_graph, load_tensorflow

        if inputs or outputs:
            model = load_frozen_graph(path, inputs, outputs, trust_code=trust_code)
        else:
            model = load_tensorflow(path, trust_code=trust_code, signature=signature, custom_objects=custom_objects)
        proto, weights = split_weights(model.proto)
    return Source(path, proto, model.framework, model.run, model.node_layers, model.opened_with, weights, model.notes)


def match_layers(source: Source, dims: Mapping[str, int] | None = None) -> tuple[Listing, LayerGraph]:
    """Matches the model; the graph of layers is complete only if the listing has nothing unmatched."""
    with stage("matching layers"):
        return _finish(source, _match(source, dims))


def _match(source: Source, dims: Mapping[str, int] | None) -> Matched:
    return match_expanding(analyse(source.proto, dims, source.weights))


def _finish(source: Source, matched: Matched) -> tuple[Listing, LayerGraph]:
    graph = matched.graph if matched.unmatched else optimise(matched.graph)
    name_layers(graph, source.node_layers)
    return listing(matched, graph), graph


def convert(source: Source, options: Options, progress: Progress = silent) -> Converted:
    """Converts ``source`` and writes the crate; raises ConversionError with every reason, having written nothing."""
    with stage("looking at the output folder"):
        check_target(options.path_to_save)
    with stage("matching layers", progress):
        matched = _match(source, options.dims)
        _refuse_unmatched(matched)
        _refuse_names(matched.graph)
    with stage(f"running {source.framework} on the samples", progress):
        features = None if options.path_to_fv is None else read_features(options.path_to_fv, matched.graph)
        proof, notes = prove(source, matched.graph, features, score_column(matched.graph))
        scoring, scoring_notes = _scoring(matched.graph, features, proof, options)
    with stage("writing the crate", progress):
        # Fused layers have weights of their own: made last, they are not in memory beside those of a session that runs.
        found, graph = _finish(source, matched)
        model = build(graph, inplace=options.enable_inplace, memdrop=options.enable_memdrop)
        crate_options = CrateOptions(options.model_name, source.path.name, sha256(source.path), options.tf_layers)
        files = collect(model, graph, proof, scoring, crate_options, model_file(source.proto, source.weights))
        # Zeros are only there to be edited.
        keep = [THRESHOLDS] if scoring.thresholds == Thresholds() else []
        published = publish(options.path_to_save, lambda folder: write_files(files, folder), keep)
    if THRESHOLDS in published.kept:
        scoring_notes = [note for note in scoring_notes if not note.startswith(ZEROS)]
    notes = [*source.notes, *matched.notes, *notes, *scoring_notes, *files.notes, *published.notes()]
    return Converted(options.path_to_save / CRATE, found, proof, notes)


def convert_file(
    model: Path,
    options: Options,
    *,
    constants: Path | None = None,
    trust_code: bool = False,
    signature: str | None = None,
    custom_objects: Mapping[str, object] | None = None,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> Converted:
    """Opens ``model``, by its suffix as ONNX or as a TensorFlow model, and converts it; raises as :func:`convert`."""
    if model.suffix.lower() == ".onnx":
        source = open_onnx(model, read_constants(constants))
    else:
        source = open_tensorflow(
            model,
            trust_code=trust_code,
            signature=signature,
            custom_objects=custom_objects,
            inputs=inputs,
            outputs=outputs,
        )
    return convert(source, options)


def read_constants(path: Path | None) -> dict[str, np.ndarray]:
    """The arrays of ``--constants`` by input name."""
    with stage("reading --constants"):
        return {} if path is None else read_npz(path, "--constants wants an NPZ of arrays by input name")


def _refuse_unmatched(matched: Matched) -> None:
    if matched.unmatched:
        # What merely depends on an unsupported node is not the user's concern.
        causes = [u for u in matched.unmatched if u.blocked_by is None]
        raise ConversionError([u.sentence() for u in causes or matched.unmatched])
    if not matched.graph.inputs:
        raise ConversionError(
            "The model has no inputs: all that it computes is constant, so there is nothing to convert."
        )


def _refuse_names(graph: LayerGraph) -> None:
    """Arrays of samples and outputs go by these names, as members of ZIP archives."""
    names = [value.name for value in graph.inputs] + [name for name, _ in graph.outputs]
    if wrong := [name for name in names if "\0" in name or len(name.encode()) > _LONGEST_NAME]:
        raise ConversionError(
            f"The input or output {brief(repr(wrong[0]))} cannot be the name of an array in an NPZ file, which has no "
            f"NUL in it and at most {_LONGEST_NAME} bytes; rename it in the model."
        )


_LONGEST_NAME = 60_000
_NO_CLASSIFIER = (
    "`labels` in --path_to_fv are not used, as the output does not come from a sigmoid or a softmax over two; "
    "--binary_classification true finds thresholds for it all the same."
)


def _scoring(graph: LayerGraph, features: Features | None, proof: Proof, options: Options) -> tuple[Scoring, list[str]]:
    """How the crate scores a sample, and notes on its thresholds."""
    labels: tuple[str, ...] = ()
    if options.labels is not None:
        labels = check_labels(options.labels, read_labels(options.labels), class_count(graph))
    column = score_column(graph)
    if column is None and options.binary_classification:
        raise ConversionError(
            "--binary_classification true wants one output of floats of shape [n, 1] or [n, 2]; this model has "
            + ", ".join(f"`{name}` {value.dtype} {format_shape(value.shape)}" for name, value in graph.outputs)
            + "."
        )
    is_binary = options.binary_classification
    if is_binary is None:
        is_binary = gives_probabilities(graph)
    if column is None or not is_binary:
        if options.thresholds is not None:
            raise ConversionError(
                "--thresholds is for binary classifiers, but this model is none: its output does not come from a "
                "sigmoid or a softmax over two; leave the option out, or give --binary_classification true."
            )
        unused = column is not None and features is not None and features.labels is not None
        return Scoring(None, Thresholds(), labels), [_NO_CLASSIFIER] * unused
    if options.thresholds is not None:
        return Scoring(column, read_thresholds(options.thresholds), labels), []
    if features is None or features.labels is None:
        return Scoring(column, Thresholds(), labels), [
            f"{ZEROS}, so that every score has high confidence; give --thresholds, "
            "or `labels` of 0 and 1 in --path_to_fv."
        ]
    (scores,) = proof.outputs.values()
    thresholds, notes = find_thresholds(scores[:, column], features.labels, options.rates)
    return Scoring(column, thresholds, labels), notes


def sha256(path: Path) -> str:
    """The hash of a file, or of a folder's files in the order of their names."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        if file is not path:
            digest.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
