"""Rust as a syntax tree, and its printer."""
