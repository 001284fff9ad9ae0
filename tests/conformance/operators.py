"""The page ``docs/onnx-operators.md``: every operator of ONNX, and how it is converted.

Everything on the page comes from the rules, from ONNX' schemas and from the list of results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import onnx

from tests.conformance.judge import FAIL, OUT_OF_SCOPE, PASS, Result
from tests.conformance.results import read, summary
from tests.conformance.suite import Case, load
from tf2rust.onnx_import.sequences import RESOLVED
from tf2rust.ops.core.registry import Rule, rules_by_op

_HEAD = """\
# ONNX operators

How tf2rust converts each ONNX operator, and the results of ONNX' own conformance suite.

- *converted by*: the family of layers and its section in [layers.md](layers.md). *Definition* means that no rule
  knows the operator itself, but ONNX defines it by operators that are converted; operators with rules are also
  expanded this way if no rule matches. *At conversion* means that tf2rust computes the node, or replaces it by
  others. *Not supported* means
  that tf2rust refuses it, with the reason.
- *dtypes*, *versions*: the dtypes of the first input, and the operator versions, in the tests that pass. Rules are
  not limited to these: they check what a node says, not its version.
- *tests passed*: the tests of kind `node` whose model is this operator alone.

{summary}

A case passes if floats agree with the suite's outputs to 1e-5 of the largest magnitude, or to the tolerance of the
case if that is wider, and if integers and booleans are equal. Some cases pass only with inputs that determine shapes
or options, such as the axis of a DFT, bound at conversion, as `--constants` does, or with the lengths of sequences, as
`--dim` does.
`tests/conformance/results.json` names them, and gives the reason for each case that fails or is out of scope.

`python -m tests.conformance --update` writes this page.

| operator | converted by | dtypes | versions | tests passed |
|---|---|---|---|---|
"""


@dataclass
class _Tests:
    """The results of an operator's node tests."""

    passed: int = 0
    failed: int = 0
    outside: int = 0
    dtypes: set[str] = field(default_factory=set)
    versions: set[int] = field(default_factory=set)


def page() -> str:
    """The whole page."""
    results = read()
    tests = _by_operator(load(("node",)), results)
    rows = "".join(f"{_row(name, tests.get(name, _Tests()))}\n" for name in _operators())
    totals = "\n".join(f"- {line}" for line in summary(results).splitlines())
    return _HEAD.format(summary=totals) + rows


def _operators() -> list[str]:
    """The operators of ONNX' own domain that are not deprecated."""
    return sorted({s.name for s in onnx.defs.get_all_schemas() if s.domain == "" and not s.deprecated})


def _by_operator(cases: Iterator[Case], results: Mapping[str, Result]) -> dict[str, _Tests]:
    found: dict[str, _Tests] = {}
    for case in cases:
        if len(case.model.graph.node) != 1 or case.key not in results:
            continue
        node, result = case.model.graph.node[0], results[case.key]
        tests = found.setdefault(node.op_type, _Tests())
        tests.passed += result.status == PASS
        tests.failed += result.status == FAIL
        tests.outside += result.status == OUT_OF_SCOPE
        if result.status == PASS:
            tests.dtypes |= set(_dtypes(case))
            opset = next(i.version for i in case.model.opset_import if i.domain == node.domain)
            tests.versions.add(onnx.defs.get_schema(node.op_type, opset, node.domain).since_version)
    return found


def _dtypes(case: Case) -> Iterator[str]:
    for data in case.sets[:1]:
        yield [*data.inputs.values(), *data.outputs.values()][0].dtype.name


def _row(name: str, tests: _Tests) -> str:
    count = tests.passed + tests.failed
    passed = f"{tests.passed} of {count}" if count else "all out of scope" if tests.outside else "no tests"
    cells = [f"`{name}`", _way(name), ", ".join(sorted(tests.dtypes)), ", ".join(map(str, sorted(tests.versions)))]
    return "| " + " | ".join([*cells, passed]) + " |"


def _way(name: str) -> str:
    rules = [rule for rule in rules_by_op().get(name, []) if rule.pattern.size == 1]
    if rules or name in _WITHOUT_LAYERS:
        return ", ".join(_families(rules)) or _WITHOUT_LAYERS[name]
    schema = onnx.defs.get_schema(name)
    return "definition" if schema.has_function or schema.has_context_dependent_function else "not supported"


_WITHOUT_LAYERS = dict.fromkeys(("Constant", "EyeLike", "Shape", "Size", *RESOLVED), "at conversion")


def _families(rules: Sequence[Rule]) -> list[str]:
    """``elementwise/unary``: the family, and the section in it."""
    return sorted({"/".join(rule.build.__module__.split(".")[-2:]).replace("_", " ") for rule in rules})
