"""Many runs: recipes x seeds x splits x shares of the training data as one list that can be stopped, repeated and spread out."""
