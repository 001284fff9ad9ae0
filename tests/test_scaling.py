"""No stage of a conversion takes time quadratic in the number of nodes.

The test compares call counts for a graph and one of twice its size instead of times: that reveals a pass over all nodes
per node on any machine and with few nodes. It does not see inside C functions such as `list.remove`.
"""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from tests.crates import TF_LAYERS
from tests.models.graphs import save
from tests.models.large import CONVERTED, quantized, unknown
from tf2rust.codegen import crate
from tf2rust.conversion import Options, convert, match_layers
from tf2rust.source import open_onnx

NODES = 320
"""So many that even the smaller of two graphs has its fields in groups."""
MOST = 2.6
FEW = 4 * NODES
"""Call counts below this are ignored: it is a tenth of the square of the nodes."""


def _calls(work: Callable[[], object]) -> dict[tuple[str, int, str], int]:
    profile = cProfile.Profile()
    profile.runcall(work)
    return {where: found[1] for where, found in pstats.Stats(profile).stats.items()}  # type: ignore[attr-defined]


def _grown(work: Callable[[int], Callable[[], object]]) -> dict[str, tuple[int, int]]:
    """The functions that are called more than ``MOST`` times as often for twice the nodes."""
    work(NODES // 8)()  # what is done once is done
    small, large = _calls(work(NODES)), _calls(work(2 * NODES))
    return {
        f"{name} ({Path(file).name}:{line})": (small.get((file, line, name), 0), count)
        for (file, line, name), count in large.items()
        if count > max(FEW, MOST * small.get((file, line, name), 0))
    }


@pytest.mark.parametrize("name", CONVERTED)
def test_calls_grow_as_the_nodes_do(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The picture is of so many layers and no more, and up to there it may take its time.
    monkeypatch.setattr(crate, "overview", lambda *_: {})

    def work(count: int) -> Callable[[], object]:
        path = save(CONVERTED[name](count), tmp_path / f"{count}.onnx")
        return lambda: convert(open_onnx(path), Options(tmp_path / str(count), "model", tf_layers=TF_LAYERS))

    assert _grown(work) == {}


@pytest.mark.parametrize("model", [unknown, quantized], ids=["unsupported", "quantized"])
def test_a_listing_of_many_nodes_takes_no_longer_for_each(
    tmp_path: Path, model: Callable[[int], onnx.ModelProto]
) -> None:
    def work(count: int) -> Callable[[], object]:
        path = save(model(count), tmp_path / f"{count}.onnx")
        return lambda: match_layers(open_onnx(path))

    assert _grown(work) == {}


def test_a_square_is_found() -> None:
    def work(count: int) -> Callable[[], object]:
        nodes: list[onnx.NodeProto] = [onnx.NodeProto(name=str(i)) for i in range(count // 2)]
        return lambda: [any(other is node for other in nodes) for node in nodes]

    assert len(_grown(work)) == 1
