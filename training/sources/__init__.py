"""Inputs of a run from earlier runs and published weights: tokenizers, initial weights, word vectors, taggers, language models."""
