"""Activation functions: elementwise functions, and Softmax and similar functions along an axis."""
