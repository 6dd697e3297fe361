"""Ranking of candidates for queries: predictions, metrics, and the losses of networks."""
