"""Models of every generation, one family per file; `build.py` picks the one a recipe asks for."""
