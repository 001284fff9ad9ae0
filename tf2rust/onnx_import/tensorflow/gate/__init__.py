"""Checks models before TensorFlow or Keras reads them: they must only compute, and be contained in their own files."""
