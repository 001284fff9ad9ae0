"""TensorFlow, tf_keras and tf2onnx, imported only when a TensorFlow model is converted, and kept quiet."""

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
    """Import ``name``, which is TensorFlow, a Keras, tf2onnx or a module of theirs, without its log noise.

    Raises ``ConversionError`` with the command that installs it when it is missing.
    """
    loaded = sys.modules.get(name)
    if loaded is not None:
        return loaded
    # Read by TensorFlow's C++ code while it loads; a value the user has set wins.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Keras 3 chooses its backend at import; only graphs of TensorFlow can be exported.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        with quiet():
            module = importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ConversionError(
            f"Reading a TensorFlow model needs {package}, which could not be imported ({error}); "
            "install it with: pip install 'tf2rust[tf]'"
        ) from error
    if name == "keras" and module.backend.backend() != "tensorflow":
        raise ConversionError(
            f"Keras is already running on its {module.backend.backend()} backend in this process; "
            "convert in a process of its own, or set KERAS_BACKEND=tensorflow before importing Keras."
        )
    return module


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Discard everything that libraries write to stderr, log or warn inside the ``with`` block.

    TensorFlow's C++ code writes to file descriptor 2 itself before any of its settings can be read, so the
    descriptor is redirected. Exceptions pass through.
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
