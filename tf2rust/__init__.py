"""TensorFlow and ONNX models as pure-Rust crates."""

__version__ = "0.1.0"
