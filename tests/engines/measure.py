"""Runs a recipe several times; prints as JSON the seconds of the fastest run and the error of the scores.

``python measure.py RECIPE ROWS TARGET EXPECTED``, in the environment of the recipes. The first run starts the engine.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

import numpy as np
import pyarrow.parquet as pq


def main(recipe: str, source: str, target: str, expected: str) -> None:
    run = importlib.import_module(recipe).main
    run(source, target)
    seconds: list[float] = []
    while sum(seconds) < 3:
        start = time.perf_counter()
        run(source, target)
        seconds.append(time.perf_counter() - start)
    table = pq.read_table(target).sort_by("id")
    scores, wanted = table["score"].to_numpy(), np.load(expected)
    found = {
        "seconds": min(seconds),
        "dtype": str(scores.dtype),
        "ids": bool(np.array_equal(table["id"].to_numpy(), np.arange(len(wanted)))),
        # Scores are positive, so the distance of two floats in ULPs is that of their bits.
        "ulps": int(np.abs(scores.view("int32").astype("int64") - wanted.view("int32")).max()),
        "difference": float(np.abs(scores - wanted).max()),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
