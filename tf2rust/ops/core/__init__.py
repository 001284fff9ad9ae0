"""What every layer family builds on: dimensions, shape inference, patterns, layers and rules."""
