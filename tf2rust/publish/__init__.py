"""Putting a folder of results in the place of an earlier one: all of it or nothing, and the user's files stay."""

from tf2rust.publish.publish import Published, check_target, publish

__all__ = ["Published", "check_target", "publish"]
