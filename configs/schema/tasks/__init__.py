"""What is asked of a model, a file for each task, with the models that only this task has."""
