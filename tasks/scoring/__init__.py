"""What predictions are worth: metrics as sums over rows, so that they can be resampled, and the baselines beside them."""
