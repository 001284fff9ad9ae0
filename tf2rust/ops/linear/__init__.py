"""Linear algebra: Dense, MatMul, Einsum and functions of single matrices."""
