"""Convolutions, transposed, deformable and over embedded indices."""
