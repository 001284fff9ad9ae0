"""Activation functions: of one number, and Softmax and its kin over an axis."""
