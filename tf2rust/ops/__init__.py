"""The layers, in one package per family; ``core`` contains their building blocks."""
