"""Runs an engine that is called from Python: ``python -m bench.worker ENGINE MODEL.onnx IN.npz THREADS``.

The harness starts it as a child process and writes requests to its standard input, one on a line. ``run N`` predicts N
times; the answer is the time in nanoseconds: CPU time of one thread, or wall-clock time. ``outputs`` is answered with
the numbers of all outputs of the last prediction. It imports little, because it is started for every row.
"""

from __future__ import annotations

import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

Arrays = Mapping[str, np.ndarray]


class Engine(ABC):
    """A loaded model whose inputs and outputs are bound, so that a call passes nothing."""

    @abstractmethod
    def __init__(self, model: Path, inputs: Arrays, threads: int) -> None: ...

    @abstractmethod
    def run(self) -> None:
        """Predicts once."""

    @abstractmethod
    def outputs(self) -> list[np.ndarray]:
        """The outputs of the last prediction, in the order of the model."""


class OpenVino(Engine):
    """OpenVINO. It reads the ONNX file; shapes are fixed before it compiles the model."""

    def __init__(self, model: Path, inputs: Arrays, threads: int) -> None:
        import openvino

        core = openvino.Core()
        graph = core.read_model(model)
        graph.reshape({name: openvino.PartialShape(array.shape) for name, array in inputs.items()})
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if os.environ["BENCH_PRECISION"] == "bf16" else "f32",
        }
        self._request = core.compile_model(graph, "CPU", options).create_infer_request()
        self._count = len(graph.outputs)
        for name, array in inputs.items():
            self._request.set_tensor(name, openvino.Tensor(array, shared_memory=False))

    def run(self) -> None:
        self._request.infer(share_outputs=True)

    def outputs(self) -> list[np.ndarray]:
        return [self._request.get_output_tensor(i).data for i in range(self._count)]


class LiteRt(Engine):
    """LiteRT with XNNPACK, its default delegate. It reads the TFLite file of the Keras model."""

    def __init__(self, model: Path, inputs: Arrays, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        file = os.environ["BENCH_TFLITE"]
        if not Path(file).exists():
            raise ValueError("there is no TFLite file: TensorFlow's converter does not support the model")
        self._interpreter = Interpreter(model_path=file, num_threads=threads)
        details = {_port(detail["name"]): detail for detail in self._interpreter.get_input_details()}
        for name, array in inputs.items():
            self._interpreter.resize_tensor_input(details[name]["index"], array.shape)
        self._interpreter.allocate_tensors()
        for name, array in inputs.items():
            self._interpreter.set_tensor(details[name]["index"], array)

    def run(self) -> None:
        self._interpreter.invoke()

    def outputs(self) -> list[np.ndarray]:
        return [self._interpreter.get_tensor(detail["index"]) for detail in self._interpreter.get_output_details()]


class OnnxRuntime(Engine):
    """ONNX Runtime, called from Python. The difference from the harness' own row is the cost of such a call."""

    def __init__(self, model: Path, inputs: Arrays, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._binding = self._session.io_binding()
        for name, array in inputs.items():
            self._binding.bind_cpu_input(name, array)
        for output in self._session.get_outputs():
            self._binding.bind_output(output.name)

    def run(self) -> None:
        self._session.run_with_iobinding(self._binding)

    def outputs(self) -> list[np.ndarray]:
        found: list[np.ndarray] = self._binding.copy_outputs_to_cpu()
        return found


ENGINES: dict[str, type[Engine]] = {"openvino": OpenVino, "litert": LiteRt, "onnxruntime_python": OnnxRuntime}


def _port(name: str) -> str:
    """The Keras name of an input of a TFLite file, such as ``serving_default_pixels:0``."""
    return name.removeprefix("serving_default_").partition(":")[0]


def _predict(engine: Engine, times: int, clock: Callable[[], int]) -> int:
    """The nanoseconds of ``times`` predictions."""
    run, start = engine.run, clock()
    for _ in range(times):
        run()
    return clock() - start


def main() -> None:
    """Answers requests until standard input ends. If the engine cannot load the model, prints ``error`` and why."""
    name, model, path, threads = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    clock = time.process_time_ns if threads == 1 else time.perf_counter_ns
    with np.load(path) as arrays:
        inputs = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
    try:
        engine = ENGINES[name](model, inputs, threads)
        engine.run()
    except Exception as error:  # whatever an engine raises is a reason for the report
        print("error", str(error).replace("\n", " "), flush=True)
        return
    print("ready", flush=True)
    for line in sys.stdin:
        request, *arguments = line.split()
        if request == "run":
            print(_predict(engine, int(arguments[0]), clock), flush=True)
        else:
            print(*(x for output in engine.outputs() for x in output.ravel().tolist()), flush=True)


if __name__ == "__main__":
    main()
