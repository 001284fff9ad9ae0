"""Elements and slices picked by indices or conditions, and written there."""
