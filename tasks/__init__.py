"""Tasks, one per file: each defines the loss, the predictions and the metrics."""
