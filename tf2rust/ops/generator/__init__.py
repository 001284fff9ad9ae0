"""Tensors without inputs: constants, ranges and identity matrices."""
