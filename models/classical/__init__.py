"""Models that are fitted by a solver or by counting: scikit-learn classifiers, taggers, n-gram language models."""
