from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tf2rust.codegen.dims import DimWriter
from tf2rust.ops.core.dims import Expr, bind, product

N, T = Expr.symbol("n"), Expr.symbol("t")

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


def test_equal_expressions_are_equal() -> None:
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
        (N - 3) // 2 + 1: "dims::sum(&[1, dims::sub(n, 3)? / 2])?",
        N * T: "dims::product(&[n, time])?",
    }
    assert {dim: str(writer.dim(dim)) for dim in cases} == cases
