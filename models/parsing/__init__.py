"""Dependency parsers: trees from the scores of arcs, and a parser of transitions."""
