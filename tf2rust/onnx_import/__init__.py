"""From a model on disk to a graph of layers."""
