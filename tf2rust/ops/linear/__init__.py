"""Matrices: Dense, MatMul, Einsum and what is done with single matrices."""
