"""Operators on images: resizing, sampling, blocks, regions."""
