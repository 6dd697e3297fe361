"""Learning curves: quality against the number of training examples, as power laws with intervals, in sentences and as a picture."""
