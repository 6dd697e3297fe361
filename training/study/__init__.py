"""Studies: recipes x seeds x splits x shares of the training data, as one list of runs that can be interrupted and distributed."""
