"""Scores Parquet files with Spark: `python score_spark.py rows.parquet scores.parquet`."""

import sys
from collections.abc import Iterator

import churn
import pyarrow as pa
from pyspark.sql import SparkSession

FEATURES = ["age", "tenure", "income", "balance", "orders", "returns", "visits", "tickets"]


def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    model = churn.Model()  # one per task, because the function runs in the processes of Spark's workers
    for batch in batches:
        scores = pa.table(model.predict_arrow(batch.select(FEATURES)))
        yield pa.record_batch({"id": batch["id"], "score": scores["score"].combine_chunks()})


def main(source: str, target: str) -> None:
    spark = SparkSession.builder.master("local[2]").appName("score").getOrCreate()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 100_000)
    rows = spark.read.parquet(source)
    rows.mapInArrow(score, "id long, score float").write.mode("overwrite").parquet(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
