"""Reductions, searches and cumulative sums along axes."""
