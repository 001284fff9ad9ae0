"""Memory and execution: buffers of intermediate tensors, and batch chunks."""
