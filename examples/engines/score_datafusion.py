"""Scores a Parquet file with a SQL function in DataFusion: `python score_datafusion.py rows.parquet scores.parquet`."""

import sys

import churn
import pyarrow as pa
from datafusion import SessionContext, udf

FEATURES = ["age", "tenure", "income", "balance", "orders", "returns", "visits", "tickets"]


def main(source: str, target: str) -> None:
    model = churn.Model()

    def score(*columns: pa.Array) -> pa.Array:
        batch = pa.record_batch(list(columns), names=FEATURES)
        return pa.table(model.predict_arrow(batch))["score"].combine_chunks()

    context = SessionContext()
    context.register_udf(udf(score, [pa.float32()] * len(FEATURES), pa.float32(), "immutable", "score"))
    context.register_parquet("rows", source)
    context.sql(f"SELECT id, score({', '.join(FEATURES)}) AS score FROM rows").write_parquet(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
