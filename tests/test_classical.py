"""Classical models: the same numbers as scikit-learn on dense arrays, every class its column, and files that run no code."""

import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import effective_n_jobs
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.models.classical import (
    DecisionTreeConfig,
    GradientBoostingConfig,
    KernelSvmConfig,
    KnnConfig,
    LinearSvmConfig,
    LogisticRegressionConfig,
    NaiveBayesConfig,
    PerceptronConfig,
    RandomForestConfig,
    SgdConfig,
)
from nlp.errors import ConfigError, RunError, TrainingError
from nlp.models.classical.classifier import Classical
from nlp.models.classical.rounds import fit_in_rounds
from nlp.models.classical.skops_file import write_estimator
from nlp.models.head import Head
from nlp.training.loop.learner import ScikitLearner
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_info

N_FEATURES, LABELS, SEED = 30, ("a", "b", "c"), 7


class InOrder(SGDClassifier):
    """Stochastic gradient descent over the texts in the order of each epoch."""

    def fit(self, dense, labels):
        for epoch in range(4):
            rows = np.random.default_rng((SEED, epoch)).permutation(len(labels))
            self.partial_fit(csr_matrix(dense[rows]), labels[rows], classes=np.unique(labels))  # of sparse rows the intercept learns slower
        return self


FAMILIES = {
    "multinomial": (NaiveBayesConfig(type="naive_bayes", alpha=0.5), MultinomialNB(alpha=0.5)),
    "complement": (NaiveBayesConfig(type="naive_bayes", variant="complement"), ComplementNB()),
    "bernoulli": (NaiveBayesConfig(type="naive_bayes", variant="bernoulli", fit_prior=False), BernoulliNB(fit_prior=False)),
    "logistic": (LogisticRegressionConfig(type="logistic_regression", C=2.0), LogisticRegression(C=2.0, max_iter=1000, solver="newton-cg")),
    "svm": (LinearSvmConfig(type="linear_svm", C=0.5), LinearSVC(C=0.5, dual="auto", random_state=SEED)),
    "hinge": (LinearSvmConfig(type="linear_svm", loss="hinge", max_iterations=100_000),
              LinearSVC(loss="hinge", dual="auto", max_iter=100_000, random_state=SEED)),
    "gaussian": (NaiveBayesConfig(type="naive_bayes", variant="gaussian", fit_prior=False), GaussianNB(priors=[1 / 3] * 3)),
    "rbf": (KernelSvmConfig(type="kernel_svm", C=2.0), SVC(C=2.0)),
    "polynomial": (KernelSvmConfig(type="kernel_svm", kernel="polynomial", degree=2, offset=1.0, gamma=0.5),
                   SVC(kernel="poly", degree=2, coef0=1.0, gamma=0.5)),
    "linear_kernel": (KernelSvmConfig(type="kernel_svm", kernel="linear"), SVC(kernel="linear")),
    "perceptron": (PerceptronConfig(type="perceptron", n_iterations=4, average=False),
                   InOrder(loss="perceptron", penalty=None, learning_rate="constant", eta0=1.0, random_state=SEED)),
    "sgd_log": (SgdConfig(type="sgd", n_iterations=4, alpha=0.01), InOrder(loss="log_loss", alpha=0.01, average=True, random_state=SEED)),
    "sgd_hinge": (SgdConfig(type="sgd", loss="hinge", n_iterations=4, alpha=0.01),
                  InOrder(loss="hinge", alpha=0.01, average=True, random_state=SEED)),
    "boosting": (GradientBoostingConfig(type="gradient_boosting", n_rounds=30, max_depth=2, min_samples_leaf=2),
                 GradientBoostingClassifier(n_estimators=30, max_depth=2, min_samples_leaf=2, random_state=SEED)),
    "tree": (DecisionTreeConfig(type="decision_tree", criterion="entropy", min_samples_leaf=2),
             DecisionTreeClassifier(criterion="entropy", min_samples_leaf=2, random_state=SEED)),
    "forest": (RandomForestConfig(type="random_forest", n_trees=9, max_depth=6),
               RandomForestClassifier(9, max_depth=6, random_state=SEED)),
    "knn_cosine": (KnnConfig(type="knn", n_neighbors=4, weights="distance"),
                   KNeighborsClassifier(4, weights="distance", metric="cosine", algorithm="brute")),
    "knn_euclidean": (KnnConfig(type="knn", n_neighbors=3, metric="euclidean"), KNeighborsClassifier(3, algorithm="brute")),
}


def flat(dense):
    """Rows of a dense array as flat tokens, starts and weights; every weight is given in two halves, so ids repeat."""
    tokens, starts, weights = [], [], []
    for row in dense:
        starts.append(len(tokens))
        ids = np.flatnonzero(row)
        tokens += [*ids, *ids[::-1]]
        weights += [*(row[ids] / 2), *(row[ids[::-1]] / 2)]
    return {"tokens": np.array(tokens, dtype=np.int32), "starts": np.array(starts, dtype=np.int32),
            "weights": np.array(weights, dtype=np.float32)}


def bags(tokens, starts):
    """Texts without weights."""
    return {"tokens": tokens, "starts": starts, "weights": None}


def examples(n=80, classes=3, seed=0):
    """Sparse texts whose class shows in the first features; weights are exact in float32, and no two distances are equal."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=n)
    dense = random.integers(1, 1000, (n, N_FEATURES)) * (random.random((n, N_FEATURES)) < 0.3) / 1024
    dense[np.arange(n), labels] += 1.0
    return dense.astype(np.float64), labels


def new(config, labels=LABELS):
    return Classical(config, SizesData(type="sizes", vocab_size=N_FEATURES), Head("classes", len(labels), labels=labels))


def all_known(labels):
    """Class ids as the targets of a batch in which each row has a label."""
    return {"labels": (labels, np.ones(len(labels), dtype=bool))}


def fitted(config, dense=None, labels=None):
    if dense is None:
        dense, labels = examples()
    model = new(config)
    model.fit(**flat(dense), targets=all_known(labels), seed=SEED)
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_scikit_learn_on_dense_arrays(family):
    config, reference = FAMILIES[family]
    dense, labels = examples()
    model = fitted(config)
    reference.fit(dense, labels)
    ours, unseen = model.scores(**flat(examples(seed=1)[0])), examples(seed=1)[0]
    theirs = reference.decision_function(unseen) if model.scores_are == "margins" else reference.predict_proba(unseen)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert model.notices == []
    if model.scores_are == "probabilities":
        np.testing.assert_allclose(ours.sum(axis=1), 1.0)


@pytest.mark.parametrize("family", FAMILIES)
def test_saved_and_loaded_scores_the_same_to_the_bit(family, tmp_path):
    model = fitted(FAMILIES[family][0])
    model.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.skops"]
    loaded = new(model.config)
    loaded.load(tmp_path)
    unseen = flat(examples(seed=1)[0])
    assert np.array_equal(model.scores(**unseen), loaded.scores(**unseen))
    assert loaded.describe() == model.describe()
    assert loaded.notices == []
    predicted = model.scores(**unseen).argmax(axis=1)
    assert model.why(**unseen, predicted=predicted) == loaded.why(**unseen, predicted=predicted)


def saved_bytes():
    """A new fit of each family as it is saved."""
    content = {}
    for family, (config, _) in FAMILIES.items():
        with tempfile.TemporaryDirectory() as folder:
            fitted(config).save(Path(folder))
            content[family] = (Path(folder) / "model.skops").read_bytes()
    return content


@pytest.mark.slow
def test_equal_fits_are_saved_as_equal_bytes(tmp_path):
    """In a process whose memory is laid out in another way, and in which what is allocated is not zero at first."""
    code = "import pickle, sys, test_classical; pickle.dump(test_classical.saved_bytes(), open(sys.argv[1], 'wb'))"
    variables = {"PYTHONHASHSEED": "5", "MALLOC_PERTURB_": "85", "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "other")], env={**os.environ, **variables}, check=True)
    other = pickle.loads((tmp_path / "other").read_bytes())
    assert saved_bytes() == other


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_skops_and_this_package_read_each_other_s_files(family, tmp_path):
    """Also those of versions before, which left the ids as skops writes them."""
    model = fitted(FAMILIES[family][0])
    model.save(tmp_path)
    own = [f"nlp.models.classical.estimators.{name}" for name in ("GaussianBayes", "BoostedTrees")]
    trusted = ["sklearn.tree._tree.Tree", "scipy.sparse._csr.csr_matrix", *own]
    skops.io.dump(skops.io.load(tmp_path / "model.skops", trusted=trusted), tmp_path / "model.skops")
    loaded = new(model.config)
    loaded.load(tmp_path)
    unseen = flat(examples(seed=1)[0])
    assert np.array_equal(model.scores(**unseen), loaded.scores(**unseen))


def test_numbers_that_happen_to_be_one_object_are_saved_as_if_they_were_two(tmp_path):
    """Which of the constants of a program are one object depends on whether it was compiled just now."""
    estimator, content = fitted(FAMILIES["svm"][0])._estimator, []
    for tolerance in (estimator.C, float(str(estimator.C))):
        estimator.tol = tolerance
        write_estimator(estimator, tmp_path)
        content.append((tmp_path / "model.skops").read_bytes())
    assert content[0] == content[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_do_not_depend_on_the_batch(family):
    model = fitted(FAMILIES[family][0])
    dense = examples(seed=1)[0]
    one_by_one = np.concatenate([model.scores(**flat(row[None])) for row in dense])
    np.testing.assert_allclose(model.scores(**flat(dense)), one_by_one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_class_without_training_texts_keeps_its_column(family):
    dense, labels = examples()
    model = fitted(FAMILIES[family][0], dense[labels != 1], labels[labels != 1])
    scores = model.scores(**flat(dense))
    assert scores.shape == (80, 3)
    assert np.isfinite(scores).all()
    assert not np.any(scores.argmax(axis=1) == 1)
    if model.scores_are == "probabilities":
        assert np.all(scores[:, 1] == 0)
    assert (scores.argmax(axis=1) == labels)[labels != 1].mean() > 0.7


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_without_tokens_and_empty_batches(family):
    model = fitted(FAMILIES[family][0])
    nothing = np.zeros(0, dtype=np.int32)
    assert model.scores(**bags(nothing, nothing)).shape == (0, 3)
    assert model.why(**bags(nothing, nothing), predicted=nothing) == []
    empty = model.scores(**bags(nothing, np.zeros(2, dtype=np.int32)))
    assert empty.shape == (2, 3)
    assert np.isfinite(empty).all()
    assert len(model.why(**bags(nothing, np.zeros(2, dtype=np.int32)), predicted=empty.argmax(axis=1))) == 2


@pytest.mark.parametrize("family", ["tree", "forest", "hinge"])
def test_the_seed_decides(family):
    random = np.random.default_rng(3)
    dense, labels = random.random((60, N_FEATURES)).round(1), random.integers(3, size=60)
    scores = []
    for seed in (1, 1, 2):
        model = new(FAMILIES[family][0])
        model.fit(**flat(dense), targets=all_known(labels), seed=seed)
        scores.append(model.scores(**flat(dense + 0.05)))
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


def test_a_binary_svm_has_two_columns():
    dense, labels = examples(classes=2)
    model = new(FAMILIES["svm"][0], ("no", "yes"))
    model.fit(**flat(dense), targets=all_known(labels), seed=SEED)
    scores = model.scores(**flat(dense))
    reference = LinearSVC(C=0.5, dual="auto", random_state=SEED).fit(dense, labels).decision_function(dense)
    np.testing.assert_allclose(scores[:, 1], reference, rtol=1e-5)
    assert np.array_equal(scores[:, 0], -scores[:, 1])


def test_without_weights_tokens_are_counted():
    tokens, starts = np.array([3, 3, 5, 0, 1], dtype=np.int32), np.array([0, 3], dtype=np.int32)
    model = new(FAMILIES["multinomial"][0])
    model.fit(**bags(tokens, starts), targets=all_known(np.array([0, 2])), seed=SEED)
    counted = np.zeros((2, N_FEATURES))
    counted[0, [3, 5]], counted[1, [0, 1]] = [2, 1], 1
    expected = MultinomialNB(alpha=0.5).fit(counted, [0, 2]).predict_proba(counted)
    np.testing.assert_allclose(model.scores(**bags(tokens, starts))[:, [0, 2]], expected)


def test_neighbours_are_limited_to_the_texts_that_there_are():
    dense, labels = examples(n=3)
    model = fitted(KnnConfig(type="knn", n_neighbors=5), dense, labels)
    assert model.scores(**flat(dense)).shape == (3, 3)
    assert "only 3 training texts" in model.notices[0]


@pytest.mark.parametrize(("family", "reference"), [
    ("logistic", LogisticRegression(C=2.0, max_iter=1000, solver="newton-cg")), ("forest", FAMILIES["forest"][1])])
def test_a_fit_in_rounds_says_how_far_it_is_and_is_the_same_as_one_at_once(family, reference):
    (dense, labels), said = examples(), []
    estimator = clone(reference)
    fit_in_rounds(estimator, csr_matrix(dense), labels, lambda *about: said.append(about))
    at_once = clone(reference).fit(csr_matrix(dense), labels)
    np.testing.assert_allclose(estimator.predict_proba(dense), at_once.predict_proba(dense), atol=1e-3)
    assert estimator.get_params() == at_once.get_params()
    counts = [done for _, done, _ in said]
    assert counts == sorted(set(counts)) and len(counts) > 2
    assert said[-1] == (("tree", 9, 9) if family == "forest" else ("iteration", estimator.n_iter_[0], None))


@pytest.mark.parametrize("family", ["multinomial", "bernoulli", "sgd_hinge"])
def test_blocks_of_texts_give_what_all_at_once_give(family, monkeypatch):
    """One block or many: counts are the same; a gradient descent takes the texts in another order, and ends near."""
    dense, labels = examples(n=400)
    scores, said = [], []
    for block in (1_000, 7):
        monkeypatch.setattr("nlp.models.classical.rounds.BLOCK", block)
        model = new(FAMILIES[family][0])
        model.fit(**flat(dense), targets=all_known(labels), seed=SEED, report=lambda *about: said.append(about))
        scores.append(model.scores(**flat(dense)))
    if family == "sgd_hinge":
        assert (scores[0].argmax(axis=1) == scores[1].argmax(axis=1)).mean() > 0.9
        assert said[:4] == [("epoch", done, 4) for done in (1, 2, 3, 4)]
    else:
        np.testing.assert_allclose(scores[0], scores[1], rtol=1e-9)


def test_boosting_says_how_far_it_is():
    (dense, labels), said = examples(), []
    model = new(FAMILIES["boosting"][0])
    model.fit(**flat(dense), targets=all_known(labels), seed=SEED, report=lambda *about: said.append(about))
    assert said[-1] == ("round", 30, 30) and len(said) == 20


@pytest.mark.parametrize("family", ["rbf", "gaussian", "boosting"])
def test_why_without_coefficients_is_what_the_score_loses_without_a_feature(family):
    dense, _ = examples()
    model = fitted(FAMILIES[family][0])
    predicted = model.scores(**flat(dense[:1])).argmax(axis=1)
    (feature, amount), *_ = model.why(**flat(dense[:1]), predicted=predicted)[0]
    without = dense[:1].copy()
    without[0, feature] = 0
    scores = np.array([model.scores(**flat(each))[0, predicted[0]] for each in (dense[:1], without)])
    assert amount == pytest.approx(-np.diff(scores if family == "rbf" else np.log(scores))[0], rel=1e-4) or family == "boosting"
    assert amount > 0


def test_gaussian_naive_bayes_is_for_few_features(monkeypatch):
    monkeypatch.setattr("nlp.models.classical.classifier.MOST_DENSE_BYTES", 80 * 30 * 8 - 1)
    with pytest.raises(ConfigError, match="needs a dense matrix of all texts: 80 texts with 30 features"):
        fitted(FAMILIES["gaussian"][0])


def test_a_solver_that_does_not_converge_reports_it_in_plain_words():
    model = fitted(LogisticRegressionConfig(type="logistic_regression", C=1000.0, max_iterations=2))
    assert len(model.notices) == 1
    assert "model.max_iterations = 2" in model.notices[0]


@pytest.mark.parametrize("family", ["logistic", "svm", "rbf", "perceptron", "sgd_log", "boosting"])
def test_one_class_is_not_enough_for_these(family):
    dense, _ = examples()
    with pytest.raises(TrainingError, match="class `b`"):
        fitted(FAMILIES[family][0], dense, np.ones(80, dtype=np.int64))


def test_token_ids_of_another_tokenizer_are_refused():
    model = fitted(FAMILIES["multinomial"][0])
    with pytest.raises(RunError, match="token id 30"):
        model.scores(**bags(np.array([N_FEATURES]), np.array([0])))


def test_it_needs_a_vocabulary_and_a_fit():
    with pytest.raises(ConfigError, match="vocab_size"):
        Classical(FAMILIES["svm"][0], SizesData(type="sizes"), Head("classes", 3))
    unfitted = new(FAMILIES["svm"][0])
    assert unfitted.describe() == {"features": 30, "classes": 3}
    with pytest.raises(RunError, match="not been fitted"):
        unfitted.scores(**bags(np.array([0]), np.array([0])))


# Why


def test_why_of_a_linear_model_is_weight_times_coefficient():
    dense, _ = examples()
    model = fitted(FAMILIES["logistic"][0])
    reference = LogisticRegression(C=2.0, max_iter=1000, solver="newton-cg").fit(*examples())
    for row, why in zip(dense[:5], model.why(**flat(dense[:5]), predicted=np.array([0, 1, 2, 0, 1])), strict=True):
        shares = row * reference.coef_[0]
        if why and why[0][0] == int(shares.argmax()):
            assert why[0][1] == pytest.approx(shares.max(), rel=1e-3)
    why = model.why(**flat(dense[:1]), predicted=np.array([0]))[0]
    shares = dense[0] * reference.coef_[0]
    best = [feature for feature in np.argsort(-shares)[:10] if shares[feature] > 0]
    assert [feature for feature, _ in why] == best
    np.testing.assert_allclose([share for _, share in why], shares[best], rtol=1e-3)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_fit_takes_as_many_threads_as_the_run_may(threads):
    taken = {}

    def fit(**_):
        taken["libraries"] = {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}
        taken["trees"] = effective_n_jobs(None)

    learner = ScikitLearner(SimpleNamespace(fit=fit), SEED, threads)
    learner.update([SimpleNamespace(inputs={}, targets={})], step=1, watched=False)
    assert taken == {"libraries": {threads}, "trees": threads}


@pytest.mark.parametrize("family", ["multinomial", "complement", "bernoulli", "logistic", "svm", "forest", "linear_kernel", "polynomial",
                                    "perceptron", "sgd_log", "sgd_hinge", "boosting"])
def test_why_finds_the_feature_that_makes_the_class(family):
    model = fitted(FAMILIES[family][0])
    text = np.zeros((1, N_FEATURES))
    text[0, [1, 20]] = 1.0
    why = model.why(**flat(text), predicted=model.scores(**flat(text)).argmax(axis=1))[0]
    assert model.why_names == "features"
    assert why[0][0] == 1
    assert [share for _, share in why] == sorted((share for _, share in why), reverse=True)


def test_why_of_a_binary_model_turns_with_the_class():
    dense, labels = examples(classes=2)
    model = new(FAMILIES["logistic"][0], ("no", "yes"))
    model.fit(**flat(dense), targets=all_known(labels), seed=SEED)
    text = np.zeros((1, N_FEATURES))
    text[0, [0, 1]] = 1.0
    assert [model.why(**flat(text), predicted=np.array([cls]))[0][0][0] for cls in (0, 1)] == [0, 1]


def test_why_of_a_tree_adds_up_to_its_probability():
    dense, labels = examples()
    model = fitted(FAMILIES["tree"][0])
    tree = DecisionTreeClassifier(criterion="entropy", min_samples_leaf=2, random_state=SEED).fit(dense, labels).tree_
    raised = sum(share for _, share in model.why(**flat(dense[:1]), predicted=labels[:1])[0])
    gained = model.scores(**flat(dense[:1]))[0, labels[0]] - tree.value[0, 0, labels[0]]
    assert raised >= gained - 1e-9


def test_why_of_neighbours_names_their_rows():
    dense, _ = examples()
    model = fitted(FAMILIES["knn_euclidean"][0])
    why = model.why(**flat(dense[[12, 40]]), predicted=np.array([0, 0]))
    assert model.why_names == "examples"
    assert [neighbours[0] for neighbours in why] == [(12, 0.0), (40, 0.0)]
    assert all(len(neighbours) == 3 for neighbours in why)


def test_sizes():
    dense, labels = examples()
    assert fitted(FAMILIES["svm"][0]).describe() == {"features": 30, "classes": 3, "coefficients": 93}
    assert fitted(FAMILIES["multinomial"][0]).describe()["coefficients"] == 93
    stored = fitted(FAMILIES["knn_cosine"][0]).describe()
    assert (stored["stored_examples"], stored["stored_weights"]) == (80, np.count_nonzero(dense))
    forest = fitted(FAMILIES["forest"][0]).describe()
    reference = RandomForestClassifier(9, max_depth=6, random_state=SEED).fit(dense, labels)
    assert (forest["trees"], forest["nodes"]) == (9, sum(tree.tree_.node_count for tree in reference))
    assert (forest["leaves"], forest["depth"] <= 6) == (sum(tree.get_n_leaves() for tree in reference), True)


# Files that are damaged, or worse


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def refused(config, folder, match):
    model = fitted(config)
    before = model.scores(**flat(examples()[0]))
    with pytest.raises(RunError, match=match) as caught:
        model.load(folder)
    assert "\n" not in str(caught.value)
    assert np.array_equal(before, model.scores(**flat(examples()[0])))


def rewritten(folder, change):
    """Change the description inside `model.skops` and put the file together again."""
    path = folder / "model.skops"
    with zipfile.ZipFile(path) as parts:
        content = {name: parts.read(name) for name in parts.namelist()}
    description = json.loads(content["schema.json"])
    change(description, content)
    content["schema.json"] = json.dumps(description).encode()
    with zipfile.ZipFile(path, "w") as parts:
        for name, part in content.items():
            parts.writestr(name, part)


def nodes(part, loader):
    if isinstance(part, dict):
        if part.get("__loader__") == loader:
            yield part
        for value in part.values():
            yield from nodes(value, loader)
    elif isinstance(part, list):
        for value in part:
            yield from nodes(value, loader)


def test_a_missing_file(tmp_path):
    refused(FAMILIES["svm"][0], tmp_path, "cannot be read")


@pytest.mark.parametrize("content", [b"", b"PK", b"not a model", bytes(1000)])
def test_a_file_that_is_something_else(content, tmp_path):
    (tmp_path / "model.skops").write_bytes(content)
    refused(FAMILIES["svm"][0], tmp_path, "damaged")


def test_a_pickle_is_not_opened(tmp_path):
    (tmp_path / "model.skops").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    refused(FAMILIES["svm"][0], tmp_path, "damaged")
    with zipfile.ZipFile(tmp_path / "model.skops", "w") as parts:
        parts.writestr("schema.json", pickle.dumps(Bomb(tmp_path / "ran")))
    refused(FAMILIES["svm"][0], tmp_path, "damaged")
    assert not (tmp_path / "ran").exists()
    pickle.loads(pickle.dumps(Bomb(tmp_path / "ran")))
    assert (tmp_path / "ran").exists(), "the bomb must work, or the test shows nothing"


def test_a_pickle_in_the_place_of_an_array_is_not_opened(tmp_path):
    model = fitted(FAMILIES["multinomial"][0])
    model.save(tmp_path)

    def change(description, content):
        buffer = io.BytesIO()
        np.save(buffer, np.array([Bomb(tmp_path / "ran")], dtype=object), allow_pickle=True)
        for name in content:
            if name.endswith(".npy"):
                content[name] = buffer.getvalue()

    rewritten(tmp_path, change)
    refused(model.config, tmp_path, "damaged")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind, loader, module, name", [
    ("function", "FunctionNode", "os", "system"),
    ("function", "FunctionNode", "numpy", "exp"),
    ("object", "ObjectNode", "subprocess", "Popen"),
    ("object", "ObjectNode", "sklearn.preprocessing._function_transformer", "FunctionTransformer"),
    ("constructor", "ConstructorFromReduceNode", "pathlib", "Path"),
    ("method", "MethodNode", "builtins", "dict"),
    ("operator", "OperatorFuncNode", "operator", "methodcaller"),
    ("partial", "PartialNode", "functools", "partial"),
    ("type", "TypeNode", "os", "_Environ"),
    ("dict of another kind", "DictNode", "collections", "OrderedDict"),
    ("unheard of", "Unheard", "builtins", "dict"),
    ("none", None, "builtins", "eval"),
])
def test_a_type_outside_the_list_is_refused(kind, loader, module, name, tmp_path):
    model = fitted(FAMILIES["svm"][0])
    model.save(tmp_path)

    def change(description, content):
        bad = {"__loader__": loader, "__module__": module, "__class__": name, "content": {}}
        if loader is None:
            del bad["__loader__"]
        next(nodes(description, "ObjectNode"))["content"]["content"]["extra"] = bad

    rewritten(tmp_path, change)
    refused(model.config, tmp_path, f"holds a {module}.{name} ")


def test_estimators_that_skops_trusts_by_itself_are_refused_too(tmp_path):
    dense, labels = examples()
    for trusted in (RidgeClassifier().fit(dense, labels), make_pipeline(FunctionTransformer(np.log1p), LinearSVC()).fit(dense, labels)):
        skops.io.dump(trusted, tmp_path / "model.skops")
        assert skops.io.get_untrusted_types(file=tmp_path / "model.skops") == []
        refused(FAMILIES["svm"][0], tmp_path, "not on the list")


def test_an_old_protocol_is_refused(tmp_path):
    fitted(FAMILIES["svm"][0]).save(tmp_path)
    rewritten(tmp_path, lambda description, content: description.update(protocol=0))
    refused(FAMILIES["svm"][0], tmp_path, "protocol 0")


def test_a_model_of_another_kind_or_size(tmp_path):
    fitted(FAMILIES["multinomial"][0]).save(tmp_path)
    refused(FAMILIES["svm"][0], tmp_path, "holds a MultinomialNB, and the recipe specifies a LinearSVC")
    other = Classical(FAMILIES["multinomial"][0], SizesData(type="sizes", vocab_size=31), Head("classes", 3))
    with pytest.raises(RunError, match="30 features, and the tokenizer has 31"):
        other.load(tmp_path)
    with pytest.raises(RunError, match="do not fit the 2 labels"):
        new(FAMILIES["multinomial"][0], ("a", "b")).load(tmp_path)


def _array(description, content, key):
    """The name of the array part behind an attribute."""
    for part in nodes(description, "DictNode"):
        if key in part["content"]:
            return part["content"][key]["file"]
    raise AssertionError(key)


def _change_array(key, change):
    def changed(description, content):
        name = _array(description, content, key)
        array = np.load(io.BytesIO(content[name]))
        array = change(array)
        buffer = io.BytesIO()
        np.save(buffer, array)
        content[name] = buffer.getvalue()

    return changed


def _set_nodes(column, node, value):
    def change(array):
        array[column][node] = value
        return array

    return _change_array("nodes", change)


def _first_tree(description):
    return next(nodes(description, "TreeNode"))


def _share_id(number, description):
    """A number that reads 1, with the id of an earlier one that does not: skops would build the earlier one twice."""
    description["content"]["content"]["splitter"].update(__id__=77, content="400000")
    number["__id__"] = 77


@pytest.mark.parametrize("change", [
    _set_nodes("left_child", 0, 1_000_000_000),
    _set_nodes("left_child", 0, 0),
    _set_nodes("right_child", 0, -5),
    _set_nodes("feature", 0, 99_999_999),
    _set_nodes("feature", 0, -3),
    lambda description, content: _first_tree(description)["content"]["content"]["max_depth"].update(content="1", __id__=1),
    lambda description, content: _first_tree(description)["content"]["content"]["node_count"].update(content="2", __id__=1),
    lambda description, content: _first_tree(description)["__reduce__"]["args"]["content"][2].update(content="400000", __id__=1),
    lambda description, content: _first_tree(description)["__reduce__"]["args"]["content"][2].update(content="400000"),
    lambda description, content: _share_id(_first_tree(description)["__reduce__"]["args"]["content"][2], description),
    lambda description, content: description["content"]["content"].update(tree_=description["content"]["content"]["splitter"]),
])
def test_a_tree_that_would_lead_outside_memory(change, tmp_path):
    model = fitted(FAMILIES["tree"][0])
    model.save(tmp_path)
    rewritten(tmp_path, change)
    refused(model.config, tmp_path, r"damaged|not opened")


@pytest.mark.parametrize("change", [
    lambda columns: columns + 1_000_000_000,
    lambda columns: columns - 40,
])
@pytest.mark.parametrize(("family", "which"), [("knn_cosine", 0), ("rbf", 0), ("rbf", 1), ("rbf", 2)])
def test_stored_examples_that_point_outside_memory(change, family, which, tmp_path):
    model = fitted(FAMILIES[family][0])
    model.save(tmp_path)

    def changed(description, content):
        name = list(nodes(description, "SparseMatrixNode"))[which]["file"]
        arrays = dict(np.load(io.BytesIO(content[name])))
        arrays["indices"] = change(arrays["indices"])
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        content[name] = buffer.getvalue()

    rewritten(tmp_path, changed)
    refused(model.config, tmp_path, "damaged")


@pytest.mark.parametrize("family, key, change", [
    ("rbf", "_n_support", lambda array: array * 1_000_000),
    ("rbf", "_n_support", lambda array: array[:-1]),
    ("rbf", "_intercept_", lambda array: array[:-1]),
    ("rbf", "support_", lambda array: array[:-1]),
    ("gaussian", "theta_", lambda array: array[:, :-1]),
    ("boosting", "start", lambda array: array[:-1]),
    ("perceptron", "coef_", lambda array: array[:, :-1]),
    ("svm", "coef_", lambda array: array[:, :-1]),
    ("svm", "coef_", lambda array: array[:-1]),
    ("multinomial", "feature_log_prob_", lambda array: array.T),
    ("knn_cosine", "_y", lambda array: array + 5),
    ("svm", "classes_", lambda array: array[::-1]),
    ("svm", "classes_", lambda array: array * 1.5),
])
def test_arrays_that_do_not_go_together(family, key, change, tmp_path):
    model = fitted(FAMILIES[family][0])
    model.save(tmp_path)
    rewritten(tmp_path, _change_array(key, change))
    refused(model.config, tmp_path, "damaged")


@pytest.fixture(scope="module")
def saved_svm(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    model = fitted(FAMILIES["svm"][0])
    model.save(folder)
    return model, folder, (folder / "model.skops").read_bytes()


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_flipped_bit_or_a_cut_is_reported_or_harmless(saved_svm, place, bit, cut):
    model, folder, content = saved_svm
    spot = int(place * len(content))
    damaged = content[:spot] if cut else content[:spot] + bytes([content[spot] ^ (1 << bit)]) + content[spot + 1 :]
    (folder / "model.skops").write_bytes(damaged)
    loaded = new(model.config)
    try:
        loaded.load(folder)
    except RunError as error:
        assert "model.skops" in str(error)
    else:
        unseen = flat(examples(seed=1)[0])
        assert np.array_equal(model.scores(**unseen), loaded.scores(**unseen))


def test_another_version_of_scikit_learn_gives_a_notice(tmp_path):
    model = fitted(FAMILIES["svm"][0])
    model.save(tmp_path)

    def change(description, content):
        description["content"]["content"]["_sklearn_version"]["content"] = '"1.0.2"'

    rewritten(tmp_path, change)
    loaded = new(model.config)
    loaded.load(tmp_path)
    assert len(loaded.notices) == 1
    assert "1.0.2" in loaded.notices[0]


def test_a_half_written_file_never_takes_the_place_of_the_old_one(tmp_path, monkeypatch):
    model = fitted(FAMILIES["svm"][0])
    model.save(tmp_path)
    old = (tmp_path / "model.skops").read_bytes()

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(OSError, match="No space"):
        fitted(FAMILIES["svm"][0]).save(tmp_path)
    assert (tmp_path / "model.skops").read_bytes() == old
