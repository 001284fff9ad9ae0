"""Packages of a generated crate for other languages and machines."""
