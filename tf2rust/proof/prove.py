"""Proving a conversion: the samples are run, and every output gets its tolerance."""

from __future__ import annotations

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.load import OnnxRuntime
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.proof.features import Features, check_predictions
from tf2rust.proof.positions import with_exact_positions
from tf2rust.proof.proof import Proof
from tf2rust.proof.reference import apart, reference, second_opinion
from tf2rust.proof.samples import is_batched, seeded_inputs
from tf2rust.proof.tolerance import tolerance
from tf2rust.source import Source


def prove(source: Source, graph: LayerGraph, features: Features | None, column: int | None) -> tuple[Proof, list[str]]:
    """The proof of ``graph`` on the samples in ``features``, or on seeded ones, and notes.

    ``column`` of the output holds the score of a binary classifier. Raises ConversionError where nobody runs the model.
    """
    inputs = seeded_inputs(graph) if features is None else features.inputs
    proto, rounded = with_exact_positions(source.proto, graph, inputs)
    runtime = OnnxRuntime(proto, source.weights)
    run = runtime if source.run_is_onnx_runtime else source.run
    outputs, framework = reference(source, run, inputs)
    notes = [] if features is None else [*features.notes, *check_predictions(features, outputs, column)]
    if framework != source.framework:
        notes.append(f"{source.framework} does not run the model; {framework} computed what it is proven against.")
    notes += [
        f"node `{name}`: ONNX Runtime rounds positions to float32 and so takes other elements than ONNX defines; "
        "the crate is proven against those that ONNX defines."
        for name in rounded
    ]
    second = second_opinion(source, runtime, graph, inputs)
    batched = is_batched(graph)
    if source.run_is_onnx_runtime and any(apart(outputs[name], second.get(name)) for name, _ in graph.outputs):
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
