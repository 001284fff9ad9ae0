"""What every family of layers is made of: dimensions, facts, patterns, layers, rules."""
