"""Tensors under other dimensions: reshaped, transposed, joined, padded, repeated."""
