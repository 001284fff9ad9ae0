"""Scores a Parquet file with a SQL function in DuckDB: `python score_duckdb.py rows.parquet scores.parquet`."""

import sys

import churn
import duckdb
import pyarrow as pa

FEATURES = ["age", "tenure", "income", "balance", "orders", "returns", "visits", "tickets"]


def main(source: str, target: str) -> None:
    model = churn.Model()

    def score(features: pa.ChunkedArray) -> pa.ChunkedArray:
        # A struct column is a table for Arrow.
        return pa.table(model.predict_arrow(features))["score"]

    features = duckdb.struct_type(dict.fromkeys(FEATURES, "FLOAT"))
    with duckdb.connect() as database:
        database.create_function("score", score, [features], "FLOAT", type="arrow")
        rows = database.read_parquet(source)
        rows.project(f"id, score(struct_pack({', '.join(FEATURES)})) AS score").write_parquet(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
