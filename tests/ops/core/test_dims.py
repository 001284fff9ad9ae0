from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tf2rust.codegen.dims import DimWriter
from tf2rust.ops.core.dims import (
    Condition,
    DimExpr,
    Symbol,
    bind,
    can_be_equal,
    least,
    maximum,
    minimum,
    product,
)

N, T = DimExpr.symbol("n"), DimExpr.symbol("t")

integers = st.integers(min_value=-6, max_value=6)
sizes = st.fixed_dictionaries({"n": st.integers(1, 40), "t": st.integers(1, 40)})
expressions = st.recursive(
    st.one_of(integers, st.sampled_from([N, T])),
    lambda inner: st.one_of(
        st.tuples(st.just("+"), inner, inner),
        st.tuples(st.just("-"), inner, inner),
        st.tuples(st.just("*"), inner, inner),
    ),
    max_leaves=6,
)


def evaluate(tree: object, n: object, t: object) -> object:
    if isinstance(tree, tuple):
        sign, left, right = tree
        a, b = evaluate(left, n, t), evaluate(right, n, t)
        return a + b if sign == "+" else a - b if sign == "-" else a * b  # type: ignore[operator]
    return n if tree is N or tree == N else t if tree == T else tree


@given(expressions, sizes)
def test_arithmetic_commutes_with_binding(tree: object, at: dict[str, int]) -> None:
    symbolic = evaluate(tree, N, T)
    assert bind(symbolic, at) == evaluate(tree, at["n"], at["t"])  # type: ignore[arg-type]


@given(expressions, st.integers(1, 7), sizes)
def test_quotients_round_down(tree: object, divisor: int, at: dict[str, int]) -> None:
    symbolic = evaluate(tree, N, T)
    assert bind(symbolic // divisor, at) == evaluate(tree, at["n"], at["t"]) // divisor  # type: ignore[operator, arg-type]


@given(st.lists(expressions, min_size=1, max_size=3), sizes)
def test_extrema_commute_with_binding(trees: list[object], at: dict[str, int]) -> None:
    values = [evaluate(tree, at["n"], at["t"]) for tree in trees]
    for function, expected in ((minimum, min), (maximum, max)):
        symbolic = function(*(evaluate(tree, N, T) for tree in trees))  # type: ignore[arg-type]
        assert bind(symbolic, at) == expected(values)  # type: ignore[type-var]


@given(expressions, st.integers(1, 7), st.integers(1, 7), sizes)
def test_quotients_of_quotients(tree: object, first: int, second: int, at: dict[str, int]) -> None:
    symbolic = (evaluate(tree, N, T) // first + N) // second  # type: ignore[operator]
    assert bind(symbolic, at) == (evaluate(tree, at["n"], at["t"]) // first + at["n"]) // second  # type: ignore[operator]
    assert bind(symbolic % second, at) == bind(symbolic, at) % second  # type: ignore[operator]


@given(st.lists(expressions, min_size=2, max_size=2), st.integers(1, 7), sizes)
def test_lower_bounds_hold(trees: list[object], divisor: int, at: dict[str, int]) -> None:
    a, b = (evaluate(tree, N, T) for tree in trees)
    for dim in (a, a - b // divisor, minimum(a, b) - b, maximum(a, b) - minimum(a, 3)):  # type: ignore[operator, arg-type]
        low = least(dim)  # type: ignore[arg-type]
        assert low is None or low <= bind(dim, at)  # type: ignore[arg-type, operator]


def test_extrema_keep_only_what_matters() -> None:
    within = DimExpr.symbol(Symbol("s", 1, 512))
    cases = {
        minimum(N, N + 1): N,
        minimum(N, 0): 0,
        maximum(N, 0): N,
        maximum(N // 2 * 2, N): N,
        minimum(within, 600): within,
        maximum(within, 1): within,
        maximum(minimum(N, 3), N): N,
        minimum(minimum(N, T), 5): minimum(5, T, N),
    }
    assert [str(found) for found in cases] == [str(expected) for expected in cases.values()]


def test_text_is_as_people_write_it() -> None:
    cases = {
        4 * N - 2: "4 * n - 2",
        (N + 1) // 2: "(n + 1) // 2",
        2 * (N // 2): "2 * (n // 2)",
        minimum(N, 512) // 4: "min(n, 512) // 4",
        maximum(N - 8, 0): "max(n, 8) - 8",
    }
    assert [str(dim) for dim in cases] == list(cases.values())


def test_conditions() -> None:
    odd = Condition(N, "==", 2 * (N // 2))
    assert [odd.holds({"n": 3}), odd.holds({"n": 4}), odd.holds({}), odd.known()] == [False, True, None, None]
    assert [str(odd), str(odd.negated())] == ["n == 2 * (n // 2)", "n != 2 * (n // 2)"]
    assert str(Condition(N, ">=", T).negated()) == "t >= n + 1"
    assert [Condition(N + 1, ">=", N).known(), Condition(N, ">=", N + 1).known()] == [True, False]
    assert [can_be_equal(N, 2 * (N // 2)), can_be_equal(N, T), can_be_equal(2 * N, 2 * T + 1)] == [True, True, False]


def test_equal_expressions_are_equal() -> None:
    assert (N + 1) // 2 // 2 == (N + 1) // 4
    assert ((N + 1) // 2 + 1) // 2 == (N + 3) // 4
    assert (N - 3) // 2 + 2 == (N + 1) // 2
    assert (N + 1) * (N + 1) == N * N + 2 * N + 1
    assert (N * 64) // 64 == N
    assert (N * T * 6) // (N * 3) == 2 * T
    assert (N + 3) // (N + 3) == 1
    assert product((N, 3, 4)) == N * 12
    assert (N - N, N - N + 5) == (0, 5)
    assert len({N + 1, 1 + N}) == 1


def test_rust_is_checked_arithmetic() -> None:
    writer = DimWriter({"t": "time"})
    cases = {
        7: "7",
        N: "n",
        N * 64: "dims::product(&[n, 64])?",
        N - 2: "dims::sub(n, 2)?",
        (N - 3) // 2 + 2: "dims::sum(&[n, 1])? / 2",
        N * T: "dims::product(&[n, time])?",
        minimum(N, 512): "dims::min(&[n, 512])",
        maximum(N - T, 3): "dims::sub(dims::max(&[n, dims::sum(&[time, 3])?]), time)?",
    }
    assert {dim: str(writer.dim(dim)) for dim in cases} == cases
