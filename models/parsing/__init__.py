"""Dependency parsing: trees from arc scores, and a transition-based parser."""
