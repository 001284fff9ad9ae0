"""Runs cases in forked processes, which may die."""

from __future__ import annotations

import faulthandler
import gc
import itertools
import json
import mmap
import os
import selectors
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random

from tests.fuzz.front import Front
from tests.fuzz.limits import end_after, limit_memory, processor_seconds
from tests.fuzz.oracle import Finding, judge

WALL_SECONDS = 300
"""The seconds after which a waiting worker is killed. They are many, because machines are busy."""
_NATIVE = 2
"""The factor by which native code may exceed the processor time of a case."""
_STATE = 256
"""The bytes of shared memory for the index of a case and its stage."""
_ALL_FRAMES = 1 << 14

Data = Callable[[int], bytes]
"""Returns the bytes of a case by its index."""
Result = tuple[int, "str | Finding"]


def run(front: Front, data: Data, indices: Iterable[int], workers: int = 1) -> Iterator[Result]:
    """Runs the cases ``indices`` in ``workers`` processes and yields the results in any order.

    A worker that dies is a finding, and another one continues after that case. So is a worker that hangs a second time
    in the same case; the first time, a fork may have lost the lock of a library's thread, which is not the fault of the
    case.
    """
    waiting, stuck = iter(indices), set[int]()
    selector = selectors.DefaultSelector()
    try:
        for _ in range(workers):
            _start(selector, front, data, waiting, stuck)
        while selector.get_map():
            for key, _ in selector.select(timeout=1.0):
                worker: _Worker = key.data
                if line := worker.stream.readline():
                    index, found = json.loads(line)
                    worker.left.discard(index)
                    yield index, Finding(**found) if isinstance(found, dict) else found
                    continue
                selector.unregister(worker.stream)
                yield from worker.end()
                _start(selector, front, data, waiting, stuck, worker.left)
            for key in list(selector.get_map().values()):
                key.data.kill_if_stuck()
    finally:
        for key in list(selector.get_map().values()):
            os.kill(key.data.pid, signal.SIGKILL)
            list(key.data.end())


def run_alone(front: Front, data: bytes) -> str | Finding:
    """The result of one file in a separate process."""
    ((_, found),) = run(front, lambda index: data, [0])
    return found


def _start(
    selector: selectors.BaseSelector,
    front: Front,
    data: Data,
    waiting: Iterator[int],
    stuck: set[int],
    left: Iterable[int] = (),
) -> None:
    """Starts a worker on the remaining cases of another one, or on the next cases in the queue."""
    share = sorted(left) or list(itertools.islice(waiting, front.share))
    if share:
        worker = _Worker(front, data, share, stuck)
        selector.register(worker.stream, selectors.EVENT_READ, worker)


class _Worker:
    """A forked process that runs its share of cases one by one."""

    def __init__(self, front: Front, data: Data, share: list[int], stuck: set[int]) -> None:
        self.left = set(share)
        self._stuck_before = stuck
        self._front = front
        self._memory = mmap.mmap(-1, _STATE)
        self._folder = Path(tempfile.mkdtemp(prefix="tf2rust-fuzz-"))
        reader, writer = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            os.close(reader)
            self._serve(writer, data, share)
        os.close(writer)
        self.stream = os.fdopen(reader, "rb", buffering=0)
        self._seen, self._since, self._stuck = b"", time.monotonic(), False

    def end(self) -> Iterator[Result]:
        """Waits for the process. Returns the case during which it died, if it did."""
        _, status = os.waitpid(self.pid, 0)
        self.stream.close()
        index, _, stage = self._memory[:].rstrip(b"\0").decode().partition(" ")
        frames = (self._folder / "frames").read_text(errors="replace") if self.left else ""
        shutil.rmtree(self._folder, ignore_errors=True)
        if not self.left:
            return
        dead = int(index) if index else min(self.left)
        if self._stuck and dead not in self._stuck_before:
            self._stuck_before.add(dead)
            return
        self.left.discard(dead)
        if self._stuck:
            yield dead, Finding("time", stage, "killed", f"more than {WALL_SECONDS} s")
        else:
            name = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {status >> 8}"
            kind = "hang" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU else "crash"
            yield dead, Finding(kind, stage, f"{name} {_places(frames)}", frames[:_ALL_FRAMES])

    def kill_if_stuck(self) -> None:
        """Kills a process that stays in the same stage of a case for too long."""
        now = self._memory[:]
        if now != self._seen:
            self._seen, self._since = now, time.monotonic()
        elif time.monotonic() - self._since > WALL_SECONDS:
            self._stuck = True
            os.kill(self.pid, signal.SIGKILL)

    def _serve(self, writer: int, data: Data, share: list[int]) -> None:
        code = 1
        frames = (self._folder / "frames").open("w", encoding="utf-8")
        try:
            _silence()
            os.chdir(self._folder)
            faulthandler.enable(frames, all_threads=False)
            faulthandler.register(signal.SIGXCPU, frames, all_threads=False, chain=True)
            limit_memory(self._front.memory)
            gc.freeze()
            for index in share:
                found = self._judge(index, data)
                os.write(writer, (json.dumps([index, found]) + "\n").encode())
            code = 0
        except BaseException:
            traceback.print_exc(file=frames)
            frames.flush()
        finally:
            os._exit(code)

    def _judge(self, index: int, data: Data) -> str | dict[str, str]:
        def report(stage: str) -> None:
            self._memory[:] = f"{index} {stage}".encode().ljust(_STATE, b"\0")

        report("mutate")
        content = data(index)
        path = self._folder / f"model{self._front.suffix}"
        path.write_bytes(content)
        end_after(_NATIVE * self._front.seconds)
        rng = Random(zlib.crc32(content))
        with processor_seconds(self._front.seconds):
            found = judge(lambda enter: self._front.convert(path, enter, rng), report)
        return asdict(found) if isinstance(found, Finding) else found


def _places(frames: str) -> str:
    """The deepest functions of tf2rust and of any package in faulthandler's output."""
    places = []
    for line in frames.splitlines():
        if line.lstrip().startswith("File "):
            _, path, rest = line.split('"', 2)
            places.append("/".join(path.split("/")[-2:]).removesuffix(".py") + ":" + rest.rpartition(" in ")[2])
    own = next((p for p in places if "tf2rust" in p or "onnx_import" in p), "")
    return f"{own} > {places[0]}" if places else "?"


def _silence() -> None:
    """Discards what libraries write to the terminal."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
