"""Turns a graph of layers into a crate on disk."""
