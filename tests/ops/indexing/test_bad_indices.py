"""An index outside of its table is an error with the index, the tensor and the size of the axis."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.crates import Crates
from tests.ops.cases import In, Table, case, keras, merge


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("indices"))
    table = Table("words", {"words": case(lambda x: keras.layers.Embedding(9, 4)(x), In((5,), "int32"))})
    made.add("words", merge(table, made.folder).source)
    made.build("build", "--examples")
    return made


@pytest.mark.parametrize("value", [9, 1000, -10, np.iinfo(np.int32).min])
def test_index_outside_the_table(crates: Crates, tmp_path: Path, value: int) -> None:
    words = np.ones((2, 5), np.int32)
    words[1, 2] = value
    np.savez(tmp_path / "in.npz", words_in0=words)
    command = ("run", "--release", "--example", "predict", "--", str(tmp_path / "in.npz"), str(tmp_path / "out.npz"))
    found = f"error: element 7 of `words_in0` is {value}, which is not a valid index for an axis of size 9"
    with pytest.raises(AssertionError, match=found):
        crates.cargo(*command)
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize("value", [8, 0, -9])
def test_index_inside_the_table(crates: Crates, tmp_path: Path, value: int) -> None:
    np.savez(tmp_path / "in.npz", words_in0=np.full((2, 5), value, np.int32))
    crates.cargo("run", "--release", "--example", "predict", "--", str(tmp_path / "in.npz"), str(tmp_path / "out.npz"))
    with np.load(tmp_path / "out.npz") as found:
        assert [a.shape for a in found.values()] == [(2, 5, 4)]
