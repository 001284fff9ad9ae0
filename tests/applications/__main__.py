"""``python -m tests.applications NAME FOLDER [--full] [--saved_model]`` converts one network of keras.applications.

A separate process returns the memory that TensorFlow keeps. The times of the stages go to stdout.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.applications.families import build
from tests.crates import TF_LAYERS
from tf2rust.conversion import Options, convert
from tf2rust.source import open_tensorflow


def main(name: str, folder: Path, *, full: bool, saved_model: bool) -> None:
    """Writes the crate into ``folder``, and the model's file next to it."""
    start = time.perf_counter()

    def lap(stage: str) -> None:
        nonlocal start
        print(f"{stage} {time.perf_counter() - start:.1f} s", flush=True)
        start = time.perf_counter()

    model = build(name, full)
    path = folder.with_name(f"{folder.name}_model").with_suffix("" if saved_model else ".keras")
    if saved_model:
        model.export(path, verbose=False)
    else:
        model.save(path)
    lap("built and saved")
    source = open_tensorflow(path)
    lap("exported")
    done = convert(source, Options(folder, name.lower(), tf_layers=TF_LAYERS))
    lap("converted")
    for note in done.notes:
        print(note)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), full="--full" in sys.argv, saved_model="--saved_model" in sys.argv)
