"""Images: resizing, sampling, blocks and regions."""
