"""Recipes (YAML), the schema that describes them, and the loader that reads them; no torch."""
