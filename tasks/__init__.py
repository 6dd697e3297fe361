"""What is asked of a model: the loss, the predictions, the metrics; one task per file."""
