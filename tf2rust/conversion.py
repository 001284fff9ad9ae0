"""From a model on disk to a crate on disk: the stages in order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from tf2rust.codegen.crate import CRATE, CrateOptions, check_target, collect, write
from tf2rust.codegen.fuse import optimise
from tf2rust.codegen.model import build
from tf2rust.codegen.proof import Proof, tolerance
from tf2rust.codegen.scoring import Scoring, class_count, score_column
from tf2rust.errors import ConversionError
from tf2rust.features import Features, check_predictions, read_features
from tf2rust.labels import check_labels, read_labels
from tf2rust.onnx_import.constants import bind_constants
from tf2rust.onnx_import.expand import match_expanding
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.listing import Listing, listing
from tf2rust.onnx_import.load import OnnxRuntime, load_onnx, run_reference
from tf2rust.onnx_import.match import Matched
from tf2rust.onnx_import.naming import name_layers
from tf2rust.onnx_import.weights import model_file, split_weights, whole_model
from tf2rust.ops.core.dims import format_shape
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.samples import is_batched, seeded_inputs
from tf2rust.thresholds import DEFAULT_RATES, Thresholds, find_thresholds, read_thresholds

Run = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Source:
    """A model as ONNX, and the framework that says what it computes.

    ``weights`` are those that ``proto`` holds no contents of.
    """

    path: Path
    proto: onnx.ModelProto
    framework: str
    run: Run
    node_layers: Mapping[str, str] = field(default_factory=dict)
    opened_with: str = ""
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def run_is_onnx_runtime(self) -> bool:
        """Whether the reference is ONNX Runtime, for want of a source framework."""
        return self.framework.startswith("ONNX Runtime")


@dataclass(frozen=True)
class Options:
    """The options of a conversion, as on the command line; without ``binary_classification`` the output decides."""

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


@dataclass(frozen=True)
class Converted:
    """What was written."""

    crate: Path
    listing: Listing
    proof: Proof
    notes: list[str]


def open_onnx(path: Path, constants: Mapping[str, np.ndarray] | None = None) -> Source:
    """An ONNX file, with the inputs that ``constants`` holds bound to these arrays; ONNX Runtime is its reference."""
    import onnxruntime

    proto, weights = split_weights(load_onnx(path))
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
    from tf2rust.onnx_import.tensorflow import load_frozen_graph, load_tensorflow

    if inputs or outputs:
        model = load_frozen_graph(path, inputs, outputs)
    else:
        model = load_tensorflow(path, trust_code=trust_code, signature=signature, custom_objects=custom_objects)
    proto, weights = split_weights(model.proto)
    return Source(path, proto, model.framework, model.run, model.node_layers, model.opened_with, weights)


def match_layers(source: Source, dims: Mapping[str, int] | None = None) -> tuple[Listing, LayerGraph]:
    """Matches the model; the graph of layers is complete only if the listing has nothing unmatched."""
    return _finish(source, _match(source, dims))


def _match(source: Source, dims: Mapping[str, int] | None) -> Matched:
    return match_expanding(analyse(source.proto, dims, source.weights))


def _finish(source: Source, matched: Matched) -> tuple[Listing, LayerGraph]:
    graph = matched.graph if matched.unmatched else optimise(matched.graph)
    name_layers(graph, source.node_layers)
    return listing(matched, graph), graph


def convert(source: Source, options: Options, progress: Callable[[str], None] = lambda stage: None) -> Converted:
    """Converts ``source`` and writes the crate; raises ConversionError with every reason, having written nothing."""
    check_target(options.path_to_save)
    progress("Matching layers")
    matched = _match(source, options.dims)
    if matched.unmatched:
        # What merely depends on an unsupported node is not the user's concern.
        causes = [u for u in matched.unmatched if u.blocked_by is None]
        raise ConversionError([u.sentence() for u in causes or matched.unmatched])
    if not matched.graph.inputs:
        raise ConversionError(
            "The model has no inputs: all that it computes is constant, so there is nothing to convert."
        )
    progress(f"Running {source.framework} on the samples")
    features = None if options.path_to_fv is None else read_features(options.path_to_fv, matched.graph)
    proof, notes = _prove(source, matched.graph, features)
    scoring, scoring_notes = _scoring(matched.graph, features, proof, options)
    progress("Writing the crate")
    # Fused layers have weights of their own: made last, they are not in memory beside those of a session that runs.
    found, graph = _finish(source, matched)
    model = build(graph, inplace=options.enable_inplace, memdrop=options.enable_memdrop)
    crate_options = CrateOptions(options.model_name, source.path.name, sha256(source.path), options.tf_layers)
    files = collect(model, graph, proof, scoring, crate_options, model_file(source.proto, source.weights))
    write(files, options.path_to_save, vendor_tf_layers=options.tf_layers is None)
    return Converted(options.path_to_save / CRATE, found, proof, [*notes, *scoring_notes, *files.notes])


def _prove(source: Source, graph: LayerGraph, features: Features | None) -> tuple[Proof, list[str]]:
    inputs = seeded_inputs(graph) if features is None else features.inputs
    runtime = OnnxRuntime(source.proto, source.weights)
    run = runtime if source.run_is_onnx_runtime else source.run
    outputs, framework = _reference(source, run, inputs)
    notes = [] if features is None else [*features.notes, *check_predictions(features, outputs, score_column(graph))]
    if framework != source.framework:
        notes.append(f"{source.framework} does not run the model; {framework} computed what it is proven against.")
    second = _second_opinion(source, runtime, graph, inputs)
    batched = is_batched(graph)
    if source.run_is_onnx_runtime and any(_apart(outputs[name], second.get(name)) for name, _ in graph.outputs):
        batched, second = False, {}
        notes.append(
            "the samples of a batch decide about each other's outputs, so that the crate's tests keep them together."
        )
    tolerances, reasons = {}, {}
    halves = any(v.dtype == "float16" for layer in graph.layers for v in (*layer.inputs, *layer.outputs))
    for name, value in graph.outputs:
        array = outputs[name]
        if array.dtype.name != value.dtype:
            raise ConversionError(
                f"output `{name}` is {value.dtype} in the graph but {array.dtype.name} when run; report this model."
            )
        tolerances[name], reasons[name] = tolerance(array, second.get(name), halves)
        if reasons[name].startswith("twice"):
            notes.append(
                f"output `{name}`: the tolerance is {tolerances[name]:.1e}, {reasons[name]} from {source.framework}."
            )
    ordered = {name: outputs[name] for name, _ in graph.outputs}
    return Proof(inputs, ordered, framework, tolerances, reasons, batched), notes


def _reference(source: Source, run: Run, inputs: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], str]:
    """The outputs, and who computed them: ONNX' reference implementation where ONNX Runtime lacks an operator."""
    try:
        return {name: np.asarray(array) for name, array in run(inputs).items()}, source.framework
    except ConversionError as error:
        if not source.run_is_onnx_runtime:
            raise
        try:
            whole = whole_model(source.proto, source.weights)
            return run_reference(whole, inputs), f"ONNX' reference implementation {onnx.__version__}"
        except ConversionError:
            raise error from None


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
    if column is None or options.binary_classification is False:
        if options.thresholds is not None:
            raise ConversionError(
                "--thresholds is for binary classifiers, which this model is not, or is said not to be."
            )
        return Scoring(None, Thresholds(), labels), []
    if options.thresholds is not None:
        return Scoring(column, read_thresholds(options.thresholds), labels), []
    if features is None or features.labels is None:
        return Scoring(column, Thresholds(), labels), [
            "thresholds.json holds zeros, so that every score has high confidence; give --thresholds, "
            "or `labels` of 0 and 1 in --path_to_fv."
        ]
    (scores,) = proof.outputs.values()
    thresholds, notes = find_thresholds(scores[:, column], features.labels, options.rates)
    return Scoring(column, thresholds, labels), notes


def _second_opinion(
    source: Source, runtime: Run, graph: LayerGraph, inputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What ONNX Runtime computes: the samples all at once or, where it is the reference itself, one by one.

    Its kernels order their sums by the size of the batch, so the second shows how exact its first answer is.
    """
    try:
        if source.run_is_onnx_runtime and is_batched(graph):
            count = len(next(iter(inputs.values())))
            single = [
                _reference(source, runtime, {name: a[i : i + 1] for name, a in inputs.items()})[0] for i in range(count)
            ]
            return {name: np.concatenate([s[name] for s in single]) for name in single[0]}
        return runtime(inputs)
    except ConversionError:  # it only serves to widen tolerances
        return {}


_UNEXPLAINED = 0.1
"""Of the largest magnitude: more than what one step of a quantised value makes."""


def _apart(whole: np.ndarray, single: np.ndarray | None) -> bool:
    """Whether outputs of a batch and of its samples one by one differ by more than the order of sums explains."""
    if single is None or whole.dtype.kind != "f" or single.shape != whole.shape:
        return single is not None and single.shape != whole.shape
    apart = np.abs(whole.astype(np.float64) - single)
    return bool(np.nanmax(apart, initial=0) > _UNEXPLAINED * max(1.0, np.nanmax(np.abs(whole), initial=0)))


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
