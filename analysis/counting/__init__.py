"""Parameters, memory and FLOPs of a model, without training it."""
