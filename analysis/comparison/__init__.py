"""Comparing methods: which is better, by how much, at what cost."""
