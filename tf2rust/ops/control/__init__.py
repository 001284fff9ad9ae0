"""Loops and Ifs: layers that run other layers."""
