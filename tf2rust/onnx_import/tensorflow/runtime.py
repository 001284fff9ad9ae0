"""Imports TensorFlow, Keras and tf2onnx on demand, and keeps them quiet."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType

from tf2rust.errors import ConversionError


def library(name: str) -> ModuleType:
    """Imports ``name``, which is TensorFlow, Keras, tf2onnx or one of their modules, without log output.

    Raises ``ConversionError`` with the installation command if it is missing.
    """
    loaded = sys.modules.get(name)
    if loaded is not None:
        return loaded
    # Read by TensorFlow's C++ code when it loads; the user's value takes precedence.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Keras 3 chooses its backend at import, and only TensorFlow graphs can be exported.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        with quiet():
            module = importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ConversionError(
            f"Reading a TensorFlow model needs {package}, which cannot be imported ({error}); install it with: pip "
            "install 'tf2rust[tf]'"
        ) from error
    if name == "keras" and module.backend.backend() != "tensorflow":
        raise ConversionError(
            f"Keras already runs on its {module.backend.backend()} backend in this process; convert in a separate "
            "process, or set KERAS_BACKEND=tensorflow before importing Keras."
        )
    return module


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Discards the stderr output, logs and warnings of libraries inside the ``with`` block.

    TensorFlow's C++ code writes to file descriptor 2 before its settings are read, so the descriptor is redirected.
    Exceptions are passed on.
    """
    previous_level = logging.root.manager.disable
    sys.stderr.flush()
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        contextlib.redirect_stderr(nowhere),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        saved = os.dup(2)
        logging.disable(logging.CRITICAL)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            logging.disable(previous_level)
