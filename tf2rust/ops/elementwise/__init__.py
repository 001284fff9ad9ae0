"""Elementwise functions with broadcasting."""
