"""Classifiers: the scores, the thresholds of confidence levels, and the names of classes."""
