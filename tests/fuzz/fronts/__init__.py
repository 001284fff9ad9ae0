"""The kinds of files that are fuzzed, by name."""

from __future__ import annotations

from tests.fuzz.front import Front
from tests.fuzz.fronts.graph_defs import GraphDefs
from tests.fuzz.fronts.keras_files import H5, Keras
from tests.fuzz.fronts.npz import Npz
from tests.fuzz.fronts.onnx_models import OnnxModels
from tests.fuzz.fronts.texts import Texts
from tests.fuzz.fronts.tflite import TFLite

FRONTS: dict[str, Front] = {
    front.name: front for front in (OnnxModels(), Npz(), Texts(), Keras(), H5(), TFLite(), GraphDefs())
}
