"""The `task:` section: a file for each task, with the models that only this task uses."""
