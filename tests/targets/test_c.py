"""The C library: a C and a C++ program under AddressSanitizer, CMake, pkg-config."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.targets.conftest import PRODUCTS, Product, cargo, run
from tests.targets.figures import kilobytes, record

pytestmark = pytest.mark.targets
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-g", "-fsanitize=address,undefined")
LIBRARIES = ("-lpthread", "-ldl", "-lm")


@pytest.fixture(scope="module")
def archives(products: dict[str, Product]) -> dict[str, Path]:
    """The static libraries."""
    for product in products.values():
        cargo(["build", "--release"], product.folder / "c")
    return {name: PRODUCTS / "release" / f"lib{product.interface.module}.a" for name, product in products.items()}


def _program(compiler: str, standard: str, source: Path, product: Product, archive: Path) -> Path:
    program = source.with_suffix("")
    include = f"-I{product.folder / 'c' / 'include'}"
    run([compiler, f"-std={standard}", *WARNINGS, include, source, archive, *LIBRARIES, "-o", program], source.parent)
    return program


@pytest.mark.parametrize("name", ["mlp", "two_inputs", "voice_activity"])
def test_example(products: dict[str, Product], archives: dict[str, Path], tmp_path: Path, name: str) -> None:
    source = Path(shutil.copy(products[name].folder / "c" / "example" / "example.c", tmp_path))
    found = run([_program("cc", "c99", source, products[name], archives[name])], tmp_path)
    assert len(found.splitlines()) == len(products[name].interface.outputs)


MLP = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mlp.h"

#define CHECK(condition) do { if (!(condition)) { fprintf(stderr, "line %d\\n", __LINE__); exit(1); } } while (0)

int main(int count, char **arguments) {
    size_t rows = (size_t)atoi(arguments[count - 1]), width = WIDTH, shape[2] = {0, 0};
    float *x = (float *)malloc(rows * width * sizeof *x);
    CHECK(x != NULL && fread(x, sizeof *x, rows * width, stdin) == rows * width);
    mlp_session *session = NULL;
    CHECK(mlp_session_new(NULL) == MLP_ERROR_ARGUMENT);
    CHECK(mlp_session_new(&session) == MLP_OK);
    CHECK(mlp_predict(NULL, rows, x) == MLP_ERROR_ARGUMENT);
    CHECK(mlp_predict(session, rows, NULL) == MLP_ERROR_ARGUMENT);
    CHECK(strstr(mlp_message(session), "must be a valid pointer") != NULL);
    CHECK(mlp_predict(session, rows, (const float *)((const char *)x + 1)) == MLP_ERROR_ARGUMENT);
    CHECK(mlp_predict(session, (size_t)-1, x) == MLP_ERROR_SHAPE);
    CHECK(strlen(mlp_message(session)) > 0);
    CHECK(mlp_predict(session, 0, NULL) == MLP_OK);
    CHECK(mlp_predict(session, rows, x) == MLP_OK && strlen(mlp_message(session)) == 0);
    const float *y = OUTPUT(session, shape);
    CHECK(y == OUTPUT(session, NULL) && OUTPUT(NULL, shape) == NULL && shape[0] == rows);
    CHECK(strlen(mlp_message(NULL)) > 0);
    fwrite(y, sizeof *y, shape[0] * shape[1], stdout);
    mlp_session_free(session);
    mlp_session_free(NULL);
    free(x);
    return 0;
}
"""


@pytest.mark.parametrize(("compiler", "standard", "suffix"), [("cc", "c99", ".c"), ("c++", "c++11", ".cpp")])
def test_programs(
    products: dict[str, Product], archives: dict[str, Path], tmp_path: Path, compiler: str, standard: str, suffix: str
) -> None:
    product = products["mlp"]
    (x,), ((name, expected),) = product.samples.values(), product.predicted.items()
    accessor = next(field for field in _outputs(product) if field)
    source = tmp_path / f"program{suffix}"
    source.write_text(MLP.replace("WIDTH", str(x.shape[1])).replace("OUTPUT", accessor), encoding="utf-8")
    program = _program(compiler, standard, source, product, archives["mlp"])
    x.tofile(tmp_path / "x.bin")
    with (tmp_path / "x.bin").open("rb") as given, (tmp_path / "y.bin").open("wb") as made:
        subprocess.run([program, str(len(x))], stdin=given, stdout=made, check=True)
    found = np.fromfile(tmp_path / "y.bin", np.float32).reshape(expected.shape)
    np.testing.assert_array_equal(found, expected, err_msg=name)


def _outputs(product: Product) -> list[str]:
    """The functions that return outputs."""
    header = (product.folder / "c" / "include" / f"{product.interface.module}.h").read_text("utf-8")
    return [word.split("(")[0].lstrip("*") for word in header.split() if "_output_" in word and "(" in word]


@pytest.mark.skipif(shutil.which("cmake") is None, reason="CMake is not installed")
def test_cmake_and_pkg_config(products: dict[str, Product], tmp_path: Path) -> None:
    build, installed = tmp_path / "build", tmp_path / "installed"
    configure = ["cmake", "-B", build, f"-DMLP_TARGET_DIR={PRODUCTS}", f"-DCMAKE_INSTALL_PREFIX={installed}"]
    run([*configure, products["mlp"].folder / "c"], tmp_path)
    run(["cmake", "--build", build], tmp_path)
    example = run([build / "example"], tmp_path)
    run(["cmake", "--install", build], tmp_path)
    (pkgconfig,) = installed.rglob("pkgconfig")
    flags = run(["pkg-config", "--static", "--cflags", "--libs", "mlp"], tmp_path, {"PKG_CONFIG_PATH": str(pkgconfig)})
    source = shutil.copy(products["mlp"].folder / "c" / "example" / "example.c", tmp_path)
    run(["cc", source, *flags.split(), "-o", "example"], tmp_path)
    assert run([tmp_path / "example"], tmp_path, {"LD_LIBRARY_PATH": str(installed / "lib")}) == example


def test_sizes(archives: dict[str, Path], tmp_path: Path) -> None:
    """Only records them."""
    assert archives
    stripped = tmp_path / "libmlp.so"
    run(["strip", "-o", stripped, PRODUCTS / "release" / "libmlp.so"], tmp_path)
    record("C library", "mlp", f"{kilobytes(stripped)} (shared library)", "that of the crate")
