"""After the first call, predictions allocate nothing, as a counting allocator in generated crates shows."""

from __future__ import annotations

import pytest

from tests.conftest import Save
from tests.crates import Crates
from tf2rust.codegen.names import pascal_case
from tf2rust.source import open_tensorflow

MODELS: dict[str, dict[str, tuple[str, tuple[int, ...]]]] = {
    "mlp": {"features": ("f32", (12,))},
    "nested": {"pixels": ("f32", (8, 8, 3))},
    "text_cnn": {"characters": ("i32", (64,)), "words": ("i32", (16,)), "extra": ("i32", (8,))},
    "siamese": {"left": ("i32", (20,)), "right": ("i32", (20,))},
    "lstm_text": {"text": ("i32", (12,))},
    "video": {"frames": ("f32", (4, 6, 6, 2))},
}
"""The inputs of each model, with their Rust type and the dimensions after the batch."""

TEST = r"""
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use CRATE::{Inputs, MODEL, Outputs, TensorView, Workspace};

thread_local! {
    // Of this thread alone: the one that runs the tests allocates too.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: both calls go on to the system's allocator as they are; what is not here leads to these two.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn only_the_first_prediction_allocates() {
    let model = MODEL::new().unwrap();
    let (mut outputs, mut workspace) = (Outputs::default(), Workspace::default());
    let mut counts = Vec::new();
    for rows in [4, 4, 1, 3, 4] {
ARRAYS
        let before = ALLOCATIONS.get();
        model.predict_into(&Inputs { FIELDS }, &mut outputs, &mut workspace).unwrap();
        counts.push(ALLOCATIONS.get() - before);
    }
    assert!(counts[0] > 0, "the allocator does not count");
    assert_eq!(counts[1..], [0, 0, 0, 0]);
}
"""


def rust_test(name: str, inputs: dict[str, tuple[str, tuple[int, ...]]]) -> str:
    arrays, fields = [], []
    for field, (dtype, dims) in inputs.items():
        size = " * ".join(map(str, ("rows", *dims)))
        arrays.append(f"        let {field} = vec![1_{dtype}; {size}];")
        fields.append(f"{field}: TensorView::new(&{field}, {['rows', *dims]}).unwrap()".replace("'", ""))
    text = TEST.replace("ARRAYS", "\n".join(arrays)).replace("FIELDS", ", ".join(fields))
    return text.replace("CRATE", name).replace("MODEL", f"{pascal_case(name)}Model")


@pytest.fixture(scope="module")
def crates(save: Save, tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("allocations"))
    for name, inputs in MODELS.items():
        tests = made.add(name, open_tensorflow(save("keras3", name, ".keras")[1])).crate / "tests"
        (tests / "allocations.rs").write_text(rust_test(name, inputs), encoding="utf-8")
    made.build("test", "--no-run", "--test", "allocations")
    return made


@pytest.mark.parametrize("name", MODELS)
def test_only_the_first_prediction_allocates(crates: Crates, name: str) -> None:
    assert "1 passed" in crates.cargo("test", "--release", "-p", name.replace("_", "-"), "--test", "allocations")
