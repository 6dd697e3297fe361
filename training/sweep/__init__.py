"""Hyperparameter search: Optuna proposes trials, which run in child processes; hopeless ones are pruned."""
