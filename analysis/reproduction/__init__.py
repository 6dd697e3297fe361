"""A run compared with the same run trained again: data, figures, weights, predictions and environment."""
