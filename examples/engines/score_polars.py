"""Scores a Parquet file with Polars: `python score_polars.py rows.parquet scores.parquet`."""

import sys

import churn
import polars as pl

FEATURES = ["age", "tenure", "income", "balance", "orders", "returns", "visits", "tickets"]


def main(source: str, target: str) -> None:
    model = churn.Model()

    def score(features: pl.Series) -> pl.Series:
        # A struct column is a table for Arrow: neither call copies the columns.
        return pl.DataFrame(model.predict_arrow(features)).to_series()

    # Each row is scored by itself, so the streaming engine can score batch by batch, in several threads.
    scored = pl.struct(FEATURES).map_batches(score, return_dtype=pl.Float32, is_elementwise=True)
    rows = pl.scan_parquet(source)
    rows.select("id", score=scored).sink_parquet(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
