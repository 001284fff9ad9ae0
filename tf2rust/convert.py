"""From a model on disk to a crate on disk: the stages in order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from tf2rust.codegen.crate import CRATE, CrateOptions, check_target, collect, write
from tf2rust.codegen.fuse import optimise
from tf2rust.codegen.model import build
from tf2rust.codegen.proof import Proof, tolerance
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.listing import Listing, listing
from tf2rust.onnx_import.load import load_onnx, run_onnx
from tf2rust.onnx_import.match import match
from tf2rust.onnx_import.naming import name_layers
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.samples import is_batched, read_features, read_predictions, seeded_inputs

Run = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Source:
    """A model as ONNX, and the framework that says what it computes."""

    path: Path
    proto: onnx.ModelProto
    framework: str
    run: Run
    node_layers: Mapping[str, str] = field(default_factory=dict)
    opened_with: str = ""

    @property
    def run_is_onnx_runtime(self) -> bool:
        """Whether the reference is ONNX Runtime, for want of a source framework."""
        return self.framework.startswith("ONNX Runtime")


@dataclass(frozen=True)
class Options:
    """The options of a conversion, as on the command line."""

    path_to_save: Path
    model_name: str
    enable_inplace: bool = True
    enable_memdrop: bool = True
    path_to_fv: Path | None = None
    dims: Mapping[str, int] = field(default_factory=dict)
    tf_layers: Path | None = None


@dataclass(frozen=True)
class Converted:
    """What was written."""

    crate: Path
    listing: Listing
    proof: Proof
    notes: list[str]


def open_onnx(path: Path) -> Source:
    """An ONNX file; ONNX Runtime is its reference."""
    import onnxruntime

    proto = load_onnx(path)
    return Source(path, proto, f"ONNX Runtime {onnxruntime.__version__}", lambda inputs: run_onnx(proto, inputs))


def open_tensorflow(path: Path, *, trust_code: bool = False, signature: str | None = None) -> Source:
    """A SavedModel folder, a .keras or .h5 file; TensorFlow is its reference."""
    from tf2rust.onnx_import.tensorflow import load_tensorflow

    model = load_tensorflow(path, trust_code=trust_code, signature=signature)
    return Source(path, model.proto, model.framework, model.run, model.node_layers, model.opened_with)


def match_layers(source: Source, dims: Mapping[str, int] | None = None) -> tuple[Listing, LayerGraph]:
    """Matches the model; the graph of layers is complete only if the listing has nothing unmatched."""
    matched = match(analyse(source.proto, dims))
    graph = matched.graph if matched.unmatched else optimise(matched.graph)
    name_layers(graph, source.node_layers)
    return listing(matched, graph), graph


def convert(source: Source, options: Options, progress: Callable[[str], None] = lambda stage: None) -> Converted:
    """Converts ``source`` and writes the crate; raises ConversionError with every reason, having written nothing."""
    check_target(options.path_to_save)
    progress("Matching layers")
    found, graph = match_layers(source, options.dims)
    if found.unmatched:
        # What merely depends on an unsupported node is not the user's concern.
        causes = [u for u in found.unmatched if u.blocked_by is None]
        raise ConversionError([u.sentence() for u in causes or found.unmatched])
    progress(f"Running {source.framework} on the samples")
    proof, notes = _prove(source, graph, options)
    progress("Writing the crate")
    model = build(graph, inplace=options.enable_inplace, memdrop=options.enable_memdrop)
    crate_options = CrateOptions(options.model_name, source.path.name, sha256(source.path), options.tf_layers)
    files = collect(model, graph, proof, crate_options, source.proto.SerializeToString(deterministic=True))
    write(files, options.path_to_save, vendor_tf_layers=options.tf_layers is None)
    return Converted(options.path_to_save / CRATE, found, proof, notes)


def _prove(source: Source, graph: LayerGraph, options: Options) -> tuple[Proof, list[str]]:
    inputs = seeded_inputs(graph) if options.path_to_fv is None else read_features(options.path_to_fv, graph)
    outputs = {name: np.asarray(array) for name, array in source.run(inputs).items()}
    notes = [] if options.path_to_fv is None else read_predictions(options.path_to_fv, outputs)
    runtime = _second_opinion(source, graph, inputs)
    tolerances, reasons = {}, {}
    for name, value in graph.outputs:
        array = outputs[name]
        if array.dtype.name != value.dtype:
            raise ConversionError(f"output `{name}` is {value.dtype} in the graph but {array.dtype.name} when run; please report this model.")
        tolerances[name], reasons[name] = tolerance(array, runtime.get(name))
        if reasons[name].startswith("twice"):
            notes.append(f"output `{name}`: the tolerance is {tolerances[name]:.1e}, {reasons[name]} from {source.framework}.")
    ordered = {name: outputs[name] for name, _ in graph.outputs}
    return Proof(inputs, ordered, source.framework, tolerances, reasons, is_batched(graph)), notes


def _second_opinion(source: Source, graph: LayerGraph, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What ONNX Runtime computes: the samples all at once or, where it is the reference itself, one by one.

    Its kernels order their sums by the size of the batch, so the second shows how exact its first answer is.
    """
    try:
        if source.run_is_onnx_runtime and is_batched(graph):
            count = len(next(iter(inputs.values())))
            single = [source.run({name: a[i : i + 1] for name, a in inputs.items()}) for i in range(count)]
            return {name: np.concatenate([s[name] for s in single]) for name in single[0]}
        return run_onnx(source.proto, inputs)
    except ConversionError:  # it only serves to widen tolerances
        return {}


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
