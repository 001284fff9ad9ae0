"""Broken lines: rustfmt, where it is there, finds nothing to change in the forms that generated code has."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tf2rust.codegen.pretty import use_list, wrap

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


@pytest.mark.skipif(shutil.which("rustfmt") is None, reason="there is no rustfmt")
@pytest.mark.parametrize("line", [CALL, ON_A_PATH])
def test_rustfmt_agrees(line: str) -> None:
    names = sorted(f"Name{i:02}" for i in range(20))
    body = "\n".join(f"    {line}" for line in wrap(line, 4))
    text = f"{use_list('tf_layers', names)}\n\nfn f() -> Result<()> {{\n{body}\n    Ok(())\n}}\n"
    rustfmt = ["rustfmt", "--edition", "2024", "--config", "use_small_heuristics=Max"]
    done = subprocess.run(rustfmt, input=text, capture_output=True, text=True, check=True)
    assert done.stdout == text
