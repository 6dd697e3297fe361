"""Ranking of candidates for queries: predictions and metrics, and the losses that networks learn by."""
