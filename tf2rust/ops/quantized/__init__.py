"""Quantised numbers: integers of few bits, and their products."""
