"""What runs where: buffers of intermediate tensors, and how a batch is cut."""
