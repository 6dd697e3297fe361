"""Classification by prompting a causal language model."""
