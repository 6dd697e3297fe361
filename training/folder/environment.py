"""What a run was made with: versions, processor, git commit, command line; read without importing what it names."""

import os
import platform
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ... import __version__

PACKAGE = "nlp-generations"


def environment() -> dict[str, Any]:
    """Everything beside recipe and data that a result may depend on; `started` is UTC in ISO 8601."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "command": shlex.join(sys.argv),
        "versions": {"nlp": __version__, "python": platform.python_version(), **versions()},
        "platform": platform.platform(),
        "processor": processor(),
        "cores": cores(),
        "git": git_state(Path.cwd()),
    }


def versions() -> dict[str, str]:
    """The installed version of every package that this one requires."""
    found = {}
    for requirement in requirements():
        name = package_name(requirement)
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


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
    """The processor's name as its maker gives it, where the system reports it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    return platform.processor() or platform.machine()


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit of the git checkout that contains `folder`, and whether tracked files were changed; None outside one."""
    status = _output("git", "-C", str(folder), "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if status is None:
        return None
    lines = status.splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), "(initial)")
    return {"commit": None if commit == "(initial)" else commit, "dirty": any(not line.startswith("#") for line in lines)}


def _output(*command: str) -> str | None:
    """What a short command prints; None where it fails, is not installed, or takes over two seconds."""
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=2, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
