"""Quantizes a float model: samples calibrate the ranges, and the result is an ONNX model with QuantizeLinear and
DequantizeLinear (QDQ) that the rest of the conversion treats like any other.
"""
