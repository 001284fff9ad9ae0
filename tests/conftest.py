"""Quiet imports of both Keras versions, and a fixture that saves each model once."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tf2rust.onnx_import.tensorflow.runtime import library, quiet

# A machine under load takes as long as it takes.
settings.register_profile("tf2rust", deadline=None)
settings.load_profile("tf2rust")

Save = Callable[[str, str, str], tuple[Any, Path]]


@pytest.fixture(scope="session")
def save(tmp_path_factory: pytest.TempPathFactory) -> Save:
    """A function that builds model ``name`` of ``keras2`` or ``keras3`` and saves it with a suffix.

    The suffix ``""`` means a SavedModel folder. Returns the model and the path.
    """
    folder = tmp_path_factory.mktemp("models")
    done: dict[tuple[str, str, str], tuple[Any, Path]] = {}

    def save_once(generation: str, name: str, suffix: str) -> tuple[Any, Path]:
        key = (generation, name, suffix)
        if key not in done:
            library("tf_keras" if generation == "keras2" else "keras")
            with quiet():
                model = importlib.import_module(f"tests.models.{generation}").build(name)
                path = folder / f"{generation}_{name}{suffix}"
                if suffix == "" and generation == "keras3":
                    model.export(path, verbose=False)
                else:
                    model.save(path)
            done[key] = (model, path)
        return done[key]

    return save_once
