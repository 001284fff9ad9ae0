"""The programs in examples/: each is built and run as its README says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crates import ROOT, TARGET

EXAMPLES = ROOT / "examples"
LIGHT = ("several_models", "threads")
"""Programs without dependencies from a registry, and whose models convert quickly."""
OUTPUTS = {
    "several_models": r"scorer\n  input  x: f32 \[batch, 4\]\n  output probabilities: f32 \[batch, 3\] = .*\nanomaly\n",
    "bundle": r"(?s)scorer: 1 inputs, 0 states\n.*scorer Some\(\[0\..*anomaly Some\(\[.*unknown None\n",
    "threads": r"requests by class: \[\d+, \d+, \d+\]\n",
    "streaming": r"loud from sample Some\(8448\), level at the end \[\[0\.50\]\]\nlevel after a reset \[\[0\.00\]\]\n",
    "image": r"\[\[0\.\d+, 0\.\d+, 0\.\d+, 0\.\d+\]\]\n",
    "ndarray": r"(?s)\[\[.*\]\]\nmean \[.*\]\n",
    "hot_swap": r"(?s)version 1: .*damaged weights: model weights: .*version 2: .*served \d+ requests with 2 versions",
}
_PROFILE = {
    # The profile of other tests, so that tf-layers is compiled once for all of them.
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1",
    "CARGO_PROFILE_RELEASE_DEBUG": "false",
    "CARGO_PROFILE_RELEASE_INCREMENTAL": "false",
    "CARGO_TARGET_DIR": str(TARGET),
    "RUSTFLAGS": "-D warnings",
}
_TF_LAYERS_PROFILE = ("--config", "profile.release.package.tf-layers.opt-level=3")


def _convert(*names: str) -> None:
    """Converts the models with these names, or all of them. Git ignores the folder of the results."""
    command = [sys.executable, "examples/model.py", *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def light() -> Path:
    _convert("scorer", "anomaly")
    return EXAMPLES


@pytest.fixture(scope="module")
def everything() -> Path:
    _convert()
    return EXAMPLES


def _cargo(folder: Path, *arguments: str, **environment: str) -> str:
    if not (folder / "Cargo.lock").exists():
        shutil.copy(ROOT / "tests" / "Cargo.lock", folder)
    given = {**os.environ, **_PROFILE, **environment}
    command = ["cargo", *arguments, "--release", "--quiet", *_TF_LAYERS_PROFILE]
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)} in {folder.name}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _check(folder: Path) -> None:
    assert re.match(OUTPUTS[folder.name], _cargo(folder, "run"))


@pytest.mark.parametrize("name", LIGHT)
def test_light(light: Path, name: str) -> None:
    _check(light / name)


def test_every_example_is_tested_and_in_the_cookbook() -> None:
    folders = {path.parent.name for path in EXAMPLES.glob("*/Cargo.toml")}
    assert folders == {*OUTPUTS, "axum", "musl"}
    cookbook = (ROOT / "docs" / "cookbook.md").read_text(encoding="utf-8")
    assert all(f"(../examples/{name}/README.md)" in cookbook for name in folders)


def test_format() -> None:
    files = [str(path) for path in EXAMPLES.glob("*/src/*.rs")]
    done = subprocess.run(
        ["rustfmt", "--check", "--edition", "2024", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.targets
@pytest.mark.parametrize("name", sorted({*OUTPUTS} - {*LIGHT}))
def test_others(everything: Path, name: str) -> None:
    _check(everything / name)


@pytest.fixture(scope="module")
def service(everything: Path) -> Iterator[str]:
    """The address of the running service."""
    _cargo(everything / "axum", "build")
    with subprocess.Popen(
        [TARGET / "release" / "axum-example", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        yield run.stdout.readline().removeprefix("listening on ").strip()
        run.terminate()


def _ask(address: str, body: str | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(address, None if body is None else body.encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


REFUSED = {
    "/models/none": ("{}", 404, "there is no model `none`"),
    "/models/scorer": ("{", 400, "EOF"),
    "/models/scorer?1": ("{}", 400, "input `x` is missing; it is x: f32 [batch, 4]"),
    "/models/scorer?2": ('{"x": [[1, 2]]}', 400, "tensor `x` has shape [1, 2], but the model expects [batch, 4]"),
    "/models/scorer?3": ('{"x": [[1, 2], [3]]}', 400, "input `x` must be a nested array"),
    "/models/scorer?4": ('{"x": [1, [2]]}', 400, "input `x` must be a nested array"),
    "/models/scorer?5": ('{"x": [["a"]]}', 400, "input `x` must contain numbers of type f32"),
    "/models/scorer?6": ('{"y": 1}', 400, "the model has no input `y`"),
}


@pytest.mark.targets
def test_service(service: str) -> None:
    assert _ask(f"{service}/models")[1]["anomaly"]["inputs"] == ["x: f32 [batch, 6]"]
    status, answer = _ask(f"{service}/models/scorer", json.dumps({"x": [[0.5] * 4, [1, 2, 3, 4]]}))
    assert status == 200
    assert [sum(row) for row in answer["probabilities"]] == pytest.approx([1, 1])
    assert _ask(f"{service}/models/scorer", '{"x": []}')[0] == 400


@pytest.mark.targets
@pytest.mark.parametrize("path", REFUSED)
def test_service_refuses(service: str, path: str) -> None:
    body, status, message = REFUSED[path]
    found, answer = _ask(service + path, body)
    assert found == status
    assert message in answer["error"]


@pytest.mark.targets
def test_static_program(everything: Path) -> None:
    installed = subprocess.run(["rustup", "target", "list", "--installed"], capture_output=True, text=True, check=False)
    target = "x86_64-unknown-linux-musl"
    if target not in installed.stdout.split():
        pytest.skip(f"the Rust target {target} is not installed")
    _cargo(everything / "musl", "build", "--target", target)
    program = TARGET / target / "release" / "musl-example"
    # A static program has no interpreter, the dynamic linker, among its segments.
    segments = subprocess.run(["readelf", "--program-headers", program], capture_output=True, text=True, check=True)
    assert "INTERP" not in segments.stdout
    done = subprocess.run([program, "0.5", "0.5", "0.5", "0.5"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\[\[0\.\d+, 0\.\d+, 0\.\d+\]\]\n", done.stdout)
