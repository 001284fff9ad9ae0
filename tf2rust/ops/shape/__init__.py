"""Operators that change shapes: reshaping, transposing, joining, padding, repeating."""
