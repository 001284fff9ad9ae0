"""Converts, compiles, runs and compares the cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from tests.conformance.build import NotConvertedError, Program, convert, outputs, run, write
from tests.conformance.suite import Case, DataSet, out_of_scope
from tf2rust.onnx_import.constants import bind_constants
from tf2rust.ops.core.dtypes import as_stored, from_stored, is_float
from tf2rust.proof.tolerance.tolerance import relative_tolerance
from tf2rust.source import Source

PASS, OUT_OF_SCOPE, FAIL = "pass", "out of scope", "fail"

PARAMETERS: dict[str, tuple[int, ...]] = {
    "AffineGrid": (1,),
    "CausalConvWithState": (1, 2),
    "DFT": (1, 2),
    "STFT": (1, 3),
}
"""The inputs that decide about shapes or options and that a layer needs to know at conversion.

Every case is first converted with all its inputs at run time. Only if that is refused are these inputs bound, as a user
binds them with ``--constants``. The list of results names the bound inputs.
"""


@dataclass(frozen=True)
class Result:
    """The result of a case: its status, the reason if it did not pass, and the inputs that were bound."""

    status: str
    reason: str = ""
    bound: tuple[str, ...] = ()


@dataclass
class _Converted:
    """A case without its model, which may be large."""

    key: str
    rtol: float
    atol: float
    bound: tuple[str, ...] = ()
    programs: list[Program] = field(default_factory=list)


def judge(cases: Iterable[Case], folder: Path) -> dict[str, Result]:
    """The results by ``suite/name``."""
    results: dict[str, Result] = {}
    converted: list[_Converted] = []
    for number, case in enumerate(cases):
        if reason := out_of_scope(case.model):
            results[case.key] = Result(OUT_OF_SCOPE, reason)
            continue
        try:
            converted.append(_convert(case, f"m{number}", folder))
        except NotConvertedError as error:
            results[case.key] = Result(FAIL, str(error))
        except Exception as error:  # a defect, which must not hide the other cases' results
            results[case.key] = Result(FAIL, f"the conversion breaks off: {type(error).__name__}: {error}")
    write([program for item in converted for program in item.programs], folder)
    said = run(folder) if converted else {}
    for item in converted:
        wrong = next(_wrong(item, said, folder), None)
        results[item.key] = Result(PASS, "", item.bound) if wrong is None else Result(FAIL, wrong)
    return dict(sorted(results.items()))


def _convert(case: Case, name: str, folder: Path) -> _Converted:
    """Converts a case with all inputs at run time or, if that is refused, with its parameters bound."""
    sets = {f"s{i}": data for i, data in enumerate(case.sets)}
    try:
        programs = [convert(case, name, _source(case.model), sets, folder)]
        return _Converted(case.key, case.rtol, case.atol, tuple(case.lengths), programs)
    except NotConvertedError as error:
        bound = _parameters(case.model)
        inputs = {info.name for info in case.model.graph.input}
        if not bound or set(bound) >= inputs:
            raise
        refused = error
    item = _Converted(case.key, case.rtol, case.atol, (*case.lengths, *bound))
    for key, data in sets.items():
        model = bind_constants(case.model, {n: data.inputs[n] for n in bound})
        rest = DataSet({n: a for n, a in data.inputs.items() if n not in bound}, data.outputs)
        try:
            item.programs.append(convert(case, f"{name}{key}", _source(model), {key: rest}, folder))
        except NotConvertedError as error:
            raise NotConvertedError(f"{error} (with {', '.join(bound)} bound)") from refused
    return item


def _source(model: onnx.ModelProto) -> Source:
    return Source(Path("model.onnx"), model, "onnx", lambda _: {})


def _parameters(model: onnx.ModelProto) -> tuple[str, ...]:
    """The inputs that nodes read as parameters; in the expansion of a function, all that are lists of integers."""
    initial = {tensor.name for tensor in model.graph.initializer}
    inputs = {info.name: info.type.tensor_type for info in model.graph.input if info.name not in initial}
    found = [
        node.input[i]
        for node in model.graph.node
        for i in PARAMETERS.get(node.op_type, ())
        if i < len(node.input) and node.input[i] in inputs
    ]
    if len(model.graph.node) > 1:
        whole = (onnx.TensorProto.INT64, onnx.TensorProto.INT32)
        found += [n for n, kind in inputs.items() if kind.elem_type in whole and len(kind.shape.dim) <= 1]
    first = next(iter(inputs), None)
    return tuple(name for name in dict.fromkeys(found) if name != first)


def _wrong(item: _Converted, said: dict[tuple[str, str], str], folder: Path) -> Iterator[str]:
    """The reasons why the outputs are not the expected ones."""
    for program in item.programs:
        for key, data in program.sets.items():
            verdict = said.get((program.name, key), "did not run")
            if verdict != "ok":
                yield f"at run time: {verdict}"
                continue
            found = outputs(folder, program.name, key)
            found = {n: from_stored(a, data.outputs[n].dtype.name) for n, a in found.items()}
            for name, expected in data.outputs.items():
                if reason := difference(found[name], expected, item.rtol, item.atol):
                    yield f"output {name}: {reason}"


def difference(found: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> str | None:
    """The difference of two arrays if it exceeds both the contract's bound and that of the case; otherwise None."""
    if found.dtype.kind == "U":
        expected = as_stored(expected).astype(found.dtype)
    if found.dtype != expected.dtype:
        return f"{found.dtype} instead of {expected.dtype}"
    if found.shape != expected.shape:
        return f"shape {list(found.shape)} instead of {list(expected.shape)}"
    if not is_float(expected.dtype.name):
        wrong = int((found != expected).sum())
        return f"{wrong} of {expected.size} elements differ" if wrong else None
    left, right = found.astype(np.float64), expected.astype(np.float64)
    finite = np.isfinite(right)
    if not np.array_equal(left[~finite], right[~finite], equal_nan=True) or not np.isfinite(left[finite]).all():
        return "infinities or NaNs differ"
    contract = relative_tolerance([expected.dtype.name]) * max(1.0, float(np.abs(right[finite]).max(initial=0.0)))
    bound = np.maximum(contract, atol + rtol * np.abs(right[finite]))
    off = np.abs(left[finite] - right[finite])
    return f"off by {off.max():.1e}" if (off > bound).any() else None
