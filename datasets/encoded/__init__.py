"""Encoded data: the splits of each task, batches and their order, the cache on disk."""
