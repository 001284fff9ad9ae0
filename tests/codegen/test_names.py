from __future__ import annotations

import pytest

from tf2rust.codegen.names import Names, crate_name, pascal_case, snake_case
from tf2rust.rust.literals import rust_comment, rust_f32, rust_str


@pytest.mark.parametrize(
    ("name", "snake", "pascal", "crate"),
    [
        ("mnist-v2", "mnist_v2", "MnistV2", "mnist-v2"),
        ('café/1 "x"', "cafe_1_x", "Cafe1X", "cafe-1-x"),
        ("type", "type_", "Type", "model-type"),
        ("match", "match_", "Match", "model-match"),
        ("3d", "x_3d", "X3d", "model-3d"),
        ("InputFeatures", "input_features", "InputFeatures", "inputfeatures"),
        ("日本", "x", "X", "model"),
        ("", "x", "X", "model"),
        ("\n*/ {{", "x", "X", "model"),
        ("a" * 200, "a" * 60, "A" + "a" * 59, "a" * 60),
        ("test", "test", "Test", "model-test"),
        ("rayon_core", "rayon_core", "RayonCore", "model-rayon-core"),
        ("LPT1", "lpt1", "LPT1", "model-lpt1"),
        ("a" * 59 + " b", "a" * 59, "A" + "a" * 58 + "B", "a" * 59),
        ("\ud800m", "m", "M", "m"),
    ],
)
def test_identifiers(name: str, snake: str, pascal: str, crate: str) -> None:
    assert (snake_case(name), pascal_case(name), crate_name(name)) == (snake, pascal, crate)


def test_names_do_not_collide() -> None:
    names = Names(["n"])
    assert [names.unique(w) for w in ("n", "a", "a", "type_", "type_", "a")] == [
        "n_2",
        "a",
        "a_2",
        "type_",
        "type_2",
        "a_3",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2, "0.2"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e-6, "1.0e-06"),
        (3.4e38, "3.4e38"),
        (float("inf"), "f32::INFINITY"),
        (float("-inf"), "f32::NEG_INFINITY"),
        (float("nan"), "f32::NAN"),
        (1 / 6, "0.16666667"),
    ],
)
def test_float_literals(value: float, text: str) -> None:
    assert rust_f32(value) == text


def test_text_is_escaped() -> None:
    assert rust_str("half \ud800") == '"half \ufffd"'
    assert rust_str('a"b\\c\n\u202e') == '"a\\"b\\\\c\\n\\u{202e}"'
    assert rust_comment("  */ `x`\r\n") == "*\\/ 'x'\\u{d}\\u{a}"
