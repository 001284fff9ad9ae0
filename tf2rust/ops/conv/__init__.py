"""Convolutions: plain, transposed, deformable, and over embedded indices."""
