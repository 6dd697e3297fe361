"""What a run logs and shows: metrics, TensorBoard, pictures, progress."""
