"""Regression: numbers of one text or of two, their metrics, and the losses and towers that learn them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command import nlp, nlp_process, signalled_at, weights
from nlp.analysis.comparison.methods import MeasuredRows
from nlp.cli.prediction_files import find_texts
from nlp.configs.load import load_recipe
from nlp.configs.schema.data import FileData, SizesData
from nlp.configs.schema.models.networks import CnnConfig, MlpConfig, RecurrentConfig
from nlp.configs.schema.models.towers import TowersConfig
from nlp.configs.schema.models.transformers import TransformerConfig
from nlp.configs.schema.tasks.regression import RegressionConfig
from nlp.datasets.build import build_data, read_file_as_split
from nlp.datasets.encoded.split import Encoding, Standard, Target
from nlp.datasets.encoded.texts.numbered_texts import parsed
from nlp.errors import ConfigError, DataError
from nlp.models.build import build_model
from nlp.models.head import Head
from nlp.models.networks.two_towers import TwoTowers
from nlp.tasks.build import build_task, preparation
from nlp.tasks.losses import SquaredError
from nlp.tasks.regression import NumberPredictions, Regression
from nlp.tasks.scoring.correlation import pearson, ranks, spearman
from nlp.tasks.scoring.row_scores import MetricRows
from nlp.tasks.task import PredictOptions
from nlp.training.folder.run_directory import find_run
from nlp.training.open_run import OpenedRun, open_run

WORDS = ("dog", "cat", "bird", "runs", "sleeps", "sings", "big", "small")
NUMBER, SIZES = Head("number", 1), SizesData(type="sizes", vocab_size=40)
SYMMETRIC = TowersConfig(combine="symmetric", hidden_sizes=[5])
TOWERS = {
    "mlp": MlpConfig(type="mlp", d_embedding=8, hidden_sizes=[6], towers=SYMMETRIC),
    "cnn": CnnConfig(type="cnn", d_embedding=8, n_filters=6, hidden_sizes=[7], towers=SYMMETRIC),
    "gru": RecurrentConfig(type="gru", d_embedding=8, hidden_size=6, pooling="max", towers=SYMMETRIC),
    "bilstm": RecurrentConfig(type="lstm", d_embedding=8, hidden_size=6, bidirectional=True, towers=SYMMETRIC),
    "transformer": TransformerConfig(type="transformer", d_model=8, n_layers=1, n_heads=2, d_ff=16, towers=SYMMETRIC),
}
TRAINING = """
training: {epochs: 3, batch_size: 4, log_every: 2, clip_norm: 1.0, checkpoints: {every_steps: 3, keep: 2}, optimizer: {type: adamw,
  learning_rate: 0.01}, best_metric: rmse}
"""
MODELS = {
    "mlp": "tokenizer: {type: words, min_frequency: 1}\nmodel: {type: mlp, d_embedding: 8, dropout: 0.2, towers: {hidden_sizes: [4]}}"
           + TRAINING,
    "cosine": "tokenizer: {type: ngrams, characters: [1, 2]}\nmodel: {type: mlp, hidden_sizes: [8], towers: {combine: cosine}}" + TRAINING,
    "apart": "tokenizer: {type: words, min_frequency: 1}\nmodel: {type: gru, d_embedding: 8, hidden_size: 8, towers: {shared: false}}"
             + TRAINING,
    "cross": "tokenizer: {type: words, min_frequency: 1}\nmodel: {type: transformer, d_model: 8, n_layers: 1, n_heads: 2, d_ff: 16, "
             "n_segments: 2, dropout: 0.1}" + TRAINING,
    "joined": "tokenizer: {type: words, min_frequency: 1}\nmodel: {type: cnn, d_embedding: 8, n_filters: 4}" + TRAINING,
    "ridge": "tokenizer: {type: similarities, latent: 4}\nmodel: {type: ridge}",
    "boosting": "tokenizer: {type: similarities, latent: 4}\nmodel: {type: gradient_boosting, n_rounds: 5}",
}


def rows(seed: int = 0, n_rows: int = 40) -> list[tuple[str, str, str]]:
    """Two texts and how many of their words are equal, of five; one text of the first row is empty."""
    generator = np.random.default_rng(seed)
    drawn = [("", "dog runs", "0")]
    for _ in range(n_rows - 1):
        one, other = generator.choice(WORDS, 5).tolist(), generator.choice(WORDS, 5).tolist()
        drawn.append((" ".join(one), " ".join(other), f"{sum(a == b for a, b in zip(one, other, strict=True)) + 0.5}"))
    return drawn


def write(folder: Path, name: str, table: list[tuple[str, ...]], header: tuple[str, ...] = ("one", "two", "score")) -> Path:
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *table])
    return folder / name


def recipe_file(folder: Path, model: str, task: str = "{type: regression, text: one, other: two, target: score}") -> Path:
    for name, seed in (("train", 0), ("validation", 1), ("test", 2)):
        write(folder, f"{name}.csv", rows(seed))
    path = folder / f"{model if model in MODELS else 'recipe'}.yaml"
    path.write_text("data: {type: files, train: train.csv, validation: validation.csv, test: test.csv}\n"
                    f"task: {task}\n{MODELS.get(model, model)}\n", encoding="utf-8")
    return path


def trained(folder: Path, model: str, name: str = "a") -> OpenedRun:
    nlp("train", "--config", recipe_file(folder, model).name, "--name", name, cwd=folder)
    return open_run(find_run(str(folder / "runs" / model / name)), "cpu")


def regression(mean: float = 2.0, scale: float = 0.5) -> Regression:
    config = RegressionConfig(type="regression")
    task = build_task(config, Encoding(SIZES, standard=Standard(mean, scale)))
    assert isinstance(task, Regression)
    return task


def predictions(predicted: np.ndarray, gold: np.ndarray) -> NumberPredictions:
    return NumberPredictions(np.arange(len(gold)), predicted, gold)


# Metrics


@pytest.mark.parametrize("decimals", [0, 1, 6], ids=["many ties", "some", "none"])
def test_correlations_are_scipys_with_ties_too(decimals):
    from scipy import stats
    from sklearn import metrics

    generator = np.random.default_rng(decimals)
    gold = np.round(generator.normal(3, 2, 200), decimals)
    predicted = np.round(gold + generator.normal(0, 2, 200), decimals)
    assert pearson(predicted, gold) == pytest.approx(stats.pearsonr(predicted, gold)[0], abs=1e-12)
    assert spearman(predicted, gold) == pytest.approx(stats.spearmanr(predicted, gold)[0], abs=1e-12)
    np.testing.assert_array_equal(ranks(gold), stats.rankdata(gold))
    figures = regression().metrics(predictions(predicted, gold))
    assert figures["rmse"] == pytest.approx(metrics.root_mean_squared_error(gold, predicted))
    assert figures["mae"] == pytest.approx(metrics.mean_absolute_error(gold, predicted))
    assert figures["loss"] == pytest.approx(figures["rmse"] ** 2 / 0.25)


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0, 2.0]])
def test_what_does_not_vary_correlates_with_nothing(values):
    numbers = np.array(values)
    assert pearson(numbers, numbers) == spearman(numbers, numbers) == 0.0
    assert pearson(np.full(3, 0.1), np.full(3, 0.2)) == 0.0, "the means of both are rounded"


def test_metrics_by_rows_are_the_metrics():
    generator = np.random.default_rng(0)
    gold = np.round(generator.normal(1000, 2, 90), 1)
    found = predictions(gold + generator.normal(0, 1, 90), gold)
    task = regression(1000.0, 2.0)
    columns, figures = task.metric_columns(found), task.metrics(found)
    assert set(columns) == set(figures) == set(task.config.metrics)
    for name, (kind, each) in columns.items():
        metric = MetricRows(kind, each, name in task.lower_is_better)
        assert metric.value() == pytest.approx(figures[name], abs=1e-9), name
        assert MeasuredRows.of(metric).influences().mean() == pytest.approx(figures[name], abs=1e-9), name
    kind, each = columns["pearson"]
    resampled = generator.integers(90, size=(5, 90))
    of_sums = [MetricRows(kind, each).take(drawn).value() for drawn in resampled]
    assert of_sums == pytest.approx([pearson(found.predicted[drawn], gold[drawn]) for drawn in resampled])


def test_the_baseline_is_the_mean_of_training():
    found = predictions(np.zeros(3), np.array([2.0, 4.0, 0.0]))
    assert regression().baselines(found) == {"the mean of training": pytest.approx((8 / 3) ** 0.5)}


# Targets


@pytest.mark.parametrize("written", ["", "three", "nan", "inf", "-Infinity", "1e400", "1,5", "1_000", "1e101", "0x10"])
def test_a_target_that_is_no_number_is_refused_with_its_line_and_column(tmp_path, written):
    assert parsed(written) is None
    path = write(tmp_path, "train.csv", [("a", "b", "1"), ("c", "d", written), ("e", "f", written)])
    data = FileData(type="files", train=str(path), validation=str(path))
    with pytest.raises(DataError, match=r"train\.csv:3 has .* in column `score`, which is not a number to learn, and 1 more rows"):
        build_data(data, None, preparation(RegressionConfig(type="regression", text="one", other="two", target="score")))


def test_the_options_for_both_texts_are_named_if_a_column_is_missing(tmp_path):
    path = str(write(tmp_path, "train.csv", rows(0)))
    prepared = preparation(RegressionConfig(type="regression", text="one", other="twin", target="score"))
    with pytest.raises(DataError, match=r"no column `twin`.*Name the columns with --text, --other and --label\."):
        read_file_as_split(FileData(type="files", train=path), prepared, Encoding(SIZES), path)
    with pytest.raises(DataError, match=r"no column `twin`.*Name the columns of the two texts with --text and --other\."):
        find_texts(FileData(type="files", train=path), prepared, None, path, (None, None))


def test_numbers_as_people_write_them():
    assert [parsed(written) for written in ("3", " 2.5 ", "-1e-3", "+.5", "1e100")] == [3.0, 2.5, -0.001, 0.5, 1e100]


def test_targets_that_are_all_equal_teach_nothing(tmp_path):
    path = write(tmp_path, "train.csv", [("a", "b", "1.5")] * 9)
    with pytest.raises(DataError, match=r"have the same number, 1\.5 in column `score`"):
        build_data(FileData(type="files", train=str(path)), None,
                   preparation(RegressionConfig(type="regression", text="one", target="score")))


def test_targets_are_standardised_by_the_training_split_and_predictions_put_back(tmp_path):
    recipe = load_recipe(str(recipe_file(tmp_path, "mlp")))
    data = build_data(recipe.data, recipe.tokenizer, preparation(recipe.task))
    numbers = np.array([float(score) for _, _, score in rows(0)])
    assert data.encoding.standard == Standard(pytest.approx(numbers.mean()), pytest.approx(numbers.std()))
    batch = data.splits["train"].batch(np.arange(40), recipe.model.inputs)
    assert batch.targets["numbers"].values.mean() == pytest.approx(0, abs=1e-6)
    assert batch.targets["numbers"].values.std() == pytest.approx(1, abs=1e-6)

    class Right:
        def scores(self, **_):
            return batch.targets["numbers"].values[:, None]

    found = build_task(recipe.task, data.encoding).predict(Right(), batch)
    np.testing.assert_allclose(found.predicted, numbers, atol=1e-6)


# Networks


def pair_inputs(config, seed: int = 0, n_texts: int = 6) -> dict[str, torch.Tensor]:
    """Two texts of each row, each of another length."""
    torch.manual_seed(seed)
    inputs = {}
    for prefix in ("", "other_"):
        lengths = torch.randint(1, 9, (n_texts,))
        if "bag" in config.inputs:
            starts = torch.cumsum(lengths, 0) - lengths
            inputs |= {f"{prefix}tokens": torch.randint(7, 40, (int(lengths.sum()),)), f"{prefix}starts": starts, f"{prefix}weights": None}
            continue
        tokens = torch.randint(7, 40, (n_texts, int(lengths.max())))
        tokens[torch.arange(tokens.shape[1]) >= lengths[:, None]] = 0
        inputs |= {f"{prefix}tokens": tokens, f"{prefix}lengths": lengths}
    return inputs


def towers(config, **changes) -> TwoTowers:
    torch.manual_seed(1)
    settings = config.towers.model_copy(update=changes)
    model = build_model(config.model_copy(update={"towers": settings}), SIZES, NUMBER)
    assert isinstance(model, TwoTowers)
    return model.eval()


def swapped(inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    own = {f"other_{name}": value for name, value in inputs.items() if not name.startswith("other_")}
    return own | {name.removeprefix("other_"): value for name, value in inputs.items() if name.startswith("other_")}


@pytest.mark.parametrize("family", TOWERS)
def test_the_order_of_the_texts_does_not_matter_to_shared_towers(family):
    inputs = pair_inputs(TOWERS[family])
    for combine in ("symmetric", "cosine"):
        model = towers(TOWERS[family], combine=combine, hidden_sizes=[])
        torch.testing.assert_close(model(**swapped(inputs)), model(**inputs))
    for other in ({"combine": "concatenation"}, {"shared": False}):
        model = towers(TOWERS[family], **other)
        assert not torch.allclose(model(**swapped(inputs)), model(**inputs))


@pytest.mark.parametrize("family", TOWERS)
def test_a_tower_reads_a_text_alone(family):
    inputs = pair_inputs(TOWERS[family])
    model = towers(TOWERS[family])
    own = {name: value for name, value in inputs.items() if not name.startswith("other_")}
    vectors = model.encode(**own)
    assert vectors.shape == (6, model.first.d_vector)
    torch.testing.assert_close(vectors, model.encode(second=True, **own))
    torch.testing.assert_close(model.output(vectors, model.encode(**{name: inputs[f"other_{name}"] for name in own})), model(**inputs))


@pytest.mark.parametrize("family", [name for name in TOWERS if name != "mlp"])
def test_padding_changes_nothing(family):
    model = towers(TOWERS[family])
    inputs = pair_inputs(TOWERS[family])
    longer = {name: torch.nn.functional.pad(value, (0, 5)) if value.ndim == 2 else value for name, value in inputs.items()}
    torch.testing.assert_close(model(**longer), model(**inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", TOWERS)
@pytest.mark.slow
def test_towers_can_learn_a_batch_by_heart(family):
    model, inputs = towers(TOWERS[family], combine="concatenation", hidden_sizes=[16]).train(), pair_inputs(TOWERS[family])
    numbers = torch.randn(6)
    loss, optimizer = SquaredError("numbers"), torch.optim.Adam(model.parameters(), 0.01)
    targets = {"numbers": Target(numbers, torch.ones(6, dtype=torch.bool))}
    for step in range(800):
        optimizer.zero_grad()
        top, bottom = loss.sums(model, inputs, targets, loss.count(targets), step)["loss"]
        (top / bottom).backward()
        optimizer.step()
    assert float((top / bottom).detach()) < 0.05


def test_the_loss_is_torchs_own():
    torch.manual_seed(1)
    numbers, scores = torch.randn(7), torch.randn(7, 1)
    known = torch.tensor([True] * 5 + [False] * 2)
    targets = {"numbers": Target(torch.where(known, numbers, torch.nan), known)}
    loss = SquaredError("numbers")
    top, bottom = loss.sums(lambda: scores, {}, targets, loss.count(targets), step=1)["loss"]
    torch.testing.assert_close(top / bottom, torch.nn.functional.mse_loss(scores[:5, 0], numbers[:5]))


# Runs


@pytest.mark.parametrize("model", MODELS)
def test_a_saved_run_predicts_the_same_in_batches_of_any_size(tmp_path, model):
    run = trained(tmp_path, model)
    split = run.task.preparation.unlabelled([f"{one}\t{two}" for one, two, _ in rows(2)], run.encoding)

    def predicted(places):
        return run.task.predict(run.model, split.batch(places, run.model.config.inputs)).predicted

    together = predicted(np.arange(40))
    assert together == pytest.approx([predicted(np.array([row]))[0] for row in range(40)], abs=1e-5)
    lines = run.directory.predictions("test").read_text(encoding="utf-8").splitlines()
    assert together == pytest.approx([json.loads(line)["prediction"] for line in lines], abs=1e-5)
    asked = ["\t", "dog\t", "\tdog", "bird\tbird"]
    answers = run.task.answers(run.model, run.encoding, [asked], PredictOptions())
    assert np.isfinite([answer.to_json()["prediction"] for answer in answers]).all(), "one text or both may be empty"


@pytest.mark.parametrize("model", ["mlp", "cross"])
def test_a_run_resumed_in_mid_epoch_equals_one_that_was_not_stopped(tmp_path, model):
    trained(tmp_path, model, "whole")
    with signalled_at(3):
        nlp("train", "--config", f"{model}.yaml", "--name", "stopped", cwd=tmp_path, code=130)
    nlp("train", "--resume", f"runs/{model}/stopped", cwd=tmp_path)
    assert weights(tmp_path / "runs" / model / "stopped") == weights(tmp_path / "runs" / model / "whole")


@pytest.mark.slow
def test_the_command_from_end_to_end(tmp_path):
    for model in ("mlp", "ridge", "boosting"):
        nlp_process("train", "--config", recipe_file(tmp_path, model).name, cwd=tmp_path)
    assert json.loads(nlp_process("eval", "mlp", "--json", cwd=tmp_path).stdout)["baselines"].keys() == {"the mean of training"}
    assert "because of" in nlp_process("predict", "ridge", "dog runs", "dog sings", cwd=tmp_path).stdout
    assert "3 texts are given" in nlp_process("predict", "ridge", "dog", "runs", "cat", cwd=tmp_path, code=2).stderr
    refused = nlp_process("predict", "ridge", "dog runs", "dog sings", "--explain", "auto", cwd=tmp_path, code=2)
    assert "this run predicts neither" in refused.stderr
    assert "is one text, but each row has two" in nlp_process("predict", "ridge", cwd=tmp_path, text="dog\n", code=2).stderr
    assert len(nlp_process("predict", "ridge", cwd=tmp_path, text="dog\tcat\ncat\tdog\n").stdout.splitlines()) == 4
    nlp_process("predict", "mlp", "--input", "test.csv", "--output", "out.csv", cwd=tmp_path)
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        assert len([float(row["prediction"]) for row in csv.DictReader(file)]) == 40
    assert "pearson" in nlp_process("compare", "mlp", "ridge", "boosting", cwd=tmp_path).stdout
    assert "rmse" in nlp_process("compare", "mlp", "ridge", "--metric", "rmse", cwd=tmp_path).stdout
    write(tmp_path, "test.csv", [("a", "b", "many")])
    wrong = nlp_process("eval", "mlp", "--data", "test.csv", cwd=tmp_path, code=2).stderr
    assert "test.csv:2 has 'many' in column `score`, which is not a number to learn" in wrong


# Recipes


@pytest.mark.parametrize(("task", "model", "message"), [
    ("{type: regression, text: one, target: score}", MODELS["mlp"], "are for two texts"),
    ("{type: regression, text: one, target: score}", MODELS["ridge"], "`similarities` are for two texts"),
    ("{type: regression, text: one, other: two, target: score}", "tokenizer: {type: ngrams, words: [1, 1]}\nmodel: {type: ridge}",
     "reads one bag of tokens"),
    ("{type: classification, text: one, other: two, label: score}", MODELS["cosine"], "`cosine` gives a single number"),
    ("{type: regression, text: one, other: two, target: score}", "model: {type: naive_bayes}\ntokenizer: {type: ngrams, words: [1, 1]}",
     "does not support"),
    ("{type: regression, text: one, other: two, target: score}", MODELS["mlp"].replace("rmse", "accuracy"),
     "is not a metric of regression"),
])
def test_sections_that_do_not_fit(tmp_path, task, model, message):
    path = recipe_file(tmp_path, model, task)
    with pytest.raises(ConfigError, match=message):
        load_recipe(str(path))
