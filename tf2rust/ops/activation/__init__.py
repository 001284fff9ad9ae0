"""Activation functions of single elements, and of vectors along an axis: Softmax, LogSoftmax, Hardmax."""
