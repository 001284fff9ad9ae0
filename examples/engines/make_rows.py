"""Makes a Parquet file of random customers: `python make_rows.py rows.parquet 1000000`."""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FEATURES = ["age", "tenure", "income", "balance", "orders", "returns", "visits", "tickets"]


def main(target: str, rows: int) -> None:
    values = np.random.default_rng(0).standard_normal((len(FEATURES), rows), dtype=np.float32)
    table = pa.table({"id": np.arange(rows), **dict(zip(FEATURES, values, strict=True))})
    pq.write_table(table, target, row_group_size=100_000)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
