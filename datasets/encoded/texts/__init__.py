"""Splits of texts with labels, numbers or other texts, and of running text."""
