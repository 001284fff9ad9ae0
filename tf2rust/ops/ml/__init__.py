"""The operators of ``ai.onnx.ml``, defined as functions of ONNX's own operators."""
