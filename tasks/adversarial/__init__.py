"""Adversarial text generation: a generator against a discriminator, and metrics of the generated texts."""
