"""From a graph of layers to a crate on disk."""
