"""Reading and writing elements and slices by index or condition."""
