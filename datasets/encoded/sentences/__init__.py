"""Splits of sentences: a tag, or a head and a relation, for each word."""
