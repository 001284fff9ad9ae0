"""Scores a Parquet file with pandas: `python score_pandas.py rows.parquet scores.parquet`."""

import sys

import churn
import pandas as pd

FEATURES = ["age", "tenure", "income", "balance", "orders", "returns", "visits", "tickets"]


def main(source: str, target: str) -> None:
    model = churn.Model()
    rows = pd.read_parquet(source)
    # The order of the columns is the order of the features in training.
    scores = model.predict(rows[FEATURES].to_numpy("float32"))
    rows["score"] = scores[:, 0]
    rows[["id", "score"]].to_parquet(target, index=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
