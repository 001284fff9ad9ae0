"""Scores Parquet files with `arrow_udf` of Spark ≥ 4.1: `python score_spark_udf.py rows.parquet scores.parquet`."""

import sys
from collections.abc import Iterator

import churn
import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.functions import arrow_udf, struct
from pyspark.sql.types import FloatType

FEATURES = ["age", "tenure", "income", "balance", "orders", "returns", "visits", "tickets"]


@arrow_udf(FloatType())  # a type given as a string needs a session
def score(batches: Iterator[pa.Array]) -> Iterator[pa.Array]:
    model = churn.Model()  # one per task, because the function runs in the processes of Spark's workers
    for features in batches:
        yield pa.table(model.predict_arrow(features))["score"].combine_chunks()


def main(source: str, target: str) -> None:
    spark = SparkSession.builder.master("local[2]").appName("score").getOrCreate()
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 100_000)
    rows = spark.read.parquet(source)
    rows.select("id", score(struct(*FEATURES)).alias("score")).write.mode("overwrite").parquet(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
