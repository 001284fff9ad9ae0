"""``python -m fuzz.prepare``: what the targets need in ``build/fuzz``.

That are the crates whose predictions are fuzzed (a CNN over text, an LSTM, a transformer), and archives to begin with.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CRATES = ROOT / "build" / "fuzz" / "crates"
CORPUS = ROOT / "build" / "fuzz" / "corpus"
MODELS = {"text_cnn": "cnn", "lstm_text": "lstm", "attention": "transformer"}
"""Builders of ``tests/models/keras3.py``, and what their crates are called."""


def main() -> None:
    """Writes the crates anew, and adds their arrays to the corpora of the targets that read archives."""
    from tests.models.keras3 import build
    from tf2rust.conversion import Options, convert
    from tf2rust.onnx_import.tensorflow.runtime import quiet
    from tf2rust.source import open_tensorflow

    shutil.rmtree(CRATES, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        for builder, name in MODELS.items():
            path = Path(folder) / f"{builder}.keras"
            with quiet():
                build(builder).save(path)
            made = convert(open_tensorflow(path), Options(CRATES / name, name, tf_layers=ROOT / "tf-layers"))
            for target in ("npz", "weights"):
                (CORPUS / target).mkdir(parents=True, exist_ok=True)
                for file in [*made.crate.glob("model/*"), *made.crate.glob("testdata/*")]:
                    shutil.copy(file, CORPUS / target / f"{name}_{file.name}")


if __name__ == "__main__":
    main()
