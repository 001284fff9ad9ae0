"""Reads a model from disk and turns it into a graph of layers."""
