"""Tensors made of nothing: constants, ranges, identity matrices."""
