"""`nlp`: train, evaluate, inspect and compare every generation of NLP model from one YAML file."""

__version__ = "0.1.0"
