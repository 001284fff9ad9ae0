"""Scores Parquet files with Ray Data: `python score_ray.py rows.parquet scores.parquet`."""

import sys

import churn
import pyarrow as pa
import ray
from ray.data import SaveMode

FEATURES = ["age", "tenure", "income", "balance", "orders", "returns", "visits", "tickets"]


class Scorer:
    """An actor with a model, which it loads once."""

    def __init__(self) -> None:
        self.model = churn.Model()

    def __call__(self, batch: pa.Table) -> pa.Table:
        scores = pa.table(self.model.predict_arrow(batch.select(FEATURES)))
        return pa.table({"id": batch["id"], "score": scores["score"]})


def main(source: str, target: str) -> None:
    # Ray reads a small file as one block, which a single actor would score. Smaller blocks are shared by both.
    rows = ray.data.read_parquet(source).repartition(target_num_rows_per_block=250_000)
    scored = rows.map_batches(
        Scorer,
        batch_format="pyarrow",
        batch_size=100_000,
        compute=ray.data.ActorPoolStrategy(size=2),
        # Actors that claimed all CPUs of a small machine would leave none for reading, and Ray would wait forever.
        num_cpus=0.5,
    )
    # By default, Ray adds files to a folder that exists.
    scored.write_parquet(target, mode=SaveMode.OVERWRITE)


if __name__ == "__main__":
    main(*sys.argv[1:])
