"""Splits of rows of numbers and of pictures."""
