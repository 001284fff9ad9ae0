"""The layers, one file for each family; ``core`` holds what they are made of."""
