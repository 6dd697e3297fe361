"""The typed schema of a recipe: one file for each section, and the recipe itself."""
