"""Published networks: where their weights are, whether they are safe to load, and how they are loaded."""
