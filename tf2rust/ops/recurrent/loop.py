"""The rule that turns a Loop into recurrent layers: one per cell of its body, with masks and states."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir

from tf2rust.ops.control.loop_body import LoopAnalysis, made_by, operands, source
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Mismatch, Op
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.indexing.reverse_sequence import are_all
from tf2rust.ops.recurrent.loop_cells import Cell, Cells
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose, permute


@dataclass(frozen=True)
class _Found:
    """The cells of a loop in the order in which they feed each other, the mask, and the carried results."""

    cells: list[Cell]
    mask: ir.Value | None
    results: list[int]
    """The carried values that are the result of the step."""
    zeros: bool
    """Whether the result of a masked step is zeros instead of the previous result."""


def _unmasked(loop: LoopAnalysis, i: int) -> tuple[ir.Value, ir.Value | None, bool]:
    """The unmasked new value of a carried value, its mask condition, and whether masked values are zeros instead of the
    previous ones.

    ``where(c, new, old)`` is written Cast(c) · new + Cast(Not c) · old.
    """
    for chosen, kept in operands(loop.after[i], "Add"):
        for when, new in operands(chosen, "Mul"):
            for otherwise, old in operands(kept, "Mul"):
                cast, other = made_by(when, "Cast"), made_by(otherwise, "Cast")
                zeros = old in loop.kept and loop.infos[loop.initial[loop.carried.index(old)]].fill == 0
                if cast is None or other is None or not (zeros or old is loop.carried[i]):
                    continue
                condition, denied = cast.inputs[0], other.inputs[0]
                inner = None if denied is None else made_by(denied, "Not")
                if condition is None or inner is None or inner.inputs[0] is None:
                    continue
                if source(inner.inputs[0]) is source(condition):
                    return new, source(condition), zeros
    return loop.after[i], None, False


def _find(loop: LoopAnalysis, m: Match, b: Builder) -> _Found | Mismatch:
    states = [i for i, v in enumerate(loop.carried) if v not in loop.kept and v not in loop.counters]
    new, masks, zeros = list(loop.after), set(), set()
    for i in states:
        new[i], mask, zero = _unmasked(loop, i)
        masks.add(mask)
        if zero:
            zeros.add(i)
    if len(masks) != 1:
        return m.reject("only some of its states are masked")
    (mask,) = masks
    finder = Cells(loop, new, b)
    cells: list[Cell] = []
    taken: set[int] = set()
    for i in states:
        reads = any(new[i] is cell.made for cell in cells)
        if i not in taken and i not in zeros and not reads and (cell := finder.at(i)) is not None:
            cells.append(cell)
            taken.update(cell.states)
    if not cells:
        return m.reject("its body contains no known recurrent cell (supported: SimpleRNN, LSTM and GRU)")
    ordered = [c for c in cells if loop.stepped(c.x) is not None]
    while len(ordered) < len(cells):
        following = [c for c in cells if c not in ordered and c.x is ordered[-1].made] if ordered else []
        if len(following) != 1:
            return m.reject("its cells do not form a chain")
        ordered += following
    rest = [i for i in states if i not in taken]
    if any(new[i] is not ordered[-1].made or loop.infos[loop.initial[i]].fill != 0 for i in rest):
        return m.reject("it carries a value that is not a state of a recurrent cell")
    if not rest or mask is None:
        if zeros:
            return m.reject("its states become zeros in masked steps")
        rest = [ordered[-1].states[0], *rest]
        if mask is not None and loop.infos[loop.initial[rest[0]]].fill != 0:
            return m.reject("it is masked, has an initial state, and outputs that state as a result")
    if any((i in zeros) != bool(zeros) for i in rest) or zeros & taken:
        return m.reject("only some of its values become zeros in masked steps")
    return _Found(ordered, mask, rest, bool(zeros))


def _backwards(value: ir.Value, loop: LoopAnalysis) -> ir.Value | None:
    """The sequence [t, …] that this is the reverse of, or None."""
    node = made_by(value, "ReverseSequence")
    if node is None or node.attr("time_axis", 0) != 0 or None in node.inputs:
        return None
    data, lengths = node.inputs
    return data if lengths is not None and are_all(lengths, loop.steps, loop.infos) else None


@rule(Op("Loop", more=True, name="loop"))
def recurrent_loop(m: Match, b: Builder) -> RuleResult:
    """Takes and returns time-major sequences; the layout pass removes the transposes around it."""
    m.root.has("body")
    loop = LoopAnalysis(m.root, b.infos)
    if not loop.runs_every_step():
        return m.reject(
            "its condition can end it early; only loops with a known number of steps become recurrent layers"
        )
    found = _find(loop, m, b)
    if isinstance(found, Mismatch):
        return found
    sequence = loop.stepped(found.cells[0].x)
    assert sequence is not None  # checked by _find
    mask = None if found.mask is None else loop.stepped(found.mask)
    if found.mask is not None and mask is None:
        return m.reject("its mask does not come from a sequence")
    direction, turned = "forward", _backwards(sequence, loop)
    if mask is not None and (turned is None) != ((turned_mask := _backwards(mask, loop)) is None):
        return m.reject("only one of its input and its mask is reversed")
    if turned is not None and mask is not None and len(found.cells) > 1:
        return m.reject("it is masked, reversed and has several cells")
    if turned is not None:
        direction, sequence = "go_backwards", turned
        mask = mask if mask is None else turned_mask
    layers: list[Layer] = []
    x = _batch_major(b.value(sequence), layers, b)
    passed = None if mask is None else _mask(b.value(mask), layers, b)
    if passed is not None and passed.dtype != "bool":
        return m.reject("its mask is not bool")
    return _chain(m, b, loop, found, layers, x, passed, direction)


def _batch_major(value: Value, layers: list[Layer], b: Builder) -> Value:
    perm = (1, 0, *range(2, value.rank))
    turned = b.temporary(value, permute(value.shape, perm))
    layers.append(Transpose(perm=perm, inputs=[value], outputs=[turned]))
    return turned


def _mask(value: Value, layers: list[Layer], b: Builder) -> Value:
    """[t, n, 1] as [n, t]."""
    turned = _batch_major(value, layers, b)
    flat = b.temporary(turned, turned.shape[:2])
    layers.append(Reshape(inputs=[turned], outputs=[flat]))
    return flat


def _chain(
    m: Match,
    b: Builder,
    loop: LoopAnalysis,
    found: _Found,
    layers: list[Layer],
    x: Value,
    mask: Value | None,
    direction: str,
) -> RuleResult:
    """One layer per cell, the results of the last one, and the states that are used."""
    outputs = loop.node.outputs
    used = {i for i, v in enumerate(outputs) if v.is_graph_output() or v.uses()}
    results = {loop.after[i] for i in found.results}
    scans = [i for i in used if i >= len(loop.carried)]
    states = {i for cell in found.cells for i in cell.states}
    if any(loop.scans[i - len(loop.carried)] not in results for i in scans):
        return m.reject("it collects values other than the results of its last cell")
    if any(i not in states for i in used if i < len(loop.carried)):
        return m.reject("it outputs a value that is not a state of a recurrent cell")
    batch, steps = x.shape[:2]
    for cell in found.cells:
        final = cell is found.cells[-1]
        sequences = not final or bool(scans)
        units = b.infos.shape(loop.carried[cell.states[0]])[-1]
        y = b.temporary(x, (batch, steps, units) if sequences else (batch, units))
        initial = [loop.initial[i] for i in cell.states]
        given = [v for v in initial if b.infos[v].fill != 0]
        last = [outputs[i] for i in cell.states if i in used]
        layers.append(
            cell.cls(
                inputs=[x, *([] if mask is None else [mask]), *(b.value(v) for v in given)],
                outputs=[y, *(b.value(v) for v in last)],
                return_sequences=sequences,
                direction=direction,
                masked=mask is not None,
                zero_masked=found.zeros and final,
                initial=_flags([v in given for v in initial]),
                last=_flags([i in used for i in cell.states]),
                **cell.parts,
            )
        )
        # The cells after the first process the steps in the order of computation.
        x, direction = y, "forward"
    for i in scans:
        layers.append(Transpose(perm=(1, 0, 2), inputs=[x], outputs=[b.value(outputs[i])]))
    return layers


def _flags(flags: list[bool]) -> tuple[bool, bool]:
    return flags[0], len(flags) > 1 and flags[1]
