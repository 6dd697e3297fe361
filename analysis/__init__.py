"""Model costs, evaluation, confidence intervals and comparisons."""
