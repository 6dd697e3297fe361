"""Splits of texts: with labels, numbers or other texts, or running text."""
