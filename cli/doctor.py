"""`nlp doctor`: check the installation, and report how to fix what is wrong."""

import json as json_text
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

State = Literal["ok", "notice", "broken"]

IMPORTED_AS = {"pyyaml": "yaml", "scikit-learn": "sklearn", "pillow": "PIL"}
"""Import names of packages that differ from the name to install."""

PROBE = """
import importlib, json, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        print(json.dumps([name, ""]), flush=True)
    except Exception as error:
        print(json.dumps([name, f"{type(error).__name__}: {error}"]), flush=True)
if "torch" in sys.modules:
    torch = sys.modules["torch"]
    devices = ["cpu"] + [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    print(json.dumps(["devices", ", ".join(devices + ["mps"] * torch.backends.mps.is_available())]))
"""
PROBE_SECONDS = 180
LEAST_FREE_BYTES = 1_000_000_000
AGAIN = "Install again: pip install --force-reinstall nlp-generations"


@dataclass(frozen=True)
class Finding:
    """The result of a check, and how to fix a problem."""

    what: str
    state: State
    found: str
    remedy: str = ""


def doctor(json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Check packages, devices, folders, the embedded data and the recipes; exit code 1 if anything is broken."""
    from .console import print_json

    findings = []
    for check in (packages, other_packages_named_nlp, folders, embedded_data, recipes):
        for finding in findings_of(check):
            findings.append(finding)
            if not json:
                show(finding)
    broken = [finding for finding in findings if finding.state == "broken"]
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        print(f"{len(broken)} of {len(findings)} checks failed." if broken else f"All {len(findings)} checks passed.")
    if broken:
        raise typer.Exit(1)


def findings_of(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a check; an error in it is a finding too, so that the other checks still run."""
    try:
        yield from check()
    except Exception as error:
        what = check.__name__.replace("_", " ")
        yield Finding(what, "broken", f"{type(error).__name__}: {error}", AGAIN)


def show(finding: Finding) -> None:
    """Print a finding on one line, and its remedy on another."""
    print(f"{finding.state:<7} {finding.what}: {finding.found}", flush=True)
    if finding.remedy:
        print(f"{'':<7} -> {finding.remedy}", flush=True)


def packages() -> Iterator[Finding]:
    """Each required package: installed, in the required range, and importable; then the devices that torch finds."""
    from ..training.folder.environment import package_name, requirements

    yield Finding("python", "ok", f"{sys.version.split()[0]} in {sys.prefix}")
    required = {package_name(requirement): requirement for requirement in requirements()}
    if not required:
        yield Finding("nlp-generations", "broken", "not installed as a package", "Run `pip install -e .` in the source folder.")
    imported = probe([IMPORTED_AS.get(name, name) for name in required])
    for name, requirement in required.items():
        error = imported.get(IMPORTED_AS.get(name, name), "the process crashed or hung")
        yield package(name, requirement.removeprefix(name), error)
    yield Finding("devices", "ok" if "devices" in imported else "broken", imported.get("devices", "torch could not be imported"))


def other_packages_named_nlp() -> Iterator[Finding]:
    """Other packages that install a folder `nlp`, such as Hugging Face's `nlp` of 2020, now called `datasets`."""
    from importlib import metadata

    from ..training.folder.environment import PACKAGE

    others = sorted(set(metadata.packages_distributions().get("nlp", [])) - {PACKAGE})
    for name in others:
        yield Finding("import nlp", "broken", f"the package {name} {metadata.version(name)} is installed too, and both install a folder "
                      "nlp: each overwrites files of the other",
                      f"Run: pip uninstall {name}, which removes files of this package too, then install it again: "
                      f"pip install --force-reinstall --no-deps {PACKAGE} (`pip install -e .` in the source folder). To keep both, use "
                      "separate environments; Hugging Face's nlp has been replaced by its package datasets.")
    if not others:
        yield Finding("import nlp", "ok", f"no other package installs a folder nlp; this one is {Path(__file__).parent.parent}")


def package(name: str, wanted: str, import_error: str) -> Finding:
    """One required package, such as `torch` in the range `<2.14,>=2.11`."""
    from importlib import metadata

    remedy = f"Run: pip install '{name}{wanted}'"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, "broken", f"not installed; required: {wanted}", remedy)
    if not satisfies(version, wanted):
        return Finding(name, "broken", f"{version}; required: {wanted}", remedy)
    if import_error:
        return Finding(name, "broken", f"{version}, which cannot be imported: {import_error}", f"{remedy} --force-reinstall")
    return Finding(name, "ok", version)


def probe(modules: list[str]) -> dict[str, str]:
    """Import modules in a separate process, which may crash or hang: name -> error, empty if the import works."""
    command = [sys.executable, "-P", "-c", PROBE, *modules]
    try:
        output = subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS, check=False).stdout
    except subprocess.TimeoutExpired as error:
        output = error.stdout or b""
    return dict(json_text.loads(line) for line in output.splitlines() if line.endswith(b"]"))


def satisfies(version: str, wanted: str) -> bool:
    """Whether a version is in a range such as `<2.14,>=2.11`; the first three numbers are compared, missing ones as 0."""
    import operator
    import re

    def numbers(text: str) -> list[int]:
        release = re.match(r"[\d.]*", text)
        found = [int(number) for number in (release[0] if release else "").split(".") if number]
        return [*found, 0, 0, 0][:3]

    signs = {">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt}
    parts = re.findall(r"([<>=!~]+)\s*([^,\s]+)", wanted)
    return all(signs[sign](numbers(version), numbers(limit)) for sign, limit in parts)


def folders() -> Iterator[Finding]:
    """The folders for data, published weights, runs and cache: they exist or can be created, are writable and have free space. The cache is
    optional; data and weights may be read-only.
    """
    from ..datasets.encoded.cache import cache_root
    from ..datasets.files import data_folder
    from ..errors import DataError
    from ..models.pretrained.folder import weights_folder
    from ..training.folder.run_directory import runs_root

    places = (("data folder", data_folder, "NLP_DATA"), ("weights folder", weights_folder, "NLP_WEIGHTS"),
              ("runs folder", runs_root, "NLP_RUNS"), ("cache", cache_root, "NLP_CACHE"))
    for what, find, variable in places:
        folder = None
        with suppress(DataError):
            folder = find()
        if folder is None:
            yield Finding(what, "notice", "none, since this user has no home folder", f"Set {variable} to a writable folder.")
            continue
        existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            is_read = what in ("data folder", "weights folder") and folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)
            yield Finding(what, "notice" if what == "cache" or is_read else "broken", f"{folder} is not writable",
                          f"Make {existing} writable, or set {variable} to another folder.")
        else:
            yield room(what, folder, existing, variable)


def room(what: str, folder: Path, existing: Path, variable: str) -> Finding:
    """Check the free space for a folder, measured at its nearest existing parent."""
    import shutil

    free = shutil.disk_usage(existing).free
    found = f"{folder}{'' if folder.exists() else ' (created when needed)'}, {free / 1e9:,.1f} GB free"
    if free < LEAST_FREE_BYTES:
        return Finding(what, "broken", found, f"Free some space, or set {variable} to a folder on another disk.")
    return Finding(what, "ok", found)


def embedded_data() -> Iterator[Finding]:
    """The built-in datasets; reading one checks its digest."""
    from ..configs.schema.data import NamedData
    from ..datasets.named.catalog import DATASETS
    from ..datasets.read import read_dataset
    from ..errors import DataError

    for name, named in DATASETS.items():
        if named.files:
            continue
        try:
            rows = sum(len(table) for table in read_dataset(NamedData(type="named", name=name)).splits.values())
            yield Finding(f"dataset {name}", "ok", f"{rows:,} rows, SHA-256 as expected")
        except DataError as error:
            yield Finding(f"dataset {name}", "broken", str(error), AGAIN)


def recipes() -> Iterator[Finding]:
    """Every built-in recipe."""
    from ..configs.load import load_recipe, recipe_names
    from ..errors import ConfigError

    errors = {}
    names = recipe_names()
    for name in names:
        try:
            load_recipe(name)
        except ConfigError as error:
            errors[name] = str(error)
    for name, error in errors.items():
        yield Finding(f"recipe {name}", "broken", error, AGAIN)
    if not errors:
        yield Finding("recipes", "ok" if names else "broken", f"all {len(names)} are valid" if names else "there are none")
