"""A run folder that came from somebody else: nothing is written through its links, and files that share content keep theirs."""

import os
import shutil
from pathlib import Path

import pytest
from command import nlp, results, write_names, write_recipe

MODEL = "naive_bayes"
FOLDERS = ["train", "validation", "predictions", "tokenizer", "checkpoints", "checkpoints/step-1"]
FILES = [".lock", "metrics.jsonl", "data.json", "failure.json", "original.yaml", "tokenizer/about.json", "predictions/test.jsonl",
         "predictions/test.safetensors", "checkpoints/best", "checkpoints/.step-1.tmp-1-host", "notes/anything"]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("links")
    write_names(folder)
    write_recipe(folder, MODEL)
    nlp("train", "--config", f"{MODEL}.yaml", "--name", "first", cwd=folder)
    return folder


@pytest.fixture
def run(work, tmp_path):
    """A run that is to be resumed, in a folder of its own."""
    copy = Path(shutil.copytree(work / "runs" / MODEL / "first", tmp_path / "first"))
    (copy / "results.json").unlink()
    return copy


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def link_outside(path: Path, outside: Path, dangling: bool = False) -> None:
    """Move what is at `path` elsewhere, or make it up, and put a link in its place."""
    target = outside / path.name
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        path.rename(target)
    elif path.name in FOLDERS:
        target.mkdir()
    else:
        target.write_text("of somebody else\n" * 100, encoding="utf-8")
    if dangling:
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    path.symlink_to(target, target_is_directory=target.is_dir())


@pytest.mark.parametrize(("place", "dangling"), [*((place, False) for place in [*FOLDERS, *FILES]),
                                                *((place, True) for place in (".lock", "metrics.jsonl", "train", "checkpoints"))])
def test_a_run_with_a_link_in_it_is_not_trained(run, work, tmp_path, place, dangling):
    outside = tmp_path / "outside"
    outside.mkdir()
    link_outside(run / place, outside, dangling)
    before, inside = contents(outside), contents(run)
    printed = nlp("train", "--resume", run, cwd=work, code=2).stderr
    assert f"{run / place} is a link to {outside}" in printed and "Remove the link" in printed and "\n" not in printed.strip()
    assert contents(outside) == before and contents(run) == inside


@pytest.mark.parametrize("place", ["predictions", "predictions/test.jsonl", "predictions/test.safetensors"])
@pytest.mark.parametrize("dangling", [False, True], ids=["", "dangling"])
def test_predictions_are_not_written_through_a_link(run, work, tmp_path, place, dangling):
    outside = tmp_path / "outside"
    outside.mkdir()
    link_outside(run / place, outside, dangling)
    before = contents(outside)
    assert f"{run / place} is a link" in nlp("eval", run, cwd=work, code=2).stderr
    assert contents(outside) == before


def test_a_run_may_itself_be_reached_by_links(work, tmp_path, monkeypatch):
    runs, elsewhere = tmp_path / "elsewhere", tmp_path / "runs"
    shutil.copytree(work / "runs", runs)
    (runs / MODEL / "first" / "results.json").unlink()
    elsewhere.symlink_to(runs)
    (tmp_path / "linked").symlink_to(runs / MODEL / "first")
    monkeypatch.setenv("NLP_RUNS", str(elsewhere))
    nlp("train", "--resume", tmp_path / "linked", cwd=work)
    assert results(runs / MODEL / "first") | {"cost": 0} == results(work / "runs" / MODEL / "first") | {"cost": 0}
    nlp("eval", f"{MODEL}/first", cwd=work)
    nlp("train", "--config", f"{MODEL}.yaml", "--name", "second", cwd=work)
    assert results(runs / MODEL / "second")


def test_a_copy_that_shares_its_files_with_the_original_leaves_it_as_it_was(run, work, tmp_path):
    """As `cp -al` and backups make them: each file is the original's own, under another name (a hard link)."""
    (run / ".lock").write_text("process 1 on elsewhere\n", encoding="utf-8")
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"step": 1, "cut": "short')
    copy = tmp_path / "copy"
    shutil.copytree(run, copy, copy_function=os.link)
    before = contents(run)
    nlp("train", "--resume", copy, cwd=work)
    nlp("eval", copy, cwd=work)
    assert contents(run) == before
    assert results(copy)


def test_an_entry_of_the_cache_that_is_a_link_is_made_again(work, tmp_path, monkeypatch):
    cache, outside = tmp_path / "cache", tmp_path / "outside"
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "reached"))
    (tmp_path / "reached").symlink_to(cache)
    cache.mkdir()
    train = ("train", "--config", f"{MODEL}.yaml", "--name", "linked")
    nlp(*train, cwd=work)
    made = sorted(cache.iterdir())
    assert len(made) == 4  # the tokenizer and three splits
    shutil.copytree(cache, outside)
    for entry in made:
        shutil.rmtree(entry)
        entry.symlink_to(outside / entry.name)
        Path(f"{entry}.lock").symlink_to(outside / "nowhere")
        (outside / entry.name / "manifest.json").write_text("{}", encoding="utf-8")
    before = contents(outside)
    assert "cache" not in nlp(*train, cwd=work).stderr
    assert contents(outside) == before
    assert sorted(cache.iterdir()) == made and not any(entry.is_symlink() for entry in made)
