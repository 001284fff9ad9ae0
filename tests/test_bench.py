"""The bench's own arithmetic and its report, on made-up measurements; nothing is timed here."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from bench import files
from bench.figures import Figures
from bench.flops import flops
from bench.goals import Goal, goals
from bench.limits import BYTE_KERNELS, Kernel, Limits
from bench.models import MODELS
from bench.picture import bars, pictures
from bench.report import Problem, Report, duration, markdown
from bench.results import Row, compare, percentiles
from bench.runner import LOCK, without_hashes
from tests.crates import ROOT

MEDIANS = {
    ("tf2rust", "avx512"): 100.0,
    ("tf2rust", "avx2"): 150.0,
    ("onnxruntime", "its own choice"): 3000.0,
    ("tract", "its own choice"): 5000.0,
    ("rten", "its own choice"): 900.0,
    ("onnxruntime", "avx2"): 120.0,
}
ROWS = [
    Row("tiny_mlp", 1, engine, "1.0", isa, 1, median, median * 0.9, median * 1.2, 30, 1856)
    for (engine, isa), median in MEDIANS.items()
]
REPORT = Report(
    {"CPU": "a core"},
    {"tf2rust": "1.0"},
    {"tiny_mlp": 4016},
    "avx512",
    ROWS,
    [
        Problem("tract", "lstm", "batch 1", "it does not know"),
        Problem("tract", "lstm", "batch 64", "it does not know"),
        Problem("tract", "gru", "batch 1", "it does not know"),
    ],
    [Limits("avx512", 200.0, 10.0, {"GEMM": Kernel((50.0, 60.0), (180.0, 150.0), (0.9, 0.75))})],
    [Figures("tiny_mlp", "tf2rust", 1.5e6, 5_000_000, 4016, 600_000, 416, 12.0)],
)


def test_percentiles() -> None:
    assert percentiles([float(x) for x in range(11)]) == (1.0, 5.0, 9.0)
    assert percentiles([3.0]) == (3.0, 3.0, 3.0)


def test_ratio_is_to_the_faster_rival() -> None:
    found = compare(ROWS, "tiny_mlp", 1, "avx512", ("tract", "rten"))
    assert found is not None
    assert (found.ratio, found.other.engine) == (9.0, "rten")
    for batch, isa, rivals, theirs, expected in (
        (1, "avx2", ("onnxruntime",), "its own choice", 20.0),
        (1, "avx2", ("onnxruntime",), "avx2", 0.8),
        (64, "avx512", ("tract",), "its own choice", None),
    ):
        found = compare(ROWS, "tiny_mlp", batch, isa, rivals, theirs)
        assert (found and found.ratio) == expected
    assert compare(ROWS, "tiny_mlp", 1, "avx512", ("rten",), threads=2) is None


def test_goals_say_what_is_missed_by_how_much() -> None:
    found = {goal.what: (goal.met, goal.missed_by) for goal in REPORT.goals()}
    assert found == {
        "tiny_mlp, batch 1, against the best other engine": (True, ""),
        "geometric mean of the float models": (True, ""),
        "tiny_mlp, batch 1, against ONNX Runtime": (True, ""),
        "tiny_mlp, batch 1, against the fastest engine in Rust": (False, "10%"),
        "tiny_mlp, batch 1": (True, ""),
        "tiny_mlp, batch 1, AVX2, against ONNX Runtime on AVX2": (False, "11%"),
        "GEMM, of the peak FMA rate": (False, "3%"),
        "tiny_mlp, program less weights": (True, ""),
        "tiny_mlp, peak memory beyond weights and workspace": (False, "25%"),
    }
    assert Goal("time", 100, 130, "ns", at_least=False).missed_by == "30%"


def test_quantized_models_are_held_against_their_float_models() -> None:
    medians = {("mnist_cnn", "avx512"): 180.0, ("mnist_cnn_int8", "avx512"): 100.0, ("mnist_cnn_int8", "avx2"): 150.0}
    rows = [Row(model, 1, "tf2rust", "1.0", isa, 1, ns, ns, ns, 30, 1) for (model, isa), ns in medians.items()]
    rows.append(Row("mnist_cnn", 1, "tf2rust", "1.0", "avx2", 1, 180.0, 180.0, 180.0, 30, 1))
    found = {goal.what: (goal.bound, round(goal.found, 2)) for goal in goals(rows, "avx512")}
    assert found == {
        "mnist_cnn_int8, batch 1, avx512, against its float model": (1.8, 1.8),
        "mnist_cnn_int8, batch 1, avx2, against its float model": (1.3, 1.2),
    }


def test_kernels_of_bytes_are_held_against_the_peak_of_their_instructions() -> None:
    floats = Kernel((50.0,), (180.0,), (0.9,))
    integers = Kernel((20.0,), (450.0,), (0.6,))
    name = next(iter(BYTE_KERNELS))
    limits = [
        Limits("amx", 200.0, 10.0, {"GEMM": floats}),
        Limits("avx512vnni", 200.0, 10.0, {"GEMM": floats, name: integers}),
    ]
    found = {goal.what: (goal.bound, goal.found) for goal in goals([], "amx", limits)}
    assert found == {"GEMM, of the peak FMA rate": (85, 90), f"{name}, of the peak VNNI rate": (70, 60)}
    lines = markdown(dataclasses.replace(REPORT, limits=limits)).splitlines()
    assert "| amx | 200 GFLOP/s | 10.0 GB/s | 90% |  |" in lines
    assert "| avx512vnni | 200 GFLOP/s | 10.0 GB/s | 90% | 60% |" in lines


def test_two_threads_are_held_against_one() -> None:
    one = Row("resnet50", 1, "tf2rust", "1.0", "avx512", 1, 100.0, 90.0, 120.0, 9, 1)
    two = dataclasses.replace(one, threads=2, median_ns=50.0)
    other = dataclasses.replace(two, engine="rten", isa="its own choice", median_ns=40.0)
    report = dataclasses.replace(REPORT, rows=[one, two, other], limits=[], figures=[])
    assert [(goal.what, goal.found) for goal in report.goals()] == [("resnet50, batch 1, two threads against one", 2.0)]
    assert "| resnet50 | 1 | 50 ns | 2.00 × |  |  |  |  | 40 ns |  | **0.80** |" in markdown(report).splitlines()


def test_markdown_has_the_rows_that_were_measured() -> None:
    lines = markdown(REPORT, "the notes").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| tiny_mlp | 1 |")]
    assert cells.pop(0) == ["tiny_mlp", "1", "100 ns", "900 ns", "rten", "9.00"]
    assert cells.pop(0) == ["tiny_mlp", "1", "30.00", "", "", "50.00", "9.00", "", "0.80"]
    assert cells[0][2:7] == ["tf2rust", "avx512", "90 ns", "100 ns", "120 ns"]
    assert cells[0][9:] == ["9%", "402%", ""]
    assert cells[2][2:] == [
        "onnxruntime",
        "its own choice",
        "2.7 µs",
        "3 µs",
        "3.6 µs",
        "333,333",
        "0.6",
        "0%",
        "13%",
        "30.00 ×",
    ]
    assert cells[5][2:4] == ["onnxruntime", "avx2"]
    assert cells[5][-1] == "0.80 ×"
    assert "- tract: it does not know: lstm, batch 1, batch 64; gru, batch 1" in lines
    assert lines[-1] == "the notes"


def test_json_is_a_list_of_rows() -> None:
    entries = REPORT.json()
    assert len(entries) == len(ROWS) + 1
    keys = {"model", "batch", "engine", "version", "isa", "threads", "median_ns", "p10_ns", "p90_ns"}
    assert all(keys <= entry.keys() for entry in entries)
    assert entries[0]["peak_bytes"] == 5_000_000
    assert "peak_bytes" not in entries[2]


@pytest.mark.parametrize(
    ("nanoseconds", "text"), [(93.04, "93 ns"), (1250.0, "1.25 µs"), (54_952_664.0, "55 ms"), (2.5e9, "2.5 s")]
)
def test_duration(nanoseconds: float, text: str) -> None:
    assert duration(nanoseconds) == text


def test_flops_are_those_of_the_products(tmp_path: Path) -> None:
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", ["n", 3, 8, 8]), ("y", ["n", 7, 12, 10]))
    ]
    weights = [
        helper.make_tensor(name, TensorProto.FLOAT, shape, [0.5] * count)
        for name, shape, count in (("k", [6, 3, 3, 3], 162), ("m", [6, 5], 30), ("t", [6, 7, 2, 2], 168))
    ]
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], name="c"),
        helper.make_node("MatMul", ["c", "m"], ["d"], name="d"),
        helper.make_node("ConvTranspose", ["d", "t"], ["y"], name="y", strides=[2, 2]),
    ]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], weights)
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)
    conv, matmul, transposed = 2 * 6 * 6 * 6 * 27, 2 * 6 * 6 * 6 * 5, 2 * 6 * 6 * 5 * 28
    assert flops(path, 4) == 4 * (conv + matmul + transposed)


def test_a_variant_has_the_file_of_its_float_model_unless_it_is_quantized() -> None:
    names = [model.name for model in MODELS]
    for index, model in enumerate(MODELS):
        assert model.file_name == model.name or model.options
        assert not model.base or model.base in names[:index]


def test_model_files_have_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = files.key()
    files.key.cache_clear()
    monkeypatch.setattr(files, "version", lambda _: "0")
    assert files.key() != before
    files.key.cache_clear()


def test_the_harness_knows_every_model() -> None:
    manifest = (ROOT / "bench" / "harness" / "Cargo.toml").read_text(encoding="utf-8")
    crates = (ROOT / "bench" / "harness" / "src" / "ours.rs").read_text(encoding="utf-8")
    lock = LOCK.read_text(encoding="utf-8")
    for model in MODELS:
        assert f'name = "{model.name.replace("_", "-")}"' in lock
        assert f"converted/{model.name}/rust_generated_code" in manifest
        assert f"    {model.name}: " in crates
        assert f'"{model.name.replace("_", "-")}/rayon"' in manifest


def test_the_lock_file_has_no_hashes_of_models() -> None:
    lock = LOCK.read_text(encoding="utf-8")
    assert without_hashes(lock) == lock
    locked = 'name = "lstm"\nversion = "0.1.0{}"\n\nname = "serde_yaml"\nversion = "0.9.34+deprecated"\n'
    assert without_hashes(locked.format("+6240d624255f")) == locked.format("")


def test_the_pictures_show_the_results() -> None:
    entries = json.loads((ROOT / "bench" / "results.json").read_text(encoding="utf-8"))
    for name, text in pictures(entries).items():
        assert (ROOT / "bench" / name).read_text(encoding="utf-8") == text, "python -m bench.picture"


def test_the_picture_begins_with_the_geometric_mean() -> None:
    found = bars([*ROWS, *(dataclasses.replace(row, batch=4, median_ns=100.0) for row in ROWS)])
    assert [(bar.model, bar.batch, round(bar.ratio, 4), bar.other) for bar in found] == [
        ("geometric mean", 1, 3.0, ""),
        ("tiny_mlp", 1, 9.0, "rten"),
        ("tiny_mlp", 4, 1.0, "ONNX Runtime"),
    ]
