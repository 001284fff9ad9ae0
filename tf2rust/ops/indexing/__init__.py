"""Gathering and scattering of elements and slices, by indices or conditions."""
