"""`nlp`: train, evaluate, inspect and compare every generation of NLP model from one YAML file."""

from .api import Run, Split, Splits, load, read, runs, train

__version__ = "0.1.0"
__all__ = ["Run", "Split", "Splits", "__version__", "load", "read", "runs", "train"]
