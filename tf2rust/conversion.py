"""The stages of a conversion, from a model file to a crate on disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from tf2rust.classifier.scoring import find_scoring, score_column
from tf2rust.classifier.thresholds import DEFAULT_RATES, ZEROS, Thresholds, check_rates
from tf2rust.codegen.crate import (
    CRATE,
    MODEL_INFO,
    REPORT,
    TENSORFLOW_MODEL_INFO,
    THRESHOLDS,
    CrateOptions,
    collect,
    write_files,
)
from tf2rust.codegen.model import build
from tf2rust.codegen.report.graph import Node, Origin
from tf2rust.codegen.report.page import framed, read_report
from tf2rust.codegen.report.unconverted import Interface, UnmatchedNode, unconverted_data
from tf2rust.codegen.summary import Summary, summarise
from tf2rust.config import RECORD, recorded
from tf2rust.errors import ConversionError, UnmatchedError, UsageError, one_line
from tf2rust.npz import check_names
from tf2rust.onnx_import.expand import match_expanding
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.listing import Listing, listing
from tf2rust.onnx_import.load import OnnxRuntime
from tf2rust.onnx_import.match import Matched
from tf2rust.onnx_import.memory import trim_heap
from tf2rust.onnx_import.naming import module_paths, name_layers
from tf2rust.onnx_import.ports import has_other_ports, sequence_inputs, tensor_ports
from tf2rust.onnx_import.provenance import trace_origins, trace_weights
from tf2rust.onnx_import.states import check_states
from tf2rust.onnx_import.tidy import all_nodes
from tf2rust.onnx_import.weights import model_files
from tf2rust.ops.core.dims import Size
from tf2rust.ops.core.dtypes import TEXT
from tf2rust.ops.core.layer import LayerGraph, Value
from tf2rust.passes.optimise import optimise
from tf2rust.passes.rounding import not_rounding
from tf2rust.passes.small_weights import store_small
from tf2rust.proof.agreement import Agreement, agreement
from tf2rust.proof.proof import Proof
from tf2rust.proof.prove import prove
from tf2rust.proof.samples.attempts import OnlySizesError
from tf2rust.proof.samples.features import Features, read_features
from tf2rust.publish import check_target, publish
from tf2rust.quantization.dynamic import quantize_dynamically
from tf2rust.quantization.graph import FloatGraph
from tf2rust.quantization.opset import with_channel_scales
from tf2rust.quantization.quantize import quantize
from tf2rust.quantization.result import Quantized
from tf2rust.quantization.samples import collect_evidence
from tf2rust.quantization.settings import DYNAMIC, INT8, WEIGHTS, Settings
from tf2rust.quantization.weights import Stored, round_weights
from tf2rust.source import (
    Source,
    onnx_runtime,
    open_onnx,
    open_tensorflow,
    read_constants,
    sha256,
    with_states,
    with_stream,
)
from tf2rust.stages import Progress, silent, stage
from tf2rust.targets import check_targets, render_targets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from tf2rust.converted.verification import Measured

REPORT_VERSION = 1
_SHOWN_DEPARTURES = 3
LARGEST_SIZE = (1 << 31) - 1
"""The largest size that a dimension can be bound to."""


@dataclass(frozen=True)
class Options:
    """The options of a conversion, as on the command line.

    If ``binary_classification`` is None, the model is a binary classifier if its output is a probability.
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
    dims: Mapping[str, Size] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    stream: str | None = None
    tf_layers: Path | None = None
    license: str | None = None
    targets: Sequence[str] = ()
    quantization: Settings | None = None

    def __post_init__(self) -> None:
        """Raises UsageError for options that no conversion can use."""
        if not isinstance(self.model_name, str) or not self.model_name.strip():
            raise UsageError("--model_name is empty or not a string")
        if self.binary_classification not in (None, True, False):
            raise UsageError(f"--binary_classification {self.binary_classification!r}: must be true or false")
        if self.tf_layers is not None and not (self.tf_layers / "Cargo.toml").is_file():
            raise UsageError(f"--tf_layers {self.tf_layers}: the folder has no Cargo.toml")
        if self.license is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+:() -]*", self.license):
            raise UsageError(
                f"--license {self.license!r}: must be an SPDX expression, such as MIT or `MIT OR Apache-2.0`"
            )
        for name, size in self.dims.items():
            ends = size if isinstance(size, tuple) else (size, size)
            if any(type(end) is not int or not 0 < end <= LARGEST_SIZE for end in ends):
                raise UsageError(f"--dim {name}={size!r}: the size must be an integer from 1 to {LARGEST_SIZE}")
            if len(ends) != 2 or ends[0] > ends[1]:
                raise UsageError(f"--dim {name}={size!r}: a range must have two sizes, the smaller first")
        if self.stream is not None and isinstance(self.dims.get(self.stream), tuple):
            raise UsageError(
                f"--dim {self.stream}: --stream takes chunks of any length; bind the dimension to one size, or omit "
                "--dim"
            )
        if self.quantization is not None:
            self._check_quantization(self.quantization)
        check_rates(self.rates)
        check_targets(self.targets)

    def _check_quantization(self, settings: Settings) -> None:
        if self.states or self.stream is not None:
            option = settings.option
            raise UsageError(f"{option} needs a model without states; remove --state and --stream, or {option}")
        if settings.mode == INT8 and settings.calibrate is None and self.path_to_fv is None:
            raise UsageError("--quantize int8 needs samples to calibrate with; give --calibrate or --path_to_fv")


@dataclass(frozen=True)
class Converted:
    """The result of a conversion: the folders of the crate and of the files about the model, the layers and the nodes
    they came from, the samples with their reference outputs, notes, and the agreement of each output with the float
    model if the model was quantized.
    """

    crate: Path
    model_info: Path
    listing: Listing
    proof: Proof
    notes: list[str]
    agreements: Sequence[Agreement] = ()

    def __str__(self) -> str:
        return f"{self.crate}: {len(self.listing.layers)} layers, {self.proof.about()}"

    def summary(self) -> str:
        """The layers as a table of text, as ``tf2rust summary`` prints it."""
        return self._summary().as_text()

    def as_json(self, measured: Sequence[Measured] | None = None) -> dict[str, Any]:
        """The report of ``from-tf --json`` and ``from-onnx --json``; ``measured`` are the figures of :meth:`verify`."""
        return {
            "version": REPORT_VERSION,
            "crate": str(self.crate),
            "model_info": str(self.model_info),
            "reference": self.proof.reference,
            "samples": self.proof.samples,
            "layers": self.listing.as_json()["layers"],
            "tolerances": dict(self.proof.tolerances),
            "graph_differences": {name: asdict(one) for name, one in self.proof.differences.items()},
            "crate_differences": None if measured is None else [asdict(one) for one in measured],
            "agreements": [one.as_json() for one in self.agreements],
            "notes": list(self.notes),
        }

    def verify(self, progress: Progress = silent) -> list[Measured]:
        """Builds the crate with cargo, runs its tests, and returns the largest difference of every output.

        Raises ConversionError if cargo is missing, or if a difference exceeds its tolerance.
        """
        from tf2rust.converted.verification import verify

        return verify(self.crate, progress)

    def predict(self, arrays: Mapping[str, ArrayLike] | ArrayLike) -> dict[str, np.ndarray]:
        """Builds the crate with cargo, if it has changed, and runs it on arrays by input name, or on the one input.

        Raises ConversionError if cargo is missing, or if the model cannot take the arrays.
        """
        from tf2rust.converted.execution import predict

        return predict(self.crate, arrays)

    def _repr_html_(self) -> str:
        """The view in a notebook: the report with its graph, the layers, the proof and the notes."""
        report = self.model_info / REPORT
        lines = [
            self.proof.about(),
            *self.proof.graph_figures(),
            *map(str, self.agreements),
            *(f"note: {note}" for note in self.notes),
            f"report: {report}",
        ]
        items = "".join(f"<li>{escape(one_line(line))}</li>" for line in lines)
        # Viewers that show no frames, such as those of repositories, still have the table.
        table = f"<details><summary>Layers</summary>{self._summary().as_html()}</details>"
        return f"<strong>{escape(str(self.crate))}</strong>{framed(report)}{table}<ul>{items}</ul>"

    def _summary(self) -> Summary:
        return Summary.from_json(read_report(self.model_info / REPORT))


def _named(options: Options) -> dict[str, object]:
    """The options that differ from their defaults, by their names on the command line. Files have no folder, so that a
    conversion is the same on every machine.
    """
    files = {
        "path_to_fv": options.path_to_fv,
        "thresholds": options.thresholds,
        "labels": options.labels,
        "calibrate": None if options.quantization is None else options.quantization.calibrate,
    }
    found = {
        "model_name": options.model_name,
        "binary_classification": options.binary_classification,
        "enable_inplace": None if options.enable_inplace else False,
        "enable_memdrop": None if options.enable_memdrop else False,
        **{name: path.name for name, path in files.items() if path is not None},
        "fpr": {k: float(rate) for k, rate in options.rates.items()} if options.rates != DEFAULT_RATES else None,
        "dim": dict(options.dims) or None,
        "state": dict(options.states) or None,
        "stream": options.stream,
        "tf_layers": None if options.tf_layers is None else str(options.tf_layers),
        "license": options.license,
        **({} if options.quantization is None else options.quantization.named()),
    }
    return {name: value for name, value in found.items() if value is not None}


def match_layers(source: Source, dims: Mapping[str, Size] | None = None) -> tuple[Listing, LayerGraph]:
    """Matches the model. The graph of layers is complete only if the listing has no unmatched nodes."""
    with stage("matching layers"):
        source, dims = _of_tensors(source, dims or {})
        return _finish(source, _match(source, dims))


def summary_of_source(source: Source, dims: Mapping[str, Size]) -> Summary:
    """The summary of a model, for the sizes in ``dims`` and otherwise 1. Raises ConversionError for unmatched nodes."""
    found, graph = match_layers(source, dims)
    _refuse_unmatched(found)
    return summarise(build(graph, inplace=True, memdrop=True), graph, {})


def report_of_source(source: Source, dims: Mapping[str, Size]) -> dict[str, Any]:
    """The report of a model without its crate: the matched layers, and the unmatched nodes with their reasons."""
    with stage("matching layers"):
        source, dims = _of_tensors(source, dims)
        found, graph = _finish(source, _match(source, dims))
    nodes = [
        UnmatchedNode(u.node, u.op, u.attributes, u.nearest_rule, u.reason, u.blocked_by, u.inside, u.holder)
        for u in found.unmatched
    ]
    with stage("collecting the report"):
        origin = _origin(source, source.path.name, sha256(source.path), found, source.notes)
        return unconverted_data(source.path.stem, graph, nodes, _interface(source.proto.graph), origin)


def _interface(graph: onnx.GraphProto) -> Interface:
    """The names of the inputs and outputs of a graph, and its initializers."""
    initializers = {tensor.name: _initializer(tensor) for tensor in graph.initializer}
    inputs = [value.name for value in graph.input if value.name not in initializers]
    return Interface(inputs, [value.name for value in graph.output], initializers)


def _initializer(tensor: onnx.TensorProto) -> Value:
    is_text = tensor.data_type == onnx.TensorProto.STRING
    dtype = TEXT if is_text else onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).name
    return Value(tensor.name, dtype, tuple(tensor.dims))


def _of_tensors(source: Source, dims: Mapping[str, Size]) -> tuple[Source, Mapping[str, Size]]:
    """The source with tensors in the place of sequences and optional values, and the sizes of its dimensions.

    ``dims`` contains the lengths of sequences too.
    """
    if not has_other_ports(source.proto):
        return source, dims
    sequences = sequence_inputs(source.proto)
    lengths = {name: size for name, size in dims.items() if name in sequences and isinstance(size, int)}
    rest = {name: size for name, size in dims.items() if name not in lengths}
    proto, notes = tensor_ports(source.proto, lengths, lambda proto: analyse(proto, rest, source.weights))
    return replace(source, proto=proto, notes=(*source.notes, *notes)), rest


def _match(source: Source, dims: Mapping[str, Size] | None) -> Matched:
    return match_expanding(analyse(source.proto, dims, source.weights))


def _finish(source: Source, matched: Matched) -> tuple[Listing, LayerGraph]:
    matched.graph.ties_away = source.ties_away
    graph = matched.graph if matched.unmatched else optimise(matched.graph)
    name_layers(graph, source.node_layers, module_paths(source.proto.graph))
    trace_weights(graph, source.proto.graph, source.node_layers)
    trace_origins(graph, matched.initializers)
    return listing(matched, graph), graph


def convert(source: Source, options: Options, progress: Progress = silent) -> Converted:
    """Converts ``source`` and writes the crate. Raises ConversionError with every reason, and then leaves no output."""
    with stage("checking the output folder"):
        check_target(options.path_to_save)
    with stage("matching layers", progress):
        source, dims = _of_tensors(source, options.dims)
        source = with_states(source, options.states)
        if source.states and options.stream is not None:
            raise ConversionError(
                "--stream needs a model without states; this one has states of its own or by --state."
            )
        source = with_stream(source, dims, options.stream)
        read: _Read = partial(_features, options.path_to_fv)
    original, quantized = source, None
    if options.quantization is not None:
        source, read, quantized = _quantized(source, dims, options, options.quantization, progress)
    matched, features, proof, notes = _proven(source, dims, read, progress)
    if quantized is not None:
        proof = _with_original(proof, original, quantized)
        if not quantized.agreements:
            quantized = replace(quantized, agreements=list(proof.agreements.values()), samples=proof.samples)
        notes = [*quantized.notes, *notes]
    trim_heap()
    with stage("finding classes and thresholds"):
        scoring, scoring_notes = find_scoring(
            matched.graph,
            features,
            proof,
            is_binary=options.binary_classification,
            thresholds_file=options.thresholds,
            rates=options.rates,
            labels_file=options.labels,
        )
    with stage("writing the crate", progress):
        # Fused layers own new weights. Fusing last keeps them from being in memory together with a running session's
        # weights.
        found, graph = _finish(source, matched)
        if options.quantization is not None and options.quantization.weights:
            store_small(graph, WEIGHTS[options.quantization.weights])
        model = build(graph, inplace=options.enable_inplace, memdrop=options.enable_memdrop)
        digest = sha256(source.path)
        crate_options = CrateOptions(options.model_name, source.path.name, digest, options.tf_layers, options.license)
        model_info = MODEL_INFO if original.is_onnx else TENSORFLOW_MODEL_INFO
        onnx_files = model_files(source.proto, source.weights, "model.onnx")
        notes = [*notes, *_departures(found)]
        known = [*source.notes, *matched.notes, *notes, *scoring_notes]
        origin = _origin(source, source.path.name, digest, found, [_without_folders(note, options) for note in known])
        if quantized is not None:
            origin = replace(origin, quantization=quantized.as_json())
        files = collect(model, graph, proof, scoring, crate_options, onnx_files, origin, model_info)
        files.texts.update(render_targets(files.interface, options.targets))
        record = recorded(source.path.name, digest, {**_named(options), **source.opening})
        files.texts[f"{model_info}/{RECORD}"] = record
        # Zero thresholds are placeholders for the user to edit.
        keep = [THRESHOLDS] if scoring.thresholds == Thresholds() else []
        published = publish(options.path_to_save, lambda folder: write_files(files, folder), keep)
    if THRESHOLDS in published.kept:
        scoring_notes = [note for note in scoring_notes if not note.startswith(ZEROS)]
    notes = [*source.notes, *matched.notes, *notes, *scoring_notes, *files.notes, *published.notes()]
    notes = [one_line(note) for note in notes]
    folders = options.path_to_save / CRATE, options.path_to_save / model_info
    return Converted(*folders, found, proof, notes, [] if quantized is None else quantized.agreements)


def _departures(found: Listing) -> list[str]:
    """A note about the layers at which a quantized model leaves the integers."""
    rows = found.departures
    if not rows:
        return []
    named = "; ".join(f"`{row.layer}` ({row.kind}), because {row.reason}" for row in rows[:_SHOWN_DEPARTURES])
    more = f"; and {len(rows) - _SHOWN_DEPARTURES} more, which `tf2rust patterns` lists" * (
        len(rows) > _SHOWN_DEPARTURES
    )
    return [f"the quantized model computes in float32 at {named}{more}."]


def _without_folders(note: str, options: Options) -> str:
    """A note that names the files of options without their folders, as the files of a conversion do."""
    calibrate = None if options.quantization is None else options.quantization.calibrate
    for path in (options.path_to_fv, options.thresholds, options.labels, calibrate):
        if path is not None:
            note = note.replace(str(path), path.name)
    return note


def _origin(source: Source, name: str, digest: str, found: Listing, notes: Sequence[str]) -> Origin:
    """What the report says of the source beyond the layers."""
    nodes = {
        node.name: Node(node.op_type, tuple(node.input), tuple(node.output)) for node in all_nodes(source.proto.graph)
    }
    lists = (found.constants, found.shapes, found.unused)
    return Origin(name, digest, nodes, *lists, notes)


_Read = Callable[[LayerGraph], Features | None]
"""Reads the user's samples for a matched model; None if there are none."""


def _features(path: Path | None, graph: LayerGraph) -> Features | None:
    return None if path is None else read_features(path, graph)


def _quantized(
    source: Source, dims: Mapping[str, Size], options: Options, settings: Settings, progress: Progress
) -> tuple[Source, _Read, Quantized]:
    """The quantized model, whose reference is ONNX Runtime, and what reads the samples that prove it."""
    if source.states:
        raise ConversionError(
            f"{settings.option} needs a model without states, but this one keeps a state between calls."
        )
    source = with_channel_scales(source)
    with stage("matching layers", progress):
        matched = _match(source, dims)
        _refuse_unmatched(matched)
        evidence, tested = collect_evidence(matched.graph, options.path_to_fv, settings.calibrate)
        found, _ = _finish(source, matched)
    names = {node: row.name for row in found.layers for node in row.nodes}
    analysis = analyse(source.proto, dims, source.weights)
    if settings.weights:
        with stage("rounding weights", progress):
            graph = FloatGraph(source.proto, source.weights, analysis)
            made = round_weights(graph, names, settings, partial(_stored, source, dims, settings))
    elif settings.mode == DYNAMIC:
        with stage("quantizing", progress):
            made = quantize_dynamically(source, analysis, names, settings)
    else:
        made = quantize(source, analysis, names, evidence, settings, progress)
    run = OnnxRuntime(made.proto, made.weights)
    framework = f"{onnx_runtime()} on the quantized model"
    changed = replace(source, proto=made.proto, weights=made.weights, run=run, framework=framework, node_layers=names)
    return changed, lambda graph: tested, made


def _stored(
    source: Source,
    dims: Mapping[str, Size],
    settings: Settings,
    proto: onnx.ModelProto,
    weights: dict[str, np.ndarray],
) -> Stored:
    """How the layers of a model store its weights, and why other nodes do not store or round theirs."""
    source, dtype = replace(source, proto=proto, weights=weights), WEIGHTS[settings.weights]
    _, graph = _finish(source, _match(source, dims))
    small, reasons = store_small(graph, dtype)
    if settings.precision:
        reasons |= not_rounding(graph, dtype)
    return Stored(
        {node for layer in small if layer not in reasons for node in layer.nodes},
        {node: reason for layer, reason in reasons.items() for node in layer.nodes},
    )


def _with_original(proof: Proof, original: Source, quantized: Quantized) -> Proof:
    """The proof with the float model's outputs, and how the quantized model agrees with them."""
    outputs = {name: array for name, array in original.run(proof.inputs).items() if array.dtype == np.float32}
    found = {
        name: agreement(name, array, proof.outputs[name], quantized.axes.get(name)) for name, array in outputs.items()
    }
    return replace(proof, original=outputs, agreements=found)


def _proven(
    source: Source, given: Mapping[str, Size], read: _Read, progress: Progress
) -> tuple[Matched, Features | None, Proof, list[str]]:
    """The matched model, the user's samples, the proof, and notes.

    A dimension that is declared symbolic, but with which the model runs only in one size, is bound to that size.
    """
    dims, bound_notes = dict(given), list[str]()
    while True:
        with stage("matching layers", progress):
            matched = _match(source, dims)
            _refuse_unmatched(matched)
            check_states(matched.graph, source.states)
            matched.graph.states, matched.graph.stream = list(source.states), source.stream
            check_names([v.name for v in matched.graph.inputs] + [name for name, _ in matched.graph.outputs])
        with stage(f"running {source.framework} on the samples", progress):
            features = read(matched.graph)
            try:
                proof, notes = prove(source, matched.graph, features, score_column(matched.graph))
            except OnlySizesError as error:
                dims |= error.bound
                bound_notes.append(error.note())
            else:
                return matched, features, proof, [*bound_notes, *notes]


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
    """Opens ``model`` as ONNX or TensorFlow, depending on its suffix, and converts it. Raises the same as
    :func:`convert`.
    """
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


def _refuse_unmatched(matched: Matched | Listing) -> None:
    if matched.unmatched:
        # Nodes that only depend on an unsupported node are not reported.
        causes = [u for u in matched.unmatched if u.blocked_by is None]
        raise UnmatchedError([u.sentence() for u in causes or matched.unmatched])
