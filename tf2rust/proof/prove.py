"""Runs the samples, and determines the tolerance of every output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.proof.proof import Proof
from tf2rust.proof.reference.reference import Reference
from tf2rust.proof.reference.steps import sizes_of
from tf2rust.proof.samples.attempts import answer_given, answer_seeded
from tf2rust.proof.samples.features import Features, check_predictions
from tf2rust.proof.samples.sizes import batch_of, is_batched, symbolic_dimensions
from tf2rust.proof.samples.weak import weak_samples
from tf2rust.proof.tolerance.judge import Judge
from tf2rust.source import Source


def prove(source: Source, graph: LayerGraph, features: Features | None, column: int | None) -> tuple[Proof, list[str]]:
    """The proof of ``graph`` on the samples in ``features`` or on seeded samples, and notes.

    ``column`` is the output column with the score of a binary classifier. Raises ConversionError if no framework can
    run the model, or if frameworks differ by more than can be explained.
    """
    reference = Reference(source, graph.states)
    answer = answer_seeded(graph, reference) if features is None else answer_given(features, graph, reference)
    if reference.takes_exact_positions(graph, answer.inputs):
        answer = replace(answer, outputs=reference.run(answer.inputs))
    notes = [*reference.notes, *answer.notes]
    if features is not None:
        notes += features.notes
    if features is not None and graph.stream is None:
        notes += check_predictions(features, answer.outputs, column)
    if reference.why is not None:
        notes.append(
            f"the crate is proven against {reference.framework} instead of {source.framework}: {reference.why}"
        )
    # The whole sequence has no states between chunks.
    outputs = [(name, value) for name, value in graph.outputs if name in answer.outputs]
    for name, value in outputs:
        array = answer.outputs[name]
        if array.dtype.name != value.dtype:
            raise ConversionError(
                f"output `{name}` is {value.dtype} in the graph, but {array.dtype.name} at run time; report this model."
            )
    judge = Judge(graph, reference, answer)
    is_batch = is_batched(graph) and not graph.states
    batched = is_batch and not judge.couples_samples()
    if is_batch and not batched:
        notes.append(
            "the outputs of a sample depend on the other samples of its batch, so the crate's tests run all "
            "samples in one batch."
        )
    tolerances = {name: judge.tolerance(name) for name, _ in outputs}
    ordered = {name: answer.outputs[name] for name, _ in outputs}
    states = {state.input for state in graph.states}
    proof = Proof(
        {name: array for name, array in answer.inputs.items() if name not in states},
        ordered,
        reference.framework,
        {name: tolerance.value for name, tolerance in tolerances.items()},
        {name: tolerance.reason for name, tolerance in tolerances.items()},
        batched,
        judge.elements,
        _sizes(graph, answer.inputs),
        {name: found for name in ordered if (found := judge.difference(name)) is not None},
        len(next(iter(ordered.values()))) if graph.states else 0,
    )
    notes += [tolerance.note for tolerance in tolerances.values() if tolerance.note is not None]
    return proof, [*notes, *judge.notes, *weak_samples(proof)]


def _sizes(graph: LayerGraph, inputs: Mapping[str, np.ndarray]) -> dict[str, int]:
    """The sizes of the symbolic dimensions in ``inputs``, except for the batch."""
    named = {*symbolic_dimensions(graph), *([str(batch_of(graph))] if graph.states else [])}
    return {name: size for name, size in sizes_of(graph, inputs).items() if name in named}
