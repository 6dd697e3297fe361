"""The commands of README and docs, run as they are printed, one after another, with runs that all pages share."""

import csv
import json
import os
import re
import subprocess
from pathlib import Path

import nlp
import pytest
from command import NLP

ROOT = Path(nlp.__file__).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LEFT_OUT = {
    r"trec/|sst2/|brown|20newsgroups|tinyshakespeare/|ud_english_ewt/|multi30k/|nsmc|korsts":
        "needs a dataset that has to be downloaded",
    r"'(names|trec)/\*'|--share |--seeds (3|16|3,8,12)\b": "trains for many minutes",
    r"--label-price": "trains dozens of runs",
    r"dates/additive|names/autoencoder|names/gan|names/masked-lm|names/pretrained|names/generation|nlp sweep": "trains for minutes",
    r"data get (all-minilm|smollm|wordllama)": "downloads large files",
    r"digits/.* --splits": "trains for minutes",
    r"iris": "needs a file of the reader's own",
    r"benchmarks/": "measures for minutes or hours",
    r"pip |torchrun": "changes the installation, or needs it elsewhere",
    r"--install-completion": "changes the settings of the shell",
    r"--show-completion": "has to know the shell, which a test has none of",
    r"nlp tensorboard": "serves until it is stopped",
}
"""Patterns of commands that are not run, each with its reason."""
MEASURED = ("rules", "naive-bayes", "linear-svm")
"""Recipes on `names` whose results are the same on every machine and take seconds."""


def blocks(page: Path) -> list[str]:
    """The blocks of shell commands, but for the scripts of a scheduler."""
    found = re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [block for block in found if not block.startswith("#!")]


def commands(page: Path) -> list[str]:
    lines = [line.strip() for block in blocks(page) for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def reason(command: str) -> str | None:
    return next((why for pattern, why in LEFT_OUT.items() if re.search(pattern, command)), None)


def write_files(folder: Path) -> None:
    """What the pages expect of the reader: a file to train on, a file to predict, and the answers of another system."""
    test = nlp.read("names")["test"]
    comments = [("comment", "stars"), *((row["name"], row["language"]) for row in test)]
    answers = [("text", "gold", "prediction"), *((row["name"], row["language"], "Polish") for row in test)]
    for name, rows in {"reviews": comments, "new": comments[:300], "other": answers}.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)


def done(command: str, folder: Path, runs: Path) -> str:
    """What is wrong with a command; empty where it ends well."""
    path = os.pathsep.join([str(NLP.parent), os.environ["PATH"]])
    variables = {**os.environ, "NLP_RUNS": str(runs), "NLP_DATA": str(runs.parent / "none"), "PATH": path}
    ended = subprocess.run(["bash", "-c", command], cwd=folder, env=variables, capture_output=True, encoding="utf-8", timeout=1_200,
                           stdin=subprocess.DEVNULL, check=False)
    return f"{command}\nexit code {ended.returncode}\n{ended.stdout[-500:]}\n{ended.stderr[-500:]}" if ended.returncode else ""


def test_each_reason_to_leave_commands_out_has_one():
    printed = [command for page in PAGES for command in commands(page)]
    assert not [pattern for pattern in LEFT_OUT if not any(re.search(pattern, command) for command in printed)]
    assert sum(reason(command) is None for command in printed) > 30


@pytest.mark.slow
@pytest.mark.timeout(5_400)
def test_the_commands_work_as_printed(tmp_path):
    runs = tmp_path / "runs"
    failed = [done(f"nlp train names/{recipe} --name measured", tmp_path, runs) for recipe in MEASURED]
    for page in PAGES:
        folder = tmp_path / f"{page.parent.name}-{page.stem}"
        folder.mkdir()
        if page != PAGES[0]:  # whose commands make the file that they need
            write_files(folder)
        failed += [done(command, folder, runs) for command in commands(page) if reason(command) is None]
    assert not list(filter(None, failed)), "\n\n".join(filter(None, failed))
    results = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for recipe in MEASURED:
        printed = re.search(rf"^\| `{recipe}` \| ([\d.]+) \|", results, re.MULTILINE)
        got = json.loads((runs / "names" / recipe / "measured" / "results.json").read_text(encoding="utf-8"))["test"]["accuracy"]
        assert printed is not None and printed[1] == f"{100 * got:.1f}"
