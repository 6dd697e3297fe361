"""Building blocks of networks: embeddings, encoders, attention, pooling, output layers."""
