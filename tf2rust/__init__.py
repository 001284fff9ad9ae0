"""TensorFlow and ONNX models as pure-Rust crates."""
