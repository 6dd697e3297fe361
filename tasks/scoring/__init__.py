"""Scoring of predictions: metrics as sums over rows, so that they can be resampled, and baselines."""
