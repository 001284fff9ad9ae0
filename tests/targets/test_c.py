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


@pytest.mark.parametrize("name", ["mlp", "two_inputs", "voice_activity", "words", "loaded"])
def test_example(products: dict[str, Product], archives: dict[str, Path], tmp_path: Path, name: str) -> None:
    source = Path(shutil.copy(products[name].folder / "c" / "example" / "example.c", tmp_path))
    program = _program("cc", "c99", source, products[name], archives[name])
    found = run([program, *([_weights(products[name])] if name == "loaded" else [])], tmp_path)
    assert len(found.splitlines()) == len(products[name].interface.outputs)


def _weights(product: Product) -> Path:
    return product.folder / "rust_generated_code" / "model" / "model_weights.npz"


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
    CHECK(strlen(mlp_message(NULL)) == 0 && mlp_session_new(NULL) == MLP_ERROR_ARGUMENT);
    CHECK(strstr(mlp_message(NULL), "`session` must be a valid pointer") != NULL);
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


WORDS = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "words.h"

#define CHECK(condition) do { if (!(condition)) { fprintf(stderr, "line %d\\n", __LINE__); exit(1); } } while (0)

int main(void) {
    const char *texts[] = {"yes", "", "\\xc3\\xa9", "a\\0b"}, *invalid[] = {"\\xff"};
    const char *const expected = "yes!\\0!\\0\\xc3\\xa9!\\0a\\0b!";
    const size_t lengths[] = {3, 0, 2, 3};
    size_t shape[1] = {9}, offsets[5] = {9, 9, 9, 9, 9};
    words_session *session = NULL;
    CHECK(words_session_new(&session) == WORDS_OK);
    CHECK(words_output_shouted(session, shape, NULL, 0, NULL) == 0 && shape[0] == 0);
    CHECK(words_predict(session, 4, NULL, NULL) == WORDS_ERROR_ARGUMENT);
    CHECK(words_predict(session, (size_t)-1, texts, lengths) == WORDS_ERROR_SHAPE);
    CHECK(words_predict(session, 1, invalid, NULL) == WORDS_ERROR_ARGUMENT);
    CHECK(strcmp(words_message(session), "`words` must be encoded in UTF-8") == 0);
    invalid[0] = NULL;
    CHECK(words_predict(session, 1, invalid, NULL) == WORDS_ERROR_ARGUMENT);
    CHECK(words_predict(session, 1, invalid, lengths) == WORDS_ERROR_ARGUMENT);
    CHECK(words_predict(session, 1, invalid, lengths + 1) == WORDS_OK);
    CHECK(words_predict(session, 0, NULL, NULL) == WORDS_OK);
    CHECK(words_predict(session, 4, texts, NULL) == WORDS_OK);
    CHECK(words_output_shouted(session, NULL, NULL, 0, NULL) == 14);
    CHECK(words_predict(session, 4, texts, lengths) == WORDS_OK);
    size_t bytes = words_output_shouted(session, shape, NULL, 0, offsets);
    CHECK(bytes == 16 && shape[0] == 4 && offsets[0] == 9);
    char *found = (char *)malloc(bytes);
    memset(found, '?', bytes);
    CHECK(words_output_shouted(session, NULL, found, bytes - 1, offsets) == bytes && found[0] == '?');
    CHECK(words_output_shouted(session, NULL, found, bytes, NULL) == bytes && memcmp(found, expected, bytes) == 0);
    CHECK(words_output_shouted(session, NULL, found, bytes, offsets) == bytes);
    CHECK(offsets[0] == 0 && offsets[1] == 5 && offsets[2] == 7 && offsets[3] == 11 && offsets[4] == 16);
    const bool *is_wanted = words_output_found(session, NULL);
    CHECK(!is_wanted[0] && !is_wanted[1] && is_wanted[2] && !is_wanted[3]);
    free(found);
    words_session_free(session);
    return 0;
}
"""
LOADED = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "loaded.h"

#define CHECK(condition) do { if (!(condition)) { fprintf(stderr, "line %d\\n", __LINE__); exit(1); } } while (0)

int main(int count, char **arguments) {
    static uint8_t npz[1 << 16];
    static const float x[WIDTH] = {0};
    FILE *file = fopen(arguments[count - 1], "rb");
    size_t length = fread(npz, 1, sizeof npz, file);
    fclose(file);
    loaded_weights *weights = NULL;
    loaded_session *first = NULL, *second = NULL;
    CHECK(loaded_weights_pack(&weights, npz, length / 2) == LOADED_ERROR_WEIGHTS && weights == NULL);
    CHECK(strstr(loaded_message(NULL), "NPZ archive") != NULL);
    CHECK(loaded_weights_pack(&weights, NULL, length) == LOADED_ERROR_ARGUMENT);
    CHECK(loaded_weights_pack(NULL, npz, length) == LOADED_ERROR_ARGUMENT);
    CHECK(loaded_weights_pack(&weights, npz, length) == LOADED_OK && strlen(loaded_message(NULL)) == 0);
    const uint8_t *data = loaded_weights_data(weights, &length);
    CHECK(loaded_weights_data(weights, NULL) == data);
    CHECK(loaded_session_from_weights(&first, NULL, length) == LOADED_ERROR_ARGUMENT);
    CHECK(loaded_session_from_weights(&first, data, length - 1) == LOADED_ERROR_WEIGHTS);
    CHECK(loaded_session_from_weights(&first, data, 0) == LOADED_ERROR_WEIGHTS && first == NULL);
    CHECK(strstr(loaded_message(NULL), "truncated") != NULL);
    CHECK(loaded_session_from_weights(&first, data, length) == LOADED_OK);
    CHECK(loaded_session_from_weights(&second, data, length) == LOADED_OK);
    CHECK(loaded_predict(first, 1, x) == LOADED_OK && loaded_predict(second, 1, x) == LOADED_OK);
    CHECK(OUTPUT(first, NULL)[0] == OUTPUT(second, NULL)[0]);
    loaded_session_free(first);
    loaded_session_free(second);
    loaded_weights_free(weights);
    loaded_weights_free(NULL);
    return 0;
}
"""


@pytest.mark.parametrize(("compiler", "standard", "suffix"), [("cc", "c99", ".c"), ("c++", "c++11", ".cpp")])
@pytest.mark.parametrize(("name", "program"), [("words", WORDS), ("loaded", LOADED)])
def test_strings_and_loaded_weights(
    products: dict[str, Product],
    archives: dict[str, Path],
    tmp_path: Path,
    name: str,
    program: str,
    compiler: str,
    standard: str,
    suffix: str,
) -> None:
    product = products[name]
    source = tmp_path / f"program{suffix}"
    text = program.replace("OUTPUT", next(field for field in _outputs(product) if field))
    source.write_text(text.replace("WIDTH", str(product.interface.inputs[0].shape[-1])), encoding="utf-8")
    run([_program(compiler, standard, source, product, archives[name]), _weights(product)], tmp_path)


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
