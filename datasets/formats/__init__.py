"""Readers of file formats, one file for each."""
