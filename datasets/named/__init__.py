"""Datasets known by name: the catalog, downloads, and those that come with the installation."""
