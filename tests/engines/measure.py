"""Runs a recipe once for each line of the standard input, and prints the seconds of the run.

``python measure.py RECIPE ROWS TARGET EXPECTED``, in the environment of the recipes. At the end of the input, it prints
as JSON how the scores of the last run differ from the expected ones. The caller can so alternate between two programs,
which then run under the same load of the machine.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time

import numpy as np
import pyarrow.parquet as pq


def main(recipe: str, source: str, target: str, expected: str) -> None:
    # Engines and their workers print to the standard output, too.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    run = importlib.import_module(recipe).main
    for _ in sys.stdin:
        start = time.perf_counter()
        run(source, target)
        print(time.perf_counter() - start, file=answers)
    print(json.dumps(compare(target, expected)), file=answers)


def compare(target: str, expected: str) -> dict[str, object]:
    table = pq.read_table(target).sort_by("id")
    scores, wanted = table["score"].to_numpy(), np.load(expected)
    return {
        "ids": bool(np.array_equal(table["id"].to_numpy(), np.arange(len(wanted)))),
        "dtype": str(scores.dtype),
        # Scores are positive, so the distance of two floats in ULPs is that of their bits.
        "ulps": int(np.abs(scores.view("int32").astype("int64") - wanted.view("int32")).max()),
        "difference": float(np.abs(scores - wanted).max()),
        "distinct": len(np.unique(scores)),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
