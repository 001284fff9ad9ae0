"""Loops and branches: layers that run other layers."""
