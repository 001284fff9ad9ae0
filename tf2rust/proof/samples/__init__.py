"""Samples for the proof: the user's or seeded ones, their sizes, and what a run with them costs."""
