"""Strings: lookup tables, normalisation, splitting and comparison."""
