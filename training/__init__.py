"""The shared trainer: `run.py` tells a run's story, `trainer.py` the loop, `gradient.py` the step."""
