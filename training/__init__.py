"""The shared trainer: `run.py` is a run from start to end, `loop/trainer.py` the loop, `loop/gradient.py` the step."""
