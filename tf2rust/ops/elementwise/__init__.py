"""Functions of the elements at one place, with broadcasting."""
