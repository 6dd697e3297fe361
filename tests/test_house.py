"""The structure of the package: who imports whom, what is not loaded, what the docs name, and what the wheel contains."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import nlp
import pytest

ROOT = Path(nlp.__file__).parent
MAY_IMPORT = {
    "configs": set(),
    "datasets": {"configs"},
    "models": {"configs"},
    "tasks": {"configs", "datasets", "models"},
    "training": {"configs", "datasets", "models", "tasks"},
    "analysis": {"configs", "datasets", "models", "tasks", "training"},
    "cli": {"configs", "datasets", "models", "tasks", "training", "analysis"},
}
HEAVY = {"torch", "numpy", "sklearn", "scipy", "matplotlib", "tensorboard", "tokenizers", "safetensors", "skops", "faker", "babel",
         "pyarrow", "openpyxl"}
WITHOUT_TORCH = {"configs": set(), "datasets": set(), "tasks": {"losses.py", "cross_entropy.py"}}
"""Folders that load without torch, except the files that only networks need."""
DOCS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))
COMMANDS = ("check-gradients|compare|config|count-params|data|eval|explain-step|export|learning-curve|plot|predict|reproduce|rules|runs|"
            "sweep|tensorboard|tokenizer|train")
QUOTED = {"download.py": {"named.name"}, "read.py": {"named.name"}, "folder.py": {"name_or_path"}, "finished_run.py": {"name"},
          "data.py": {"name"}, "next_steps.py": {"name", "others"}, "eval.py": {"options"}, "row_scores_file.py": {"option"},
          "config.py": {"predict_arguments(sample)"}}
"""Parts of commands that are quoted already, or are names of datasets, weights and recipes that come with the tool."""
LIGHT = ["nlp.datasets.build", "nlp.tasks.build", "nlp.models.build", "nlp.models.rules", "nlp.configs.load"]
"""What a rules run is made of."""


def sources(folder: str) -> list[Path]:
    files = sorted((ROOT / folder).glob("**/*.py"))
    assert files, folder
    return files


def imports(path: Path, anywhere: bool = True) -> Iterator[str]:
    """What a file imports, as `folder.module` for the package's own and by the first name for others."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if anywhere else at_start(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [node.module] if node.module else [name.name for name in node.names]
            folders = path.relative_to(ROOT).parts[:-1]
            above = folders[: len(folders) - node.level + 1] if node.level else ()
            yield from (".".join([*(["nlp"] if node.level else []), *above, name]) for name in names)


def at_start(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, except those that only a type-checker reads."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            waiting += [*node.body, *node.orelse]
        elif isinstance(node, ast.Try | ast.With | ast.ClassDef):
            waiting += node.body


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_arrows(folder: str) -> None:
    for path in sources(folder):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "nlp" and len(parts) > 1 and parts[1] not in ("errors", "storage", "terminal", "__version__"):
                assert parts[1] in MAY_IMPORT[folder] | {folder}, f"{path.relative_to(ROOT)} imports {name}"


def test_the_package_imports_itself_relatively() -> None:
    for folder in MAY_IMPORT:
        for path in sources(folder):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            absolute = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0]
            absolute += [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
            assert not [name for name in absolute if name.split(".")[0] == "nlp"], path


def test_the_table_of_arrows_has_every_folder() -> None:
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(MAY_IMPORT)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(["nlp", *(parts[:-1] if path.stem == "__init__" else parts)])


def test_imports_form_no_circle() -> None:
    """Imports that run when a module is loaded; `graphlib` raises CycleError with the circle."""
    modules = {module_of(path): path for folder in MAY_IMPORT for path in sources(folder)}
    graph = {name: {found for found in imports(path, anywhere=False) if found in modules} for name, path in modules.items()}
    assert graph["nlp.training.loop.gradient"] >= {"nlp.tasks.losses"}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "benchmarks/README.md", *DOCS])
def test_files_that_the_docs_name_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = {(ROOT / page).parent / found for found in re.findall(r"\]\(([^)#:]+)\)", text)}
    named = {ROOT / found for found in re.findall(rf"`((?:{'|'.join([*MAY_IMPORT, 'tests', 'scripts', 'docs'])})/[\w/]*(?:\.\w+)?)`", text)}
    assert not [path for path in linked | named if not path.exists()]


def test_the_map_for_contributors_has_every_folder() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = {path.parent for folder in MAY_IMPORT for path in sources(folder) if path.stem != "__init__"}
    missing = [path for path in folders if f"`{path.relative_to(ROOT).as_posix()}/" not in text]
    assert not missing


def test_no_folder_or_file_is_a_drawer() -> None:
    for folder in (*MAY_IMPORT, "tests", "benchmarks", "docs"):
        names = {path.stem.lower() for path in (ROOT / folder).glob("**/*") if "__pycache__" not in path.parts}
        assert not names & {"utils", "util", "helpers", "helper", "common", "core", "misc"}, folder


def test_only_the_package_is_at_the_root() -> None:
    root = {path.name for path in ROOT.glob("*.py")}
    assert root == {"__init__.py", "api.py", "errors.py", "storage.py", "terminal.py"}, "a conftest.py here would land in the wheel"
    assert not (ROOT / "tests" / "__init__.py").exists()


def commands_with_parts(path: Path) -> Iterator[tuple[str, str]]:
    """The commands of the tool in f-strings, up to a part that is filled in, and the expression of this part."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        written = ""
        for part in node.values if isinstance(node, ast.JoinedStr) else ():
            if isinstance(part, ast.Constant):
                written += str(part.value)
            elif isinstance(part, ast.FormattedValue):
                if (command := re.search(rf"\bnlp (?:{COMMANDS})\b[^`.;:\n]*$", written)) is not None:
                    yield command[0], ast.unparse(part.value)
                written += "X"


def test_what_is_filled_into_a_command_to_paste_is_quoted_for_the_shell() -> None:
    paths = [ROOT / "api.py", *(path for folder in MAY_IMPORT for path in sources(folder))]
    parts = [(path.name, command, part) for path in paths for command, part in commands_with_parts(path)]
    assert len(parts) > 20
    wrong = [f"{file}: {command}{{{part}}}" for file, command, part in parts
             if part not in QUOTED.get(file, ()) and not part.startswith(("argument(", "shlex.", "' '.join(map(argument"))]
    assert not wrong


@pytest.mark.parametrize("folder", WITHOUT_TORCH)
def test_folders_without_torch(folder: str) -> None:
    for path in sources(folder):
        loaded = {name.split(".")[0] for name in imports(path, anywhere=False)}
        assert "torch" not in loaded or path.name in WITHOUT_TORCH[folder], path


def test_the_command_loads_nothing_heavy_before_a_verb_needs_it() -> None:
    for path in sources("cli"):
        outside = {name.split(".")[0] for name in imports(path, anywhere=False) if not name.startswith("nlp.")}
        assert not outside & (HEAVY | {"pydantic", "yaml", "rich"}), path


def test_the_package_is_imported_in_a_moment(tmp_path: Path) -> None:
    """`import nlp` is part of every command, and of notebooks that may never train a network."""
    script = "import sys; before = set(sys.modules); import nlp; print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    (tmp_path / "nlp").symlink_to(ROOT)
    done = subprocess.run([sys.executable, "-S", "-c", script], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True)
    loaded = set(done.stdout.split())
    assert "nlp" in loaded
    assert loaded <= {"nlp", *sys.stdlib_module_names}
    assert not loaded & {"dataclasses", "inspect", "logging", "subprocess", "multiprocessing", "asyncio"}


def loaded_by(*arguments: str, cwd: Path) -> set[str]:
    """The modules in memory after a command has run in a fresh process."""
    script = ("import sys; sys.argv = ['nlp', *sys.argv[1:]]; from nlp.cli.main import run\n"
              "assert run(sys.argv[1:]) == 0; print('\\n' + ' '.join(sys.modules))")
    done = subprocess.run([sys.executable, "-c", script, *arguments], cwd=cwd, capture_output=True, encoding="utf-8", check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("train", "--help"), ("config", "--help"), ("config", "list"), ("config", "validate", "names/lstm"),
     ("config", "show", "names/lstm"), ("config", "schema"), ("runs",)],
    ids=" ".join,
)
def test_what_stays_unloaded(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    loaded = loaded_by(*arguments, cwd=tmp_path)
    assert "nlp.cli.main" in loaded
    assert not loaded & (HEAVY - {"numpy"} if arguments == ("config", "list") else HEAVY)  # which looks where the data is
    if "--help" in arguments:
        assert not loaded & {"yaml", "rich"}
    if arguments == ("--help",):  # typer itself loads pydantic where a verb is called
        assert "pydantic" not in loaded


def test_what_a_rules_run_leaves_unloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy is needed, but of TensorBoard only its protocol buffers, and safetensors only where predictions are saved."""
    monkeypatch.setenv("NLP_RUNS", str(tmp_path))
    slow = HEAVY - {"numpy", "tensorboard", "safetensors"}
    slow |= {"numpy.ma", "sacrebleu", "asyncio", "fsspec", "tensorboard.summary", "tensorboard.util"}
    assert not loaded_by("train", "--config", "names/rules", cwd=tmp_path) & slow
    asked = loaded_by("predict", "names/rules", "Kowalski", cwd=tmp_path)
    assert not asked & (slow | {"safetensors", "tensorboard", "google.protobuf", "PIL", "rich"})
    assert not loaded_by("eval", "names/rules", cwd=tmp_path) & (slow - {"numpy.ma"} | {"tensorboard", "google.protobuf", "PIL"})


@pytest.mark.parametrize("module", LIGHT)
def test_what_a_rules_run_needs_loads_no_torch(module: str) -> None:
    script = f"import sys, {module}; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_list_of_packages_is_the_list_of_folders() -> None:
    found = {path.parent.relative_to(ROOT).parts for folder in MAY_IMPORT for path in (ROOT / folder).glob("**/__init__.py")}
    folders = {".".join(["nlp", *parts]) for parts in found}
    assert set(project()["tool"]["setuptools"]["packages"]) == {"nlp"} | folders


def test_the_wheel_holds_the_package_and_its_recipes(tmp_path: Path) -> None:
    """Built from a copy, since setuptools writes beside the sources."""
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    copy = tmp_path / "source"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "*.egg-info", "runs", "build", "dist", "__pycache__"))
    script = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=copy, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("nlp_generations-*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    sources_ = {path for folder in MAY_IMPORT for path in (ROOT / folder).glob("**/*.py")} | set(ROOT.glob("*.py"))
    recipes = set((ROOT / "configs").glob("*/*.yaml")) | set((ROOT / "datasets" / "named" / "files").iterdir())
    assert held == {f"nlp/{path.relative_to(ROOT).as_posix()}" for path in sources_ | recipes}
    assert {"nlp/configs/names/lstm.yaml", "nlp/datasets/named/files/names.tsv"} <= held
