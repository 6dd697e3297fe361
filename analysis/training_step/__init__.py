"""A training step and its gradients, opened up for learning and for checking."""
