"""What every test finds and leaves behind: no GPU, since equal bytes are promised on a CPU, and processes take one each."""

import os
import sys
from collections.abc import Iterator

import pytest

os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """A network that runs inside the test process lets numbers below 1e-38 count as zero, which Hypothesis refuses to work with."""
    yield
    if "torch" in sys.modules:
        import torch

        torch.set_flush_denormal(False)
