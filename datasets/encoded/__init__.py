"""Text as numbers: the splits of each task, batches and their order, the cache on disk."""
