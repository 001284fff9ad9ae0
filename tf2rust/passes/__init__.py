"""Passes over the graph of layers: layout, simplification and fusion."""
