"""Normalizations over features, groups, batches and neighbours."""
