"""Finds samples that the model can run on: symbolic dimensions get the first sizes that work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice, product

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.load import NotRunError, StoppedError
from tf2rust.ops.control.layers import Loop
from tf2rust.ops.core.dtypes import is_float
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.proof.reference.reference import Reference
from tf2rust.proof.reference.steps import initial_states, sizes_of
from tf2rust.proof.samples.budget import check_given, check_seeded, check_shapes, estimate, is_within
from tf2rust.proof.samples.features import Features
from tf2rust.proof.samples.seeded import has_parameters, has_value_integers, seeded_inputs, with_batch
from tf2rust.proof.samples.sizes import Sizes, batch_of, candidates, condition, hinted, in_words, symbolic_dimensions

_MAX_ATTEMPTS = 64
"""The maximum number of runs to find sizes that work."""
_BEFORE_HINTS = 10
"""The number of runs before those with sizes from the messages of failed runs."""
_MAX_HINTS = 32
"""The maximum number of runs with sizes from messages."""
_MOST_WORK = 10**11
"""The maximum number of multiplications of a run that is repeated to find what the sizes that work have in common."""
_SHOWN = 3
"""The number of failed sizes that a message lists."""
_SECONDS, _SECONDS_PER_WORK = 20.0, 1e-7
"""The time limit of a model whose loops depend on its inputs: a thousand times the estimate, plus this many seconds."""


class OnlySizesError(ConversionError):
    """A model runs only with the sizes ``bound`` of dimensions that it declares symbolic."""

    def __init__(self, bound: Sizes, why: str) -> None:
        self.bound = dict(bound)
        """The sizes by the identifiers of their dimensions."""
        self._why = why
        super().__init__(
            f"The model runs only with {in_words(bound)}, although it declares symbolic sizes: {why} Bind the size "
            f"with {' '.join(f'--dim {name}={size}' for name, size in bound.items())}."
        )

    def note(self) -> str:
        """The note of a conversion that binds the sizes."""
        names = ", ".join(f"`{name}`" for name in self.bound)
        return (
            f"the crate has {in_words(self.bound)}: the model declares {names} symbolic, but runs with no other size "
            f"that was tried. {self._why}"
        )


@dataclass(frozen=True)
class Answer:
    """Samples by input name, the reference outputs, and notes on the sizes of the samples."""

    inputs: Mapping[str, np.ndarray]
    outputs: dict[str, np.ndarray]
    notes: list[str] = field(default_factory=list)


def answer_given(features: Features, graph: LayerGraph, reference: Reference) -> Answer:
    """Runs the user's samples. Raises ConversionError if the model cannot run on them."""
    sizes = {name: size for name, size in sizes_of(graph, features.inputs).items() if not name.isdecimal()}
    _check_conditions(graph, sizes, features)
    check_given(graph, sizes, features.path)
    inputs = {**features.inputs, **initial_states(graph, sizes)}
    try:
        return Answer(inputs, reference.run(inputs))
    except ConversionError as error:
        if sizes or not reference.is_onnx_runtime:
            raise
        return _without_onnx_runtime(inputs, reference, error)


def _check_conditions(graph: LayerGraph, sizes: Sizes, features: Features) -> None:
    """Raises ConversionError with every condition that the sizes violate: the crate would refuse these samples."""
    reasons = [
        f"the samples in {features.path} have {in_words(sizes)}, but {condition.node} needs {condition}; give samples "
        "of other sizes."
        for condition in graph.conditions
        if condition.holds(sizes) is False
    ]
    if reasons:
        raise ConversionError(reasons)


def answer_seeded(graph: LayerGraph, reference: Reference) -> Answer:
    """Runs seeded samples.

    Raises ConversionError if samples of every size need too much memory or time, or if the model runs on none, and
    OnlySizesError if it runs with only one size of a dimension that it declares symbolic.
    """
    check_shapes(graph)
    search = _Search(graph, reference)
    answer = search.first()
    if answer is None:
        return _refused(search)
    search.check_alone(answer[0])
    return Answer(answer[1].inputs, answer[1].outputs, [*answer[1].notes, *search.notes(answer[0])])


class _Search:
    """The sizes tried so far, and their results."""

    def __init__(self, graph: LayerGraph, reference: Reference) -> None:
        self.graph, self.reference = graph, reference
        self.batch = batch_of(graph)
        self.symbolic = symbolic_dimensions(graph)
        self.failed: list[Sizes] = []
        self.messages: list[tuple[str, Sizes]] = []
        """The messages of failed runs that have not suggested sizes yet."""
        self.heard: set[str] = set()
        self.error: ConversionError | None = None
        self.attempts = 0
        work = estimate(graph, {}).work
        self.seconds = _SECONDS + work * _SECONDS_PER_WORK if _ends_late(graph) else None

    def _sizes(self) -> Iterator[Sizes]:
        """Sizes of all symbolic dimensions within the budget. Raises ConversionError if there are none."""
        first = None
        for sizes in candidates(self.graph):
            whole = with_batch(self.graph, sizes)
            first = first or whole
            if is_within(self.graph, whole):
                yield whole
        if first is not None and not self.attempts:
            check_seeded(self.graph, first)
        if self.batch is not None and first is not None:
            yield {**first, self.batch: 1}

    def first(self) -> tuple[Sizes, Answer] | None:
        """The first sizes that work, and the outputs."""
        usual = self._sizes()
        for sizes in chain(islice(usual, _BEFORE_HINTS), self._hints(), usual):
            if self.attempts >= _MAX_ATTEMPTS:
                break
            if (answer := self.run(sizes)) is not None:
                return sizes, answer
        return None

    def _hints(self) -> Iterator[Sizes]:
        """Sizes from the messages of failed runs. A run that fails later in the model comes with a new message."""
        tried, seen = 0, set[tuple[int, ...]]()
        while self.messages and tried < _MAX_HINTS:
            message, sizes = self.messages.pop(0)
            for own in hinted(message, self.own(sizes)):
                key, whole = tuple(own.values()), {**sizes, **own}
                if key not in seen and tried < _MAX_HINTS and is_within(self.graph, whole):
                    seen.add(key)
                    tried += 1
                    yield whole

    def run(self, sizes: Sizes) -> Answer | None:
        """The answer for samples of these sizes; None if the model cannot run on them. Keeps the reason.

        Other integers are tried if an output is not finite: an attention mask of 3, for example, can hide everything.
        """
        self.attempts += 1
        infinite = None
        proposed = (True, False) if has_parameters(self.graph) else (False,)
        ones = (False, True) if has_value_integers(self.graph) else (False,)
        for parameters, all_ones in product(proposed, ones):
            inputs = seeded_inputs(self.graph, sizes, ones=all_ones, parameters=parameters)
            try:
                answer = Answer(inputs, self.reference.run(inputs, self.seconds))
            except StoppedError:
                raise
            except ConversionError as error:
                self.error = self.error or error
                message = error.said if isinstance(error, NotRunError) else error.reasons[0]
            else:
                if _is_finite(answer):
                    return answer
                infinite = infinite or answer
        if infinite is not None:
            return infinite
        if message not in self.heard:
            self.heard.add(message)
            self.messages.append((message, sizes))
        self.failed.append(sizes)
        return None

    def runs(self, sizes: Sizes) -> bool:
        """Whether the model runs with these sizes; True if they are too large to try."""
        return not is_within(self.graph, sizes) or self.run(sizes) is not None

    def own(self, sizes: Sizes) -> Sizes:
        """The sizes of the dimensions that were varied: all except the batch, or the batch if there is no other."""
        return {name: sizes[name] for name in self.symbolic} or dict(sizes)

    def check_alone(self, worked: Sizes) -> None:
        """Raises OnlySizesError if no larger sizes of a dimension work although the model declares it symbolic."""
        own = self.own(worked)
        if not self.failed or any(self.runs({**worked, **self._times(own, factor)}) for factor in (2, 3)):
            return
        alone = {
            name: size
            for name, size in own.items()
            if len(own) == 1 or not any(self.runs({**worked, name: factor * size}) for factor in (2, 3))
        }
        if alone:
            raise OnlySizesError(alone, self.reason())

    @staticmethod
    def _times(sizes: Sizes, factor: int) -> Sizes:
        return {name: factor * size for name, size in sizes.items()}

    def notes(self, worked: Sizes) -> list[str]:
        """Notes on the sizes; empty if the first sizes worked."""
        own, failed = self.own(worked), [self.own(sizes) for sizes in self.failed]
        if not failed or min(own.values()) == min(failed[0].values()):
            return []
        listed, rule = _listed(failed), ""
        if estimate(self.graph, worked).work <= _MOST_WORK:
            rule = condition(own, failed, lambda sizes: self.runs({**worked, **sizes}))
        return [
            f"the samples have {in_words(own)}: the model cannot run with {listed}{rule and '; '}{rule}. "
            f"{self.reason()}"
        ]

    def reason(self) -> str:
        """Why the first sizes failed."""
        error = self.error
        if isinstance(error, NotRunError):
            return f"ONNX Runtime says: {error.said}."
        return "" if error is None else error.reasons[0]


def _is_finite(answer: Answer) -> bool:
    """Whether every output of floats has a finite element."""
    arrays = [array.astype(np.float64) for array in answer.outputs.values() if is_float(array.dtype.name)]
    return all(np.isfinite(array).any() for array in arrays if array.size)


def _refused(search: _Search) -> Answer:
    error = search.error
    assert error is not None
    if not search.symbolic and search.batch is None and search.reference.is_onnx_runtime:
        return _without_onnx_runtime(seeded_inputs(search.graph, {}), search.reference, error)
    if not search.symbolic:
        raise error
    tried = _listed([search.own(sizes) for sizes in search.failed])
    raise ConversionError(
        f"The model runs with none of the sizes that were tried for its symbolic dimensions ({tried}): "
        f"{search.reason()} Bind the dimensions with --dim NAME=SIZE, or give suitable samples in --path_to_fv."
    )


def _listed(failed: list[Sizes]) -> str:
    found = list(dict.fromkeys(in_words(sizes) for sizes in failed))
    more = f"; … ({len(found)} in all)" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + more


def _without_onnx_runtime(inputs: Mapping[str, np.ndarray], reference: Reference, error: ConversionError) -> Answer:
    """The answer of ONNX's reference implementation, if there are no sizes to vary."""
    reference.give_up_onnx_runtime(error)
    try:
        return Answer(inputs, reference.run(inputs))
    except ConversionError:
        raise error from None


def _ends_late(graph: LayerGraph) -> bool:
    """Whether the number of steps of a loop is known only at run time."""
    return any(isinstance(layer, Loop) and (layer.steps is None or layer.counted) for layer in graph.walk())
