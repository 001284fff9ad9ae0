"""Packages of a generated crate for other languages and machines: ``tf2rust from-… --with`` and ``tf2rust add``."""

from tf2rust.targets.targets import TARGETS, add_targets, check_targets, render_targets

__all__ = ["TARGETS", "add_targets", "check_targets", "render_targets"]
