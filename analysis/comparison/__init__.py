"""Runs, and predictions from elsewhere, brought to the same rows so that they can be compared."""
