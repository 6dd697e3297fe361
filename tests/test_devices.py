"""Where networks run: memory that is kept."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import torch
from nlp.training.devices import keep_freed_memory
keep_freed_memory()
torch.set_num_threads(1)
for place in range(60):
    if place == 40:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(16 << 20).fill_(1.0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver() < ("glibc", "2.35"), reason="older ones take no threshold above 32 MB")
def test_a_large_tensor_takes_the_place_of_an_earlier_one():
    """Twenty times 64 MB are 327,680 pages of 4 KB that the system would have to fill with zeros."""
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, encoding="utf-8", check=True)
    assert int(done.stdout) < 3_000
