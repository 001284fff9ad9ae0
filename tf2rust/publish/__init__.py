"""Replaces a folder of results atomically, and keeps the user's files."""

from tf2rust.publish.publish import Published, check_target, publish

__all__ = ["Published", "check_target", "publish"]
