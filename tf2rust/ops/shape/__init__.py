"""Shape manipulation: reshape, transpose, concatenate, pad and repeat."""
