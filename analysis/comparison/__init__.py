"""Which method is better, by how much, and whether the difference is real: from the row scores of runs to verdicts and rankings."""
