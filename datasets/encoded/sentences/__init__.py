"""Splits of sentences with a tag, or a head and a relation, for each word."""
