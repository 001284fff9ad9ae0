"""Operators of classical machine learning (``ai.onnx.ml``), defined by ONNX' own operators."""
