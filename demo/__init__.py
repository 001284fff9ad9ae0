"""A published model from file to Rust: ``python -m demo``."""
