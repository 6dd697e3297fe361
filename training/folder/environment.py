"""The environment of a run: versions, processor, git commit, command line; collected without importing the packages."""

import os
import platform
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ... import __version__

PACKAGE = "nlp-generations"


def environment() -> dict[str, Any]:
    """Everything besides recipe and data that a result may depend on; `started` is UTC in ISO 8601."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "command": shlex.join(sys.argv),
        "versions": {"nlp": __version__, "python": platform.python_version(), **versions()},
        "platform": platform.platform(),
        "processor": processor(),
        "cores": cores(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "git": git_state(Path.cwd()),
    }


def versions() -> dict[str, str]:
    """The installed version of every package that this one requires."""
    installed = {}
    for requirement in requirements():
        name = package_name(requirement)
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


def requirements() -> list[str]:
    """This package's own requirements, such as `numpy>=1.26`, without those of its extras."""
    try:
        required = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return []
    return [requirement for requirement in required if "extra ==" not in requirement]


def package_name(requirement: str) -> str:
    """`torch<2.14,>=2.11` -> `torch`."""
    return re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0]


def processor() -> str:
    """The processor's model name, if the system reports it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Processor cores that this process may use, limited by its CPU affinity and by its control group, as in containers."""
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, int(min(allowed, control_group_share())))


def control_group_share(root: Path = Path("/sys/fs/cgroup"), groups: Path = Path("/proc/self/cgroup")) -> float:
    """Processor time per second that Linux grants this process's control group and its parents; inf without a limit.

    See `cpu.max` in the kernel's documentation of control groups version 2, and `cpu.cfs_quota_us` in that of version 1.
    """
    shares = [float("inf")]
    with suppress(OSError):
        own = re.search(r"^0::/(.*)$", groups.read_text(encoding="utf-8"), re.MULTILINE)
        folder = root / (own[1] if own else "")
        shares += [_share(group / "cpu.max") for group in (folder, *folder.parents) if group.is_relative_to(root)]
    shares.append(_share(root / "cpu" / "cpu.cfs_quota_us", root / "cpu" / "cpu.cfs_period_us"))
    return min(shares)


def _share(*files: Path) -> float:
    """Quota / period, read from one file or two; inf without a quota."""
    try:
        quota, period = (float(word) for word in " ".join(file.read_text(encoding="utf-8") for file in files).split())
    except (OSError, ValueError):  # no such file, or `max`
        return float("inf")
    return quota / period if quota > 0 and period > 0 else float("inf")


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit of the git checkout that contains `folder`, and whether tracked files were changed; None outside a checkout."""
    status = _output("git", "-C", str(folder), "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if status is None:
        return None
    lines = status.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "(initial)")
    return {"commit": None if commit == "(initial)" else commit, "dirty": any(not line.startswith("#") for line in lines)}


def _output(*command: str) -> str | None:
    """The output of a command; None if it fails, is not installed, or takes over two seconds."""
    try:
        completed = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=2, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return completed.stdout.strip() if completed.returncode == 0 else None
