"""Named datasets, readers, tokenizers, the encoded cache, batching; no torch."""
