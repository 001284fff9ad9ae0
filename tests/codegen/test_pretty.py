"""Broken lines: rustfmt, where it is there, finds nothing to change in the forms that generated code has."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tf2rust.codegen.pretty import constant, let_tuple, use_list, wrap

CALL = (
    "self.conv1d.run(isa, batch, [len(&[time, 3])?, 4], workspace.b0.read(embedding)?, workspace.b1.write(conv1d)?)?;"
)
# It would end in column 100.
ON_A_PATH = "Binary::Add.run_in_place(isa, type_23456, &[panic, 2], workspace.b1.read(a_b_3)?, &[panic, 2])?;"
FIELD = (
    'embedding: Embedding { input: "a, \\"(b", table: blob.vector(0, 16512)?, rows: 257, dim: 64, '
    "outside: Outside::FromEnd },"
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("f(a)?;", ["f(a)?;"]),
        (
            CALL,
            [
                "self.conv1d.run(",
                "    isa,",
                "    batch,",
                "    [len(&[time, 3])?, 4],",
                "    workspace.b0.read(embedding)?,",
                "    workspace.b1.write(conv1d)?,",
                ")?;",
            ],
        ),
        (
            FIELD,
            [
                "embedding: Embedding {",
                '    input: "a, \\"(b",',
                "    table: blob.vector(0, 16512)?,",
                "    rows: 257,",
                "    dim: 64,",
                "    outside: Outside::FromEnd,",
                "},",
            ],
        ),
    ],
)
def test_wrap(line: str, expected: list[str]) -> None:
    assert wrap(line, 8) == expected


# Halved again and again, from what fits a line to what does not.
QUOTIENTS = [
    f"self.conv2d.run(isa, batch, [{'sub(' * n}{size}{', 1)? / 2' * n}, 432], workspace.b0.write(conv2d)?)?;"
    for n in range(1, 10)
    for size in ("height"[:letters] for letters in range(1, 7))
]
ON_LITERALS = [
    "Conv2d { padding: [same_padding(height, 3, 2, 1)?, same_padding(width, 3, 2, 1)?], ..self.conv2d }"
    f".run({arguments}, workspace.b0.write({'conv2d' * n})?)?;"
    for arguments in ("isa, batch, [height, width], inputs.image.data()", "image", "image, isa")
    for n in range(1, 10)
]
SHORT_ARGUMENTS = [
    f"let inputs = Inputs {{ {'a' * n}: TensorView::new(&data_12, &shape_12)?, b: [0, 1, 2, 3] }};"
    for n in range(40, 70)
]
LINES = [CALL, ON_A_PATH, *ON_LITERALS, *QUOTIENTS, *SHORT_ARGUMENTS]

NAMES = sorted(f"Name{c}" + "e" * (i % 5) for i, c in enumerate("abcdefghijklmnopqrst"))
# Near the columns where a line becomes too long, and where a list of short items is filled into lines.
TEXTS = [
    *(f"fn f() {{\n{chr(10).join(f'    {part}' for part in wrap(line, 4))}\n}}" for line in LINES),
    *(
        use_list("t" * n, names)
        for n in range(30, 76)
        for names in (["Inputs", "Outputs", "Workspace"], ["Twenty", "letters"])
    ),
    *(use_list("tf_layers", NAMES[:count]) for count in range(2, 20)),
    *(f"fn f() {{\n    {let_tuple(NAMES[:count], 'Self::layers_1(&blob)?', 4)}\n}}" for count in range(2, 20)),
    *(
        constant([f'"{"l" * (i % size)}"' for i in range(count)], "pub const A: &[B]", "&")
        for size in (3, 9, 12, 40)
        for count in range(30)
    ),
    *(constant(['"日本語"', '"é́"'] * count, f"pub const LABELS: [&str; {2 * count}]") for count in range(12)),
]


@pytest.mark.skipif(shutil.which("rustfmt") is None, reason="there is no rustfmt")
def test_rustfmt_agrees(tmp_path: Path) -> None:
    for i, text in enumerate(TEXTS):
        (tmp_path / f"{i}.rs").write_text(f"{text}\n", encoding="utf-8")
    rustfmt = ["rustfmt", "--edition", "2024", "--check", "--config", "use_small_heuristics=Max", *tmp_path.iterdir()]
    done = subprocess.run(rustfmt, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
