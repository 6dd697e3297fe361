"""The scripts that made the data files of the installation, and whether the packages are installed that they were made from."""

import importlib.util
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import nlp
import pytest

MADE_FROM = {"babel": "2.18.0", "faker": "40.63.0"}


def script(name: str) -> ModuleType:
    """The module `scripts/<name>.py`."""
    spec = importlib.util.spec_from_file_location(name, Path(nlp.__file__).parent / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _as_shipped(package: str) -> pytest.MarkDecorator:
    try:
        installed = version(package)
    except PackageNotFoundError:
        installed = "none"
    reason = f"the file was made from {package} {MADE_FROM[package]}; installed: {installed}"
    return pytest.mark.skipif(installed != MADE_FROM[package], reason=reason)


babel_as_shipped, faker_as_shipped = _as_shipped("babel"), _as_shipped("faker")
python_as_shipped = pytest.mark.skipif(platform.python_version() != "3.11.7", reason="the file was made from Python 3.11.7")
