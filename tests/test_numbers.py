"""Rows of numbers to a class: scaling, classical models over vectors, folds, errors, and the command from end to end."""

import json
from pathlib import Path

import numpy as np
import pytest
from command import Done, nlp, nlp_process, results
from nlp.configs.load import load_recipe
from nlp.configs.schema.data import FileData, NamedData, SizesData
from nlp.configs.schema.model import ModelConfig
from nlp.configs.schema.tasks.classification import ClassificationConfig
from nlp.datasets.build import build_data
from nlp.datasets.encoded.numbers.labelled_numbers import LabelledNumbers
from nlp.datasets.encoded.numbers.scaling import Scaling
from nlp.datasets.read import read_dataset
from nlp.errors import ConfigError, DataError, RunError
from nlp.models.build import build_model
from nlp.models.head import Head
from pydantic import TypeAdapter
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

RECIPE = """
data: {type: files, train: rows.csv, folds: 3}
task: {type: classification, numbers: %s, label: kind}
model: {type: %s, input: vector}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, [f"{1 + row % 7 / 100:g},{row % 2 * 10 + row % 5},{'ab'[row % 2]}" for row in range(60)])
    (tmp_path / "rows.yaml").write_text(RECIPE % ("all", "logistic_regression"))
    return tmp_path


def write(folder: Path, lines: list[str], header: str = "width,length,kind") -> None:
    (folder / "rows.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def task(**settings) -> ClassificationConfig:
    return ClassificationConfig(type="classification", label="kind", **{"numbers": "all", **settings})


def data_of(folder: Path, wanted: ClassificationConfig):
    data = FileData(type="files", train=str(folder / "rows.csv"), validation=str(folder / "rows.csv"))
    return build_data(data, None, LabelledNumbers(wanted))


def test_numbers_are_scaled_as_by_scikit_learn():
    numbers = np.random.default_rng(0).normal(3, 50, (40, 4))
    numbers[::7, 1], numbers[:, 2] = np.nan, 0.1
    expected = StandardScaler().fit(numbers).transform(numbers)
    scaled = Scaling.of(["a", "b", "c", "d"], numbers).apply(numbers)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, np.nan_to_num(expected), atol=1e-6)


def test_the_scaling_is_learned_from_the_training_split_alone(folder):
    write(folder, ["1,5,a", "3,7,b"])
    (folder / "other.csv").write_text("width,length,kind\n100,6,a\n1e29,6,a\n")
    data = FileData(type="files", train=str(folder / "rows.csv"), validation=str(folder / "other.csv"))
    built = build_data(data, None, LabelledNumbers(task()))
    assert built.encoding.scaling == Scaling(columns=["width", "length"], means=[2, 6], spreads=[1, 1])
    vectors = built.splits["validation"].batch(np.arange(2), frozenset({"vector"})).inputs["vectors"]
    np.testing.assert_array_equal(vectors, [[98, 0], [1e6, 0]])


def test_a_missing_number_can_be_the_mean(folder):
    write(folder, ["1,NaN,a", "3,7,b", ",9,b"])
    with pytest.raises(DataError, match=r"1 of 3 rows have no number in column `width`: .*rows.csv:4\. .*missing_numbers: mean"):
        data_of(folder, task())
    built = data_of(folder, task(missing_numbers="mean"))
    vectors = built.splits["train"].batch(np.arange(3), frozenset({"vector"})).inputs["vectors"]
    np.testing.assert_array_equal(vectors, [[-1, 0], [1, -1], [0, 1]])
    assert built.splits["train"].example(2)["text"] == ",9"


@pytest.mark.parametrize(("cell", "said"), [
    ("x7", "rows.csv:3: column `length` has 'x7', which is not a number"), ("inf", "has 'inf', which is infinite or too large"),
    ("-1e31", "infinite or too large"), ("1_000", "not a number"), ("NaN", "1 of 2 rows have no number in column `length`"),
    ('"3,14"', "decimals are written with a point"), ("nan()", "not a number")])
def test_what_is_no_number_is_reported_with_file_row_and_column(folder, cell, said):
    write(folder, ["1,2,a", f"3,{cell},b"])
    with pytest.raises(DataError) as caught:
        data_of(folder, task())
    assert said in str(caught.value) and "rows.csv:3" in str(caught.value)


def test_columns_have_to_be_there(folder):
    with pytest.raises(DataError, match="no column `sort`"):
        data_of(folder, ClassificationConfig(type="classification", numbers="all", label="sort"))
    with pytest.raises(DataError, match="no column `height`"):
        data_of(folder, task(numbers=["height"]))
    write(folder, ["a", "b"], header="kind")
    with pytest.raises(DataError, match="only the column of the class"):
        data_of(folder, task())
    write(folder, [",1,a", ",2,b"])
    with pytest.raises(DataError, match="column `width` has no number"):
        data_of(folder, task(missing_numbers="mean"))


@pytest.mark.parametrize(("settings", "reference"), [
    ({"type": "logistic_regression", "C": 0.5}, LogisticRegression(C=0.5, solver="newton-cg")),
    ({"type": "kernel_svm", "C": 2.0}, SVC(C=2.0)),
    ({"type": "knn", "n_neighbors": 3, "metric": "euclidean"}, KNeighborsClassifier(3)),
    ({"type": "decision_tree"}, DecisionTreeClassifier(random_state=1)),
    ({"type": "naive_bayes", "variant": "gaussian"}, GaussianNB()),
], ids=lambda each: each["type"] if isinstance(each, dict) else "")
def test_classical_models_read_vectors_as_scikit_learn_does(settings, reference, tmp_path):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 90)
    vectors = (random.normal(0, 1, (90, 5)) + labels[:, None]).astype(np.float32)
    config = TypeAdapter(ModelConfig).validate_python({**settings, "input": "vector"})
    model, loaded = (build_model(config, SizesData(type="sizes", n_features=5), Head("classes", 3)) for _ in range(2))
    model.fit(vectors=vectors, targets={"labels": (labels, labels >= 0)}, seed=1)
    reference.fit(vectors.astype(np.float64), labels)
    scores = model.scores(vectors=vectors)
    expected = reference.predict_proba(vectors) if hasattr(reference, "predict_proba") else reference.decision_function(vectors)
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-3)
    model.save(tmp_path)
    loaded.load(tmp_path)
    np.testing.assert_array_equal(loaded.scores(vectors=vectors), scores)
    np.testing.assert_allclose(np.concatenate([model.scores(vectors=row[None]) for row in vectors]), scores, atol=1e-9)
    with pytest.raises(RunError, match="5"):
        model.scores(vectors=vectors[:, :4])


def test_a_perceptron_learns_from_vectors_in_the_order_of_its_seed():
    random = np.random.default_rng(0)
    vectors = random.normal(0, 1, (60, 4)).astype(np.float32)
    labels = (vectors[:, 0] > vectors[:, 1]).astype(np.int64)
    config = TypeAdapter(ModelConfig).validate_python({"type": "perceptron", "input": "vector", "n_iterations": 5})
    model = build_model(config, SizesData(type="sizes", n_features=4), Head("classes", 2))
    model.fit(vectors=vectors, targets={"labels": (labels, labels >= 0)}, seed=1)
    assert (model.scores(vectors=vectors).argmax(axis=1) == labels).mean() > 0.95
    assert isinstance(model._fitted(), SGDClassifier)


def test_every_example_is_in_one_test_fold():
    seen: list[str] = []
    for fold in range(5):
        splits = read_dataset(NamedData(type="named", name="digits", folds=5, split_seed=fold)).splits
        assert {name: len(table) for name, table in splits.items()}["test"] in (359, 360)
        assert sum(map(len, splits.values())) == 1_797
        seen += splits["test"].columns["picture"]
    everything = read_dataset(NamedData(type="named", name="digits")).splits
    assert sorted(seen) == sorted(text for table in everything.values() for text in table.columns["picture"])
    other = read_dataset(NamedData(type="named", name="digits", folds=5, split_seed=5)).splits["test"].columns["picture"]
    assert other != seen[: len(other)]


def test_folds_are_for_data_without_splits(folder):
    with pytest.raises(DataError, match="data without splits"):
        read_dataset(NamedData(type="named", name="names", folds=5))
    write(folder, ["1,2,a", "3,4,b"])
    with pytest.raises(DataError, match=r"too few for data\.folds: 3"):
        read_dataset(FileData(type="files", train=str(folder / "rows.csv"), folds=3))


@pytest.mark.parametrize(("settings", "said"), [
    ({"model": "{type: knn}"}, "set `input: vector`"),
    ({"model": "{type: rules, default: a, rules: [{label: a, keywords: [x]}]}"}, "use mlp or a classical model"),
    ({"model": "{type: naive_bayes, input: vector}"}, "use `gaussian`"), ({"model": "{type: picture_cnn}"}, "set task.picture"),
    ({"tokenizer": "{type: words}", "model": "{type: knn, input: vector}"}, "leave this section out"),
    ({"task.picture": "width", "model": "{type: knn, input: vector}"}, "leave one of them out"),
    ({"task.numbers": "[kind]", "model": "{type: knn, input: vector}"}, "names a column twice"),
    ({"data.test": "rows.csv", "model": "{type: knn, input: vector}"}, "folds takes the test"),
    ({"task.numbers": "null", "model": "{type: knn, input: vector}"}, "`vector` needs numbers"),
])
def test_recipes_that_do_not_fit_together(folder, settings, said):
    with pytest.raises(ConfigError) as caught:
        load_recipe(str(folder / "rows.yaml"), [f"{key}={value}" for key, value in settings.items()])
    assert said in str(caught.value)


def paragraph(done: Done) -> str:
    printed = done.stderr.rpartition("Error: ")[2].strip()
    assert printed and "\n" not in printed and "Traceback" not in done.stderr
    return printed


def test_from_a_table_to_predictions(folder):
    nlp("train", "--config", "rows.yaml", "--name", "one", cwd=folder)
    assert results(folder / "runs" / "rows" / "one")["test"]["accuracy"] == 1
    said = nlp("predict", "rows", "1.02,11", "1.02,3", "--json", cwd=folder).stdout.splitlines()
    assert [json.loads(line)["prediction"] for line in said] == ["b", "a"]
    assert "because of 'length' +" in nlp("predict", "rows", "1.02,11", cwd=folder).stdout
    (folder / "new.csv").write_text("length,width\n12,1.03\n2,1.03\n")
    done = nlp("predict", "rows", "--input", "new.csv", "--output", "out.csv", cwd=folder)
    assert "numbers from columns `width`, `length`" in done.stderr
    assert [line.split(",")[2] for line in (folder / "out.csv").read_text().splitlines()] == ["prediction", "b", "a"]
    (folder / "new.json").write_text('[{"width": 1.03, "length": 12}]')
    assert nlp("predict", "rows", "--input", "new.json", cwd=folder).stdout.startswith("b ")
    assert "1.0000" in nlp("eval", "rows", "--data", "rows.csv", cwd=folder).stdout
    assert "Features: 2" in nlp("count-params", "rows.yaml", cwd=folder).stdout
    shown = nlp("data", "show", "rows.yaml", "-n", "1", cwd=folder).stdout
    assert "columns: width, length, kind" in shown
    assert "test: 0 of 20 texts" in nlp("data", "check", "rows.yaml", cwd=folder).stdout


@pytest.mark.parametrize(("arguments", "said"), [
    (["1.02"], "has 1 number, but the run reads 2: width, length"), (["1.02,x"], "'x', which is not a number"),
    (["1.02,"], "has no number for `length`"), (["--input", "rows.csv", "--text", "width"], "--text names one column"),
    (["1.02,3", "--explain", "leave_one_out"], "It can be explained by auto, weights")])
def test_rows_that_cannot_be_predicted(folder, arguments, said):
    nlp("train", "--config", "rows.yaml", "--name", "one", cwd=folder)
    assert said in paragraph(nlp("predict", "rows", *arguments, cwd=folder, code=2))


def test_columns_of_numbers_keep_their_names(folder):
    nlp("train", "--config", "rows.yaml", "--name", "one", cwd=folder)
    (folder / "wide.csv").write_text("wide,length,kind\n1,2,a\n", encoding="utf-8")
    for command, option in (("predict", "--input"), ("eval", "--data")):
        done = paragraph(nlp(command, "rows", option, "wide.csv", cwd=folder, code=2))
        assert "no column `width`" in done and "must have the same names as in training" in done and "--text" not in done


def test_a_network_resumes_and_answers_alike_in_any_batch(folder):
    (folder / "net.yaml").write_text((RECIPE % ("[length, width]", "mlp")) + "training: {epochs: 4, batch_size: 8, optimizer: {type: adam, "
                                     "learning_rate: 0.01}}\n")
    nlp("train", "--config", "net.yaml", "--name", "one", "--set", "model.hidden_sizes=[8]", cwd=folder)
    rows = [f"{row % 13},{1 + row / 100}" for row in range(64)]
    together = [json.loads(line) for line in nlp("predict", "net", *rows, "--json", cwd=folder).stdout.splitlines()]
    alone = [json.loads(nlp("predict", "net", row, "--json", cwd=folder).stdout) for row in rows[:3]]
    for one, other in zip(alone, together, strict=False):
        assert one["prediction"] == other["prediction"] and one["probability"] == pytest.approx(other["probability"], abs=1e-5)
    assert "finished" in nlp("train", "--resume", "net/one", cwd=folder).stderr


@pytest.mark.slow
def test_folds_from_the_command_line(folder):
    done = nlp_process("train", "--config", "rows.yaml", "--splits", "3", cwd=folder)
    assert done.stdout.count("split") >= 2
