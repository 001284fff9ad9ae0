"""ONNX Runtime's operators (``com.microsoft``), defined as functions of ONNX's own operators.

ONNX Runtime's quantizer and transformer optimizer write them. The source of each definition is the operator's section
in ONNX Runtime's ``ContribOperators.md``; where that leaves a detail open, it is the CPU kernel.
"""
