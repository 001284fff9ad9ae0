"""Normalizations over features, groups, batches and neighbouring channels."""
