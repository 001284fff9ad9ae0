"""What is checked before TensorFlow or Keras sees a model: that it only computes, and lies in its own files."""
