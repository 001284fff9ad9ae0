"""Reference outputs, from engines that compute what ONNX and the source framework specify."""
