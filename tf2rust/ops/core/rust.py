"""Rust literals."""

from tf2rust.rust.literals import *  # noqa: F403
