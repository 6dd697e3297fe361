"""Models of every generation, one family per file; `build.py` builds the one that a recipe specifies."""
