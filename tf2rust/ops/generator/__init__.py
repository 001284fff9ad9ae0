"""Tensors without inputs: constants, ranges, identity matrices."""
