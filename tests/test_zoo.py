"""Networks as other exporters write them: each becomes the original layers, and its crate agrees with ONNX Runtime."""

from __future__ import annotations

import onnx
import pytest

from tests.crates import Crates
from tests.models.zoo import ZOO
from tf2rust.conversion import match_layers
from tf2rust.source import open_onnx


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("zoo"))
    for name, (build, _) in ZOO.items():
        path = made.folder / f"{name}.onnx"
        onnx.save(build(), path)
        made.add(f"zoo_{name}", open_onnx(path))
    made.build()
    return made


@pytest.mark.parametrize("name", ZOO)
def test_crate(crates: Crates, name: str) -> None:
    assert "test result: ok" in crates.test(f"zoo_{name}")


@pytest.mark.parametrize("name", ZOO)
def test_layers(crates: Crates, name: str) -> None:
    """The only Transposes are those that the axis order of inputs and outputs requires."""
    _, graph = match_layers(open_onnx(crates.folder / f"{name}.onnx"))
    found = [layer.kind for layer in graph.layers if layer.kind not in ("Reshape", "Constant")]
    assert found == ZOO[name][1].split()
