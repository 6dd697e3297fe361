"""Learning curves: quality against the number of training examples, fitted by power laws with intervals; sentences and plots."""
