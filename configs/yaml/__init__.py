"""Recipes as YAML: reading with line and column, inheritance, error reports, writing, help."""
