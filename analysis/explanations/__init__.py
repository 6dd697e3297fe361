"""Explanations of predictions: one interface for rules, classical models and networks, and their faithfulness."""
