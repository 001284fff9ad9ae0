"""Images: resized, sampled, cut into blocks and regions."""
