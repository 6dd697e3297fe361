"""Why a model predicts what it predicts: one interface for rules, classical models and networks, and how faithful its answers are."""
