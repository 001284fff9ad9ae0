"""Numbers as integers of few bits, and products of those."""
