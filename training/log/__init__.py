"""Logging and display of runs: metrics, TensorBoard, pictures, progress."""
