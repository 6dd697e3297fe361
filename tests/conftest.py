"""What every test finds and leaves behind: no GPU, since equal bytes are promised on a CPU, and processes take one each."""

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.fsync = lambda descriptor: None  # a file outlives its process without it, and tests spent a seventh of their time on it
settings.register_profile("quick", deadline=None, max_examples=50)  # no test here is about time, and machines are busy
settings.load_profile("quick")


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """A network that runs inside the test process lets numbers below 1e-38 count as zero, which Hypothesis refuses to work with."""
    yield
    if "torch" in sys.modules:
        import torch

        torch.set_flush_denormal(False)
