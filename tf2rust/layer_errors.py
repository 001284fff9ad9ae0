"""``tf2rust verify --layers``: the error of every layer of a converted model, in units in the last place.

The model's ONNX file is converted once more, with the results of its layers as additional outputs. The crate of that
conversion computes them for the samples of the proof, and they are compared with float64 or, if a run in float64 would
take long, with ONNX Runtime.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from tf2rust.codegen.crate import CRATE, write_npz
from tf2rust.codegen.interface import Interface, read_interface
from tf2rust.codegen.model import build
from tf2rust.conversion import Options, convert, match_layers
from tf2rust.converted.checking import read_conversion
from tf2rust.converted.folder import find_document, output_folder
from tf2rust.errors import ConversionError, one_line
from tf2rust.npz import REMEDY, read_npz
from tf2rust.onnx_import.load import OnnxRuntime
from tf2rust.onnx_import.tidy import all_nodes, declare_outputs
from tf2rust.ops.core.dims import Size
from tf2rust.ops.core.dtypes import as_stored, from_stored
from tf2rust.ops.core.layer import Layer, LayerGraph
from tf2rust.proof.reference.float64 import in_float64
from tf2rust.proof.reference.steps import sizes_of
from tf2rust.proof.samples.budget import reference_seconds
from tf2rust.source import Source, open_onnx
from tf2rust.stages import Progress, silent, stage

_SECONDS = 20.0
"""The time (estimated) that a run in float64 can take."""
_WIDEST = 40
"""The maximum width of a name in the table."""

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class LayerError:
    """How far the Rust crate's result of a layer is from ``reference``.

    The error includes that of all layers before. ``magnitude`` is the largest absolute value of the result,
    ``largest`` the largest difference, and ``ulps`` that difference in multiples of the distance between neighbouring
    float32 numbers at ``magnitude``.
    """

    layer: str
    kind: str
    reference: str
    magnitude: float
    largest: float
    ulps: float


def layer_errors(folder: Path, progress: Progress = silent) -> list[LayerError]:
    """The errors of the layers of the conversion in ``folder``, in the order in which the layers run.

    Layers without results in float32 are missing, and layers that passes added. Raises ConversionError if the model has
    a state, if the folder is damaged, or if the crate cannot be built.
    """
    folder = output_folder(folder)
    with stage("reading the model", progress):
        record, interface = read_conversion(folder), read_interface(folder / CRATE)
        if interface.states:
            raise ConversionError(
                f"The model in {folder} has a state, and the errors of layers are measured only for models without one."
            )
        source = open_onnx(find_document(folder, "model.onnx"))
        dims = _dims(record.options)
        _, graph = match_layers(source, dims)
        layer_names = build(graph, inplace=True, memdrop=True).names
        results = dict(_results(source.proto, graph))
        inspected = _with_outputs(source, [name for names in results.values() for name in names])
    with tempfile.TemporaryDirectory(prefix="tf2rust-") as temporary:
        samples = Path(temporary) / "samples.npz"
        inputs = _samples(folder / CRATE, interface)
        with samples.open("wb") as file:
            write_npz(file, {name: as_stored(array) for name, array in inputs.items()})
        options = Options(
            Path(temporary) / "out",
            interface.model_name,
            binary_classification=False,
            path_to_fv=samples,
            dims=dims,
            tf_layers=_tf_layers(record.options),
        )
        converted = convert(inspected, options, progress)
        with stage("building the crate and running it", progress):
            found = converted.predict(inputs)
    reference, expected = _expected(inspected, graph, inputs, converted.proof.outputs)
    return [
        error
        for layer, made in results.items()
        if (pairs := [(found[name], expected[name]) for name in made if name in found and name in expected])
        and (error := _error(layer_names[layer], layer.kind, reference, pairs))
    ]


def as_text(errors: Sequence[LayerError]) -> str:
    """A table of the errors."""
    heads = ("layer", "kind", "largest result", "largest error", "ULP")
    rows = [
        (_shortened(one_line(e.layer)), e.kind, f"{e.magnitude:.3g}", f"{e.largest:.1e}", f"{e.ulps:.1f}")
        for e in errors
    ]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(
            text.ljust(w) if i < 2 else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (heads, *rows)
    ]
    reference = errors[0].reference if errors else "float64"
    return "\n".join([*lines, f"largest error: distance of the Rust crate from {reference} after this layer"])


def _shortened(name: str) -> str:
    return name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}…"


def _dims(options: Mapping[str, object]) -> dict[str, Size]:
    """The sizes and ranges of dimensions in the record of a conversion."""
    found = options.get("dim") or {}
    if not isinstance(found, dict):
        raise ConversionError("The record of the conversion has no sizes of dimensions; convert the model again.")
    return {name: (size[0], size[-1]) if isinstance(size, list) and size else size for name, size in found.items()}


def _tf_layers(options: Mapping[str, object]) -> Path | None:
    """The tf-layers that the crate depends on; None if it has a copy."""
    path = options.get("tf_layers")
    return Path(path) if isinstance(path, str) else None


def _results(proto: onnx.ModelProto, graph: LayerGraph) -> Iterator[tuple[Layer, list[str]]]:
    """The names of the ONNX values that each layer hands to other layers."""
    nodes = list(all_nodes(proto.graph))
    top = {node.name: node for node in proto.graph.node}
    ends = {output.name for output in proto.graph.output}
    readers: dict[str, set[str]] = {}
    for node in nodes:
        for name in node.input:
            readers.setdefault(name, set()).add(node.name)
    for layer in graph.layers:
        own = set(layer.nodes)
        made = [name for node in layer.nodes if node in top for name in top[node].output if name]
        yield layer, [name for name in made if name in ends or readers.get(name, set()) - own]


def _with_outputs(source: Source, names: Sequence[str]) -> Source:
    """The source with these values as outputs too."""
    proto = onnx.ModelProto()
    proto.CopyFrom(source.proto)
    known = {output.name for output in proto.graph.output}
    for name in dict.fromkeys(names):
        if name not in known:
            proto.graph.output.add(name=name)
    declare_outputs(proto)
    return replace(source, proto=proto, run=OnnxRuntime(proto, source.weights))


def _samples(crate: Path, interface: Interface) -> dict[str, np.ndarray]:
    """The samples of the proof by input."""
    features = read_npz(crate / "testdata" / "features.npz", "it has the samples of the proof", REMEDY)
    try:
        rows = (interface.samples,) if interface.batched else ()
        return {
            tensor.name: from_stored(features[str(tensor.key)].reshape(*rows, *tensor.sample), tensor.dtype)
            for tensor in interface.inputs
        }
    except (KeyError, ValueError) as error:
        raise ConversionError(f"The samples of {crate} do not fit its interface; convert the model again.") from error


def _expected(source: Source, graph: LayerGraph, inputs: Arrays, computed: Arrays) -> tuple[str, Arrays]:
    """The name of the reference and its outputs; ``computed`` are ONNX Runtime's."""
    if reference_seconds(graph, sizes_of(graph, inputs)) <= _SECONDS:
        try:
            return "float64", in_float64(source.proto, source.weights, inputs)
        except ConversionError:  # ONNX' reference implementation does not know every operator.
            pass
    return source.framework, computed


def _error(name: str, kind: str, reference: str, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> LayerError | None:
    """The error of a layer's results, pairs of the crate's and the reference's; None if no result is in float32."""
    pairs = [(found, wide) for found, wide in pairs if found.dtype == np.float32 and found.shape == wide.shape]
    if not any(found.size for found, _ in pairs):
        return None
    with np.errstate(invalid="ignore"):
        apart = [np.abs(found - wide.astype(np.float64)) for found, wide in pairs]
    largest = max(float(np.where(np.isfinite(part), part, 0.0).max(initial=0.0)) for part in apart)
    finite = [np.abs(wide[np.isfinite(wide)]) for _, wide in pairs]
    magnitude = max(float(part.max(initial=0.0)) for part in finite)
    unit = float(np.spacing(np.float32(magnitude)))
    return LayerError(name, kind, reference, magnitude, largest, largest / unit)
