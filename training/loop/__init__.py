"""The training loop: trainer, learners, optimisers, schedules."""
