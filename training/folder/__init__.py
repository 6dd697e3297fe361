"""A run's folder: its files, lock, checkpoints and weights."""
