"""What a model costs and what its results are worth: counts, intervals, comparisons."""
