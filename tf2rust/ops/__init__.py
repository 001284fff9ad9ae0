"""The layers, one package for each family; ``core`` holds what they are made of."""
