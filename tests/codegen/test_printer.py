"""Printed trees: rustfmt, if it is installed, finds nothing to change in the forms of generated code."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tf2rust.codegen.model import nest
from tf2rust.rust.printer import bound, constant, layout, lines, use
from tf2rust.rust.tree import (
    Assign,
    Binary,
    Blank,
    Block,
    Comment,
    Expr,
    ExprStmt,
    Item,
    Stmt,
    Struct,
    Token,
    Tuple,
    array,
    let,
    names_in,
    ref,
    string,
    struct,
)

SELF, WORKSPACE = Token("self"), Token("workspace")


def tensor(dims: list[str | int | Expr], buffer: str = "b0") -> Expr:
    return WORKSPACE.field(buffer).method("tensor", array(dims)).tried()


def halved(times: int, size: str) -> Expr:
    """``size`` minus one, halved repeatedly."""
    value: Expr = Token(size)
    for _ in range(times):
        value = Binary(Item("tf_layers::dims::sub")(value, 1).tried(), "/", Token("2"))
    return value


def _port(letters: int, dims: int) -> Struct:
    shape = ref(array([Token("Axis::Fixed(2)")] * dims))
    return struct(Token("Port"), name=string("x" * letters), data_type=Token("DataType::F32"), shape=shape)


def conv(padding: int) -> Struct:
    same = Item("tf_layers::nn::same_padding")
    sides = [same("height", 3, padding, 1).tried(), same("width", 3, 2, 1).tried()]
    return struct(Token("Conv2d"), SELF.field("conv2d"), padding=array(sides))


RUN = SELF.field("conv1d").method("run", "cx", "embedding", tensor(["batch", 82, 128])).tried()
FIELD = struct(
    Item("tf_layers::nn::Embedding"),
    input=string('a, "(b'),
    table=Token("blob").method("vector", 0, 16512).tried(),
    rows=257,
    outside=Item("tf_layers::nn::Outside").of("FromEnd"),
)


@pytest.mark.parametrize(
    ("value", "indent", "after", "expected"),
    [
        (
            Token("Ok")(array([struct(Token("Work"), multiply_adds=Token("a" * 60), bytes=Token("b" * 20))])),
            4,
            "",
            ["Ok([Work {", f"    multiply_adds: {'a' * 60},", f"    bytes: {'b' * 20},", "}])"],
        ),
        (RUN, 8, ";", ["self.conv1d.run(cx, embedding, workspace.b0.tensor([batch, 82, 128])?)?;"]),
        (
            FIELD,
            20,
            ",",
            [
                "Embedding {",
                '    input: "a, \\"(b",',
                "    table: blob.vector(0, 16512)?,",
                "    rows: 257,",
                "    outside: Outside::FromEnd,",
                "},",
            ],
        ),
    ],
)
def test_layout(value: Expr, indent: int, after: str, expected: list[str]) -> None:
    assert layout(value, indent, "", after) == expected


def test_names_and_imports_are_seen() -> None:
    """The names that a block reads, and the items that it must import."""
    block = [
        let("x", RUN),
        Block("for", Token("steps"), (ExprStmt(Item("tf_layers::ops::copy")("cx", "x")),), pattern=Token("_")),
    ]
    assert {"cx", "batch", "x", "steps"} <= names_in(block)
    assert Item("tf_layers::ops::copy").imported == "tf_layers::ops"
    assert Item("tf_layers::nn::Dense").generic("'w").imported == "tf_layers::nn::Dense"
    assert str(Item("tf_layers::ops::copy")) == "ops::copy"


NAMES = sorted(f"Name{c}" + "e" * (i % 5) for i, c in enumerate("abcdefghijklmnopqrst"))
STATEMENTS: list[Stmt] = [
    # Results that lie at the columns where a line becomes too long.
    *(let("y" * n, RUN) for n in range(1, 60)),
    *(
        ExprStmt(SELF.field("x" * n).method("run", "cx", array(["a", 2]), tensor(["batch"])).tried())
        for n in range(1, 80)
    ),
    *(
        ExprStmt(Item("tf_layers::ops::gather")("cx", n, "x" * n, "y" * n, tensor([3, n])).tried())
        for n in range(1, 50)
    ),
    *(let("y", Token("x" * n).method("reshape", array(["batch", 2, 3])).tried()) for n in range(50, 85)),
    *(let("y", SELF.field("x" * n).method("run", "cx", "a", "b").tried()) for n in range(50, 85)),
    *(
        ExprStmt(
            Item("tf_layers::ops::softmax")(
                "cx", 1, Token("x" * n).method("reshape", array(["n", 12])).tried(), "y" * 20
            )
            .tried()
            .method("reshape", array(["n", 3, 4]))
            .tried()
        )
        for n in range(1, 60)
    ),
    *(
        ExprStmt(Token("sizes").method("bind", string("x" * n), string("[n, 6]"), ref(array(["a", 2]))))
        for n in range(1, 80)
    ),
    *(
        ExprStmt(Item("tf_layers::ops::Unary").of("Exp").method("run_in_place", "cx", tensor(["n", "x" * n])).tried())
        for n in range(1, 70)
    ),
    *(
        let("y" * n, SELF.field("x" * n).method("run", "cx", "a" * 20, tensor(["batch", 1])).tried())
        for n in range(1, 45)
    ),
    *(
        ExprStmt(
            SELF.field("conv")
            .method("run", "cx", "x" * n, tensor(["batch", "h" * n, "w" * n, 72]).method("accumulate"))
            .tried()
        )
        for n in range(1, 30)
    ),
    *(
        statement
        for n in range(20, 60)
        for value in [
            Token("inputs").field("x" * n).method("to_view", array(["batch", "height_of_it", "w" * 12, 4])).tried()
        ]
        for statement in (let("y" * 30, value), let("y" * 31, value), ExprStmt(value))
    ),
    # Quotients, from what fits a line to what does not.
    *(
        ExprStmt(SELF.field("conv").method("run", "cx", array([halved(n, size), 432]), tensor(["n"])).tried())
        for n in range(1, 8)
        for size in ("height"[:letters] for letters in range(1, 7))
    ),
    # Methods of a literal.
    *(
        let("y", conv(n % 3).method("run", "cx", "x" * n, *more, tensor(["batch", n])).tried())
        for n in range(1, 70)
        for more in ([], ["rows"])
    ),
    *(ExprStmt(conv(n % 3).method("run", "cx", "x" * n, tensor(["batch", n])).tried()) for n in range(1, 70)),
    # Methods of what a call gives.
    *(
        statement
        for n in range(1, 60)
        for value in [Item("tf_layers::ops::softmax")("cx", 1, "x" * n, tensor(["batch", 12, "n" * n])).tried()]
        for statement in (
            let("y", value),
            let("y", value.method("reshape", array(["batch", 3, 4, 5])).tried()),
            ExprStmt(value.method("reshape", array(["batch", 3, 4, 5])).tried()),
        )
    ),
    # Short arguments share lines.
    *(
        let(
            "inputs",
            struct(Token("Inputs"), **{"a" * n: Token("TensorView::new")("&data_12", "&shape_12").tried(), "b": "c"}),
        )
        for n in range(40, 66)
    ),
    *(let(Tuple(tuple(map(Token, NAMES[:count]))), Token("layers")("blob").tried()) for count in range(2, 20)),
    *(
        let(Tuple((Token("y" * 60), Token("z" * 60))), SELF.method("split", "x" * n, *[tensor(["n", 8])] * count))
        for n in (3, 20, 50)
        for count in range(5)
    ),
    *(
        let(nest([Token("x" * (1 + i % n)) for i in range(count)]), Token("rows"))
        for n in (3, 12, 40)
        for count in (2, 9, 20, 70, 130)
    ),
    *(let(array([name[:n] for name in NAMES]), Token("sizes").method("sizes")) for n in range(1, 7)),
    Block(
        "for",
        Binary(Token("0"), "..", Token("steps")),
        (
            Comment("A step."),
            let("x_t", Item("tf_layers::ops::scan_slice")("cx", 1, "step", "x", tensor(["batch", 64], "b3")).tried()),
            Blank(),
            Block("if", Token("holds"), (ExprStmt(RUN),), (Assign(Token("holds"), Token("false")),)),
            Assign(Token("step"), Token("1"), "+="),
        ),
        pattern=Token("step"),
    ),
]
TEXTS = [
    *("\n".join(["fn f() {", *lines([statement], indent), "}"]) for statement in STATEMENTS for indent in (4,)),
    *(
        use("t" * n, names)
        for n in range(30, 76)
        for names in (["Inputs", "Outputs", "Workspace"], ["Twenty", "letters"], ["One"])
    ),
    *(use("tf_layers", NAMES[:count]) for count in range(2, 20)),
    *(
        constant([Token(f'"{"l" * (i % size)}"') for i in range(count)], "pub const A: &[B]", "&")
        for size in (3, 9, 12, 40)
        for count in range(30)
    ),
    *(
        "\n".join(bound("const", Token("PORTS: &[Port]"), ref(array([_port(n, dims)] * count)), 0))
        for n in range(1, 75)
        for dims in (1, 3)
        for count in (1, 2)
    ),
    *(
        constant([string("日本語"), string("é́")] * count, f"pub const LABELS: [&str; {2 * count}]")
        for count in range(12)
    ),
]


@pytest.mark.skipif(shutil.which("rustfmt") is None, reason="there is no rustfmt")
def test_rustfmt_agrees(tmp_path: Path) -> None:
    for i, text in enumerate(TEXTS):
        (tmp_path / f"{i}.rs").write_text(f"{text}\n", encoding="utf-8")
    rustfmt = ["rustfmt", "--edition", "2024", "--check", "--config", "use_small_heuristics=Max", *tmp_path.iterdir()]
    done = subprocess.run(rustfmt, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
