"""Rust as a tree: what generated code is made of, and how it is printed."""
