"""Ranking: runs of every kind of model from the command line, from Python, and what is refused."""

import csv
import json
from pathlib import Path

import nlp as package
import numpy as np
import pytest
from command import nlp, nlp_process, results, signalled_at, weights
from nlp.configs.load import load_recipe
from nlp.errors import ConfigError
from nlp.tasks.task import PredictOptions
from nlp.training.folder.run_directory import find_run
from nlp.training.open_run import OpenedRun, open_run

WORDS = {"dog": "hund", "cat": "katze", "bird": "vogel", "runs": "rennt", "sleeps": "schläft", "sings": "singt", "big": "groß",
         "small": "klein"}
TRAINING = """
training: {epochs: 6, batch_size: 8, log_every: 2, clip_norm: 1.0, checkpoints: {every_steps: 3, keep: 2}, optimizer: {type: adamw,
  learning_rate: 0.02}}
"""
NGRAMS, SPLIT = "tokenizer: {type: ngrams, characters: [1, 3], across_words: false}\n", "tokenizer: {type: words, min_frequency: 1}\n"
COSINE = "towers: {shared: false, combine: cosine}"
MODELS = {
    "mlp": f"{NGRAMS}model: {{type: mlp, hidden_sizes: [16], activation: tanh, dropout: 0.1, {COSINE}}}{TRAINING}",
    "cnn": f"{SPLIT}model: {{type: cnn, d_embedding: 8, n_filters: 8, filter_widths: [1, 2], {COSINE}}}{TRAINING}",
    "lstm": f"{SPLIT}model: {{type: lstm, d_embedding: 8, hidden_size: 8, towers: {{combine: dot}}}}{TRAINING}",
    "transformer": f"{SPLIT}model: {{type: transformer, d_model: 8, n_layers: 1, n_heads: 2, d_ff: 16, {COSINE}}}{TRAINING}",
    "tfidf": f"{NGRAMS}model: {{type: tfidf_cosine}}",
    "bm25": "tokenizer: {type: ngrams, words: [1, 1], weighting: counts}\nmodel: {type: bm25}",
}
PARALLEL = "{type: ranking, text: en, other: de}"
JUDGED = "{type: ranking, text: query, other: answer, relevance: relevance, query_id: id, loss: {type: margin}}"


def pairs(seed: int, n_rows: int = 40) -> list[tuple[str, str]]:
    generator = np.random.default_rng(seed)
    drawn = [generator.choice(list(WORDS), 3).tolist() for _ in range(n_rows)]
    return [(" ".join(words), " ".join(WORDS[word] for word in words)) for words in drawn]


def judgements(seed: int) -> list[tuple[str, str, str, str]]:
    """Twelve queries with five candidates each: of more equal words, the more relevant."""
    generator, rows = np.random.default_rng(seed), []
    for number in range(12):
        query = generator.choice(list(WORDS), 3, replace=False).tolist()
        for right in (2, 1, 0, 0, 0):
            others = [word for word in WORDS if word not in query]
            answer = [*query[:right], *generator.choice(others, 3 - right, replace=False)]
            rows.append((str(number), " ".join(query), " ".join(WORDS[word] for word in answer), str(right)))
    return rows


def write(folder: Path, name: str, rows: list, header: tuple[str, ...]) -> None:
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def recipe_file(folder: Path, model: str, task: str = PARALLEL, name: str | None = None) -> Path:
    for file, seed in (("train", 0), ("validation", 1), ("test", 2)):
        write(folder, f"{file}.csv", pairs(seed), ("en", "de"))
        write(folder, f"{file}-judged.csv", judgements(seed), ("id", "query", "answer", "relevance"))
    ending = "-judged.csv" if "relevance" in task else ".csv"
    path = folder / f"{name or model}.yaml"
    path.write_text(f"data: {{type: files, train: train{ending}, validation: validation{ending}, test: test{ending}}}\n"
                    f"task: {task}\n{MODELS.get(model, model)}\n", encoding="utf-8")
    return path


def trained(folder: Path, model: str, name: str = "a", task: str = PARALLEL) -> OpenedRun:
    nlp("train", "--config", recipe_file(folder, model, task).name, "--name", name, cwd=folder)
    return open_run(find_run(str(folder / "runs" / model / name)), "cpu")


@pytest.mark.parametrize(("model", "task"), [*((model, PARALLEL) for model in MODELS), ("mlp", JUDGED), ("lstm", JUDGED),
                                             ("bm25", JUDGED)], ids=lambda value: "judged" if value == JUDGED else value[:12])
def test_a_saved_run_ranks_the_same_in_batches_of_any_size(tmp_path, model, task):
    run = trained(tmp_path, model, task=task)
    texts, candidates = [text for text, _ in pairs(2)[:20]], [text for _, text in pairs(2)]

    def answered(size: int) -> list[dict]:
        chunks = [texts[start : start + size] for start in range(0, 20, size)]
        return [answer.to_json() for answer in run.task.answers(run.model, run.encoding, chunks, PredictOptions(candidates=candidates))]

    together = answered(64)
    for one, other in zip(together, answered(1), strict=True):
        assert [each["score"] for each in one["candidates"]] == pytest.approx([each["score"] for each in other["candidates"]], abs=1e-4)
    lines = [json.loads(line) for line in run.directory.predictions("test").read_text(encoding="utf-8").splitlines()]
    if task == PARALLEL:
        by_text = {line["text"]: line for line in lines}
        assert [answer["score"] for answer in together] == pytest.approx([by_text[text]["score"] for text in texts], abs=1e-4)
    again = json.loads(nlp("eval", model, "--json", cwd=tmp_path).stdout)["metrics"]
    assert {name: figure["value"] for name, figure in again.items()} == pytest.approx(results(run.directory.path)["test"])


def test_towers_learn_what_no_letters_tell(tmp_path):
    assert results(trained(tmp_path, "mlp").directory.path)["test"]["mrr"] > 0.8


@pytest.mark.parametrize("task", [PARALLEL, JUDGED], ids=["parallel", "judged"])
def test_a_run_resumed_in_mid_epoch_equals_one_that_was_not_stopped(tmp_path, task):
    trained(tmp_path, "mlp", "whole", task)
    with signalled_at(3):
        nlp("train", "--config", "mlp.yaml", "--name", "stopped", cwd=tmp_path, code=130)
    nlp("train", "--resume", "runs/mlp/stopped", cwd=tmp_path)
    assert weights(tmp_path / "runs" / "mlp" / "stopped") == weights(tmp_path / "runs" / "mlp" / "whole")


def test_the_commands_from_end_to_end(tmp_path):
    for model in ("mlp", "tfidf", "bm25"):
        nlp("train", "--config", recipe_file(tmp_path, model).name, "--name", "a", cwd=tmp_path)
    assert json.loads(nlp("eval", "mlp", "--json", cwd=tmp_path).stdout)["baselines"].keys() == {"a random order"}
    compared = json.loads(nlp("compare", "mlp/a", "tfidf", "bm25", "--json", cwd=tmp_path).stdout)
    assert "mrr" in json.dumps(compared)
    for metric in ("map", "ndcg@10", "recall@1"):
        assert metric in nlp("compare", "mlp/a", "tfidf", "--metric", metric, cwd=tmp_path).stdout
    (tmp_path / "answers.txt").write_text("hund rennt\nkatze schläft\nvogel singt\nhund rennt\n", encoding="utf-8")
    lines = nlp("predict", "mlp/a", "dog runs", "bird sings", "--candidates", "answers.txt", "--top", "2", cwd=tmp_path).stdout.splitlines()
    assert [line.strip().partition("  ")[2] for line in (lines[1], lines[4])] == ["hund rennt", "vogel singt"]
    assert [lines[0], lines[3], len(lines)] == ["dog runs", "bird sings", 6]
    found = json.loads(nlp("predict", "mlp/a", "dog runs", "--candidates", "test.csv", "--json", cwd=tmp_path).stdout)
    assert len(found["candidates"]) == 5
    assert found["prediction"] == found["candidates"][0]["text"]
    nlp("predict", "mlp/a", "--input", "test.csv", "--output", "out.csv", "--candidates", "answers.txt", cwd=tmp_path)
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        assert {row["prediction"] for row in csv.DictReader(file)} <= {"hund rennt", "katze schläft", "vogel singt"}


@pytest.mark.slow
def test_the_other_commands_know_rankings(tmp_path):
    for model in ("mlp", "tfidf", "bm25"):
        recipe_file(tmp_path, model)
    nlp("train", "--config", "mlp.yaml", "--seeds", "2", cwd=tmp_path)
    nlp("data", "check", "mlp.yaml", cwd=tmp_path)
    nlp("train", "--config", "mlp.yaml", "--dry-run", cwd=tmp_path)
    assert "parameters" in nlp("count-params", "mlp.yaml", cwd=tmp_path).stdout
    assert json.loads(nlp("count-params", "bm25.yaml", "--format", "json", cwd=tmp_path).stdout)["total_parameters"] == 8 + 8 + 1
    nlp("learning-curve", "tfidf.yaml", "bm25.yaml", "--seeds", "1", cwd=tmp_path)


def test_candidates_from_python(tmp_path, monkeypatch):
    trained(tmp_path, "mlp")
    monkeypatch.chdir(tmp_path)
    (found,) = package.load("mlp/a").predict(["dog runs"], candidates=["vogel singt", "hund rennt", "vogel singt"], top=3)
    assert [each["text"] for each in found["candidates"]] == ["hund rennt", "vogel singt"]
    assert (found["prediction"], found["score"]) == ("hund rennt", found["candidates"][0]["score"])
    with pytest.raises(ConfigError, match="orders candidates by how well they answer"):
        package.load("mlp/a").predict(["dog runs"])


@pytest.mark.parametrize(("arguments", "message"), [
    (["mlp", "dog"], "orders candidates by how well they answer a text, and none are given"),
    (["mlp", "dog", "--candidates", "none.txt"], "'none.txt' cannot be read"),
    (["mlp", "dog", "--candidates", "nothing.txt"], "and their list is empty"),
    (["mlp", "dog", "--candidates", "gap.txt"], "Candidate 2 of 3 is empty"),
    (["mlp", "dog", "--candidates", "train-judged.csv"], "The candidates are read from column `de`, as in training"),
    (["mlp", "dog", "--candidates", "answers.txt", "--explain", "auto"], "mlp/a cannot be explained"),
    (["other", "dog", "--candidates", "answers.txt"], "--candidates is for runs of task.type ranking, but this one has classification"),
    (["other", "dog", "--top", "3"], "--top is for runs that rank candidates"),
])
def test_candidates_that_cannot_be_ranked(tmp_path_factory, arguments, message):
    folder = tmp_path_factory.getbasetemp() / "refused"
    if not folder.exists():
        folder.mkdir()
        trained(folder, "mlp")
        recipe_file(folder, f"{NGRAMS}model: {{type: naive_bayes}}", "{type: classification, text: en, label: de}", "other")
        nlp("train", "--config", "other.yaml", cwd=folder)
        (folder / "answers.txt").write_text("hund\nkatze\n", encoding="utf-8")
        (folder / "gap.txt").write_text("hund\n\nkatze\n", encoding="utf-8")
        (folder / "nothing.txt").write_text("", encoding="utf-8")
    assert message in nlp("predict", *arguments, cwd=folder, code=2).stderr


@pytest.mark.slow
def test_processes_cannot_share_a_batch_whose_rows_are_compared(tmp_path):
    recipe_file(tmp_path, "mlp")
    refused = nlp_process("train", "--config", "mlp.yaml", "--processes", "2", cwd=tmp_path, code=2).stderr
    assert "compares all rows of a batch with each other" in refused
    assert not load_recipe(str(recipe_file(tmp_path, "mlp", JUDGED))).task.whole_batches
    for name, processes in (("one", "1"), ("two", "2")):
        nlp_process("train", "--config", "mlp.yaml", "--processes", processes, "--name", name, "--set", "model.dropout=0", cwd=tmp_path)
    assert results(tmp_path / "runs/mlp/one")["test"] == pytest.approx(results(tmp_path / "runs/mlp/two")["test"], abs=1e-4)


@pytest.mark.parametrize(("task", "model", "message"), [
    (PARALLEL, MODELS["mlp"].replace(", towers: {shared: false, combine: cosine}", ""), "mlp ranks by a vector of each text; add"),
    (PARALLEL, MODELS["mlp"].replace("cosine", "symmetric"), "use `cosine` or `dot`"),
    (PARALLEL, f"{SPLIT}model: {{type: tfidf_cosine}}", "tfidf_cosine compares n-grams; use `ngrams`"),
    (PARALLEL, MODELS["tfidf"].replace("tfidf_cosine", "bm25"), "bm25 needs `weighting: counts`"),
    (PARALLEL, MODELS["bm25"].replace("counts", "counts, sublinear: true"), "BM25 dampens counts by k1"),
    (PARALLEL, "tokenizer: {type: similarities}\nmodel: {type: tfidf_cosine}", "`similarities` compare two given texts"),
    (PARALLEL, f"{NGRAMS}model: {{type: naive_bayes}}", "does not support task.type ranking"),
    (PARALLEL, MODELS["tfidf"].replace("tfidf_cosine}", "tfidf_cosine}\ntraining: {epochs: 1, optimizer: {type: sgd, learning_rate: 1}}"),
     "is not trained in steps"),
    ("{type: ranking, text: en, other: de, query_id: id}", MODELS["mlp"], "query_id groups rows with a relevance"),
    ("{type: classification, text: en, label: de, other: de}", MODELS["lstm"], "`dot` gives a single number"),
    (PARALLEL, MODELS["mlp"].replace("0.02}", "0.02}, best_metric: accuracy"), "is not a metric of ranking"),
])
def test_sections_that_do_not_fit(tmp_path, task, model, message):
    path = recipe_file(tmp_path, model, task, "wrong")
    with pytest.raises(ConfigError, match=message):
        load_recipe(str(path))


def test_rows_of_one_query_are_never_parted_by_chance(tmp_path):
    path = recipe_file(tmp_path, "bm25", JUDGED)
    path.write_text(path.read_text(encoding="utf-8").replace("validation: validation-judged.csv, test: test-judged.csv", "folds: 3"),
                    encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_recipe(str(path))
    assert "would separate the rows of a query" in str(refused.value)
    assert "name a file of other queries" in str(refused.value)
