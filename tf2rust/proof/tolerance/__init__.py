"""The tolerance of every output and element, judged by other computations of the same samples."""
