"""The command line from a user's point of view: exit codes, messages, and what is (not) written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from typer.main import get_command
from typer.testing import CliRunner, Result

from tests.models import graphs
from tf2rust.cli import app


def tf2rust(*arguments: str | Path) -> Result:
    """Runs a command in this process; :func:`test_exit_codes_of_the_program` starts the program itself."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def mlp(tmp_path: Path) -> Path:
    return graphs.save(graphs.mlp(), tmp_path / "mlp.onnx")


def _unsupported() -> onnx.ModelProto:
    return graphs.graph(
        [
            graphs.node("RandomUniformLike", ["x"], ["d"]),
            graphs.node("RandomNormalLike", ["x"], ["h"], mean=1.0),
            graphs.node("MatMul", ["h", "w"], ["y"]),
        ],
        {"x": (TensorProto.FLOAT, ["n", 3, 3])},
        {"y": (TensorProto.FLOAT, ["n", 3, 3]), "d": (TensorProto.FLOAT, ["n", 3, 3])},
        {"w": np.eye(3, dtype=np.float32)},
    )


def _external(location: str) -> onnx.ModelProto:
    model = graphs.mlp()
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.ClearField("raw_data")
    return model


def _absent(folder: Path) -> Path:
    return folder / "absent.onnx"


def _text(folder: Path) -> Path:
    (folder / "text.onnx").write_text("not a model at all, but a text of some length\n")
    return folder / "text.onnx"


def _empty(folder: Path) -> Path:
    (folder / "empty.onnx").write_bytes(b"")
    return folder / "empty.onnx"


def _truncated(folder: Path) -> Path:
    path = graphs.save(graphs.mlp(), folder / "cut.onnx")
    path.write_bytes(path.read_bytes()[:-60])
    return path


def _outside(folder: Path) -> Path:
    return graphs.save(_external("../../../etc/passwd"), folder / "outside.onnx")


def _missing_data(folder: Path) -> Path:
    return graphs.save(_external("weights.bin"), folder / "missing.onnx")


def _short_data(folder: Path) -> Path:
    (folder / "weights.bin").write_bytes(b"1234")
    return graphs.save(_external("weights.bin"), folder / "short.onnx")


def _folder(folder: Path) -> Path:
    return folder


BAD_MODELS: list[tuple[Callable[[Path], Path], str]] = [
    (_absent, "does not exist"),
    (_text, "is not an ONNX model"),
    (_empty, "is not an ONNX model"),
    (_truncated, "is not an ONNX model, or it is truncated"),
    (_outside, "outside the model's folder"),
    (_missing_data, "but this file does not exist"),
    (_short_data, "is too short"),
    (_folder, "is a folder"),
]


@pytest.mark.parametrize(
    ("model", "options", "code", "sentence"),
    [
        ("mlp.onnx", [], 0, ""),
        ("absent.onnx", [], 1, "error: The file absent.onnx does not exist"),
        ("mlp.onnx", ["--no_such_option"], 2, "No such option"),
    ],
)
def test_exit_codes_of_the_program(mlp: Path, model: str, options: list[str], code: int, sentence: str) -> None:
    command = [sys.executable, "-m", "tf2rust", "from-onnx", model, "--path_to_save", "out", "--model_name", "m"]
    done = subprocess.run([*command, *options], cwd=mlp.parent, capture_output=True, text=True, check=False)
    crate = mlp.parent / "out" / "rust_generated_code"
    assert (done.returncode, done.stdout) == (code, f"{crate}\n" if code == 0 else "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert (mlp.parent / "out").exists() == (code == 0)


@pytest.mark.parametrize(("make", "sentence"), BAD_MODELS)
def test_bad_model(tmp_path: Path, make: Callable[[Path], Path], sentence: str) -> None:
    done = tf2rust("from-onnx", make(tmp_path), "--path_to_save", tmp_path / "out", "--model_name", "m")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.count("error: ") == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_all_unsupported_nodes_are_named_at_once(tmp_path: Path) -> None:
    model = graphs.save(_unsupported(), tmp_path / "model.onnx")
    done = tf2rust("from-onnx", model, "--path_to_save", tmp_path / "out", "--model_name", "m")
    assert done.exit_code == 1
    assert done.stderr.count("error: ") == 2
    assert "error: node `node/d`: RandomUniformLike() is not supported" in done.stderr
    assert "error: node `node/h`: RandomNormalLike(mean=1.0) is not supported" in done.stderr
    assert not (tmp_path / "out").exists()


def test_patterns_of_an_unsupported_model(tmp_path: Path) -> None:
    model = graphs.save(_unsupported(), tmp_path / "model.onnx")
    done = tf2rust("patterns", model, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 1
    assert "error:" not in done.stderr
    assert {u["node"]: u["op"] for u in found["unmatched"]} == {
        "node/d": "RandomUniformLike",
        "node/h": "RandomNormalLike",
    }
    assert found["unmatched"][1]["attributes"] == {"mean": 1.0}
    assert [layer["nodes"] for layer in found["layers"]] == [["node/y"]]


def test_patterns_text(mlp: Path) -> None:
    done = tf2rust("patterns", mlp)
    assert done.exit_code == 0
    for part in ("Dense", "[batch, 5] → [batch, 4]", "kernel [5, 4], bias [4]", "node/h0", "node/y", "0 unmatched"):
        assert part in done.stdout


def test_options_with_dashes_and_with_underscores(mlp: Path, tmp_path: Path) -> None:
    for i, (save, name) in enumerate((("--path_to_save", "--model_name"), ("--path-to-save", "--model-name"))):
        done = tf2rust("from-onnx", mlp, save, tmp_path / f"out{i}", f"{name}=mnist-v2", "--enable_inplace", "false")
        assert done.exit_code == 0, done.stderr
        crate = tmp_path / f"out{i}" / "rust_generated_code"
        assert done.stdout.strip() == str(crate)
        assert "struct MnistV2Model" in (crate / "src" / "model.rs").read_text()


def test_everything_the_contract_lists_is_written(mlp: Path, tmp_path: Path) -> None:
    tf2rust("from-onnx", mlp, "--path_to_save", tmp_path / "out", "--model_name", "m")
    documents = (
        "computation_graph.json",
        "model_architecture.json",
        "model_overview.png",
        "model_overview.svg",
        "report.html",
        "model_weights.npz",
        "model.onnx",
    )
    crate = (
        "Cargo.toml",
        "README.md",
        ".gitignore",
        "build.rs",
        ".cargo/config.toml",
        "src/lib.rs",
        "src/model.rs",
        "model/model_weights.npz",
        "testdata/features.npz",
        "benches/benchmarks.rs",
        "benches/harness/mod.rs",
        "examples/predict.rs",
        "tf-layers/Cargo.toml",
        "tf-layers/src/lib.rs",
        "tf-layers/LICENSE-APACHE",
        "tf-layers/LICENSE-MIT",
    )
    for folder, names in (("model_info", documents), ("rust_generated_code", crate)):
        assert [n for n in names if not (tmp_path / "out" / folder / n).is_file()] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--dim", "batch"], "expected NAME=SIZE"),
        (["--dim", "batch=0"], "expected NAME=SIZE"),
        (["--dim", "time=5"], "its symbolic dimensions are: `batch`"),
        (["--enable_inplace", "perhaps"], "--enable_inplace"),
        (["--no_such_option"], "No such option"),
        (["--tf_layers", "nowhere"], "no Cargo.toml"),
        (["--license", 'MIT"'], "must be an SPDX expression"),
    ],
)
def test_wrong_usage(mlp: Path, tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = tf2rust("from-onnx", mlp, "--path_to_save", tmp_path / "out", "--model_name", "m", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_bound_dimension(mlp: Path, tmp_path: Path) -> None:
    done = tf2rust("from-onnx", mlp, "--path_to_save", tmp_path / "out", "--model_name", "m", "--dim", "batch=3")
    assert done.exit_code == 0, done.stderr
    assert "[3, 5]" in (tmp_path / "out" / "rust_generated_code" / "src" / "model.rs").read_text()


def test_a_folder_with_other_things_is_left_alone(mlp: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("precious")
    done = tf2rust("from-onnx", mlp, "--path_to_save", out, "--model_name", "m")
    assert done.exit_code == 1
    assert "thesis.tex" in done.stderr
    assert [p.name for p in out.iterdir()] == ["thesis.tex"]
    assert tf2rust("from-onnx", mlp, "--path_to_save", out / "thesis.tex", "--model_name", "m").exit_code == 1


def test_converting_again_replaces_the_crate_and_keeps_what_is_not_of_it(mlp: Path, tmp_path: Path) -> None:
    convert = ("from-onnx", mlp, "--path_to_save", tmp_path / "out", "--model_name", "m")
    crate = tmp_path / "out" / "rust_generated_code"
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\nc\n")
    assert tf2rust(*convert, "--labels", labels).exit_code == 0
    (crate / "target").mkdir()
    (crate / "target" / "CACHEDIR.TAG").write_text("")
    (crate / "Cargo.lock").write_text("cargo's")
    (crate / "tests" / "mine.rs").write_text("mine")
    (crate / "src" / "model.rs").write_text("edited")
    done = tf2rust(*convert)
    assert done.exit_code == 0
    assert "note: rust_generated_code/src/model.rs was edited; the edited file is now" in done.stderr
    assert (crate / "target").is_dir()
    kept = {"Cargo.lock": "cargo's", "tests/mine.rs": "mine", "src/model.rs.old": "edited"}
    assert {name: (crate / name).read_text() for name in kept} == kept
    assert not (crate / "src" / "labels.rs").exists()
    assert "fn predict" in (crate / "src" / "model.rs").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels.txt", "mlp.onnx", "out"]


def test_interrupting_leaves_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    size = 1500
    weights = {f"w{i}": rng.standard_normal((size, size)).astype(np.float32) for i in range(8)}
    nodes = [graphs.node("MatMul", [f"h{i}", f"w{i}"], [f"h{i + 1}"]) for i in range(8)]
    model = graphs.graph(
        nodes, {"h0": (TensorProto.FLOAT, ["n", size])}, {"h8": (TensorProto.FLOAT, ["n", size])}, weights
    )
    path = graphs.save(model, tmp_path / "big.onnx")
    command = [sys.executable, "-m", "tf2rust", "from-onnx", str(path), "--path_to_save", str(tmp_path / "out")]
    process = subprocess.Popen([*command, "--model_name", "m"], stderr=subprocess.PIPE, text=True)
    # The staging folder tells that writing has begun; a conversion that is quicker than that is whole.
    while process.poll() is None and not list(tmp_path.glob(".out-*")):
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr
    assert list(tmp_path.glob(".out-*")) == []
    if process.returncode:
        assert process.returncode == 130
        crate = tmp_path / "out" / "rust_generated_code"
        assert not crate.exists() or (crate / "src" / "model.rs").exists()


def test_model_metadata_cannot_carry_an_unknown_domain(tmp_path: Path) -> None:
    model = graphs.mlp()
    model.graph.node[1].op_type, model.graph.node[1].domain = "FancyRelu", "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    path = graphs.save(model, tmp_path / "model.onnx")
    done = tf2rust("from-onnx", path, "--path_to_save", tmp_path / "out", "--model_name", "m")
    assert done.exit_code == 1
    assert "com.example.FancyRelu" in done.stderr


COMMANDS: Any = get_command(app)


@pytest.mark.parametrize("width", ["50", "100"])
@pytest.mark.parametrize("command", ["", *COMMANDS.commands])
def test_help_shows_every_option_in_full(command: str, width: str) -> None:
    result = CliRunner().invoke(app, [*filter(None, [command]), "--help"], env={"COLUMNS": width, "TERM": "dumb"})
    assert result.exit_code == 0
    parameters = COMMANDS.commands[command].params if command else []
    for parameter in parameters:
        if parameter.param_type_name == "option":
            assert re.search(rf"{parameter.opts[0]}\b", result.stdout), parameter.opts
    if not command:
        assert [
            name for name in COMMANDS.commands if not re.search(rf"^\W*{name}\b", result.stdout, re.MULTILINE)
        ] == []
    assert max(map(len, result.stdout.splitlines())) <= int(width)


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("tf2rust from-", ["from-tf", "from-onnx"]),
        ("tf2rust from-onnx --path", ["--path_to_save", "--path_to_fv"]),
        ("tf2rust from-onnx --enable_inplace ", ["true", "false"]),
        # The shell completes names of files itself.
        ("tf2rust run ", []),
    ],
)
def test_completion(words: str, completions: list[str], tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path / "absent"),  # There is no child process, which would need a folder.
        "_TF2RUST_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    command = [sys.executable, "-m", "tf2rust"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (completions, "")


def _from_onnx(model: Path, *options: str) -> Any:
    given = ["from-onnx", str(model), "--path_to_save", str(model.parent / "out"), "--model_name", "m"]
    return CliRunner().invoke(app, [*given, *options])


def test_quiet_and_verbose(mlp: Path) -> None:
    crate = str(mlp.parent / "out" / "rust_generated_code")
    quiet, verbose = _from_onnx(mlp, "--quiet"), _from_onnx(mlp, "-v")
    assert (quiet.exit_code, quiet.stdout.strip(), quiet.stderr) == (0, crate, "")
    stages = re.findall(r"^ +[\d.]+ s  (.*)$", verbose.stderr, re.MULTILINE)
    assert [stages[0], stages[-1]] == ["Reading the model", "Writing the crate"]
    assert verbose.stdout.strip() == crate
    both = _from_onnx(mlp, "-q", "-v")
    assert (both.exit_code, "give --quiet or --verbose, not both" in both.stderr) == (2, True)
    failed = _from_onnx(mlp.parent / "absent.onnx", "--quiet")
    assert (failed.exit_code, "does not exist" in failed.stderr) == (1, True)


def test_a_conversion_as_json(mlp: Path) -> None:
    result = _from_onnx(mlp, "--json", "--thresholds", "absent.json")
    assert (result.exit_code, result.stdout) == (1, "")
    found = json.loads(_from_onnx(mlp, "--json").stdout)
    assert found["version"] == 1
    assert found["crate"] == str(mlp.parent / "out" / "rust_generated_code")
    assert [layer["kind"] for layer in found["layers"]] == ["Dense", "Dense", "Softmax"]
    assert (found["samples"], found["tolerances"], found["crate_differences"]) == (16, {"y": 1e-5}, None)
    assert found["graph_differences"]["y"]["other"] == "float64"
