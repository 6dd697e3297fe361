"""What statistics need of each row: that it gives every metric again, its file, rows in one order, and predictions from elsewhere."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command import nlp, results
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.analysis.comparison.alignment import align
from nlp.analysis.comparison.foreign import read_predictions
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.tasks.classification import ClassificationConfig
from nlp.configs.schema.tasks.language_modeling import LanguageModelingConfig
from nlp.configs.schema.tasks.sequence_to_sequence import SequenceToSequenceConfig
from nlp.configs.schema.tasks.tagging import TaggingConfig
from nlp.configs.schema.tokenizer import WordTokenizer
from nlp.datasets.encoded.split import Encoding
from nlp.datasets.encoded.texts.text_pairs import Raw
from nlp.datasets.encoded.texts.token_stream import TokenStream
from nlp.datasets.tokenizers.token_sequences import TokenSequences
from nlp.datasets.tokenizers.tokenizer import train_tokenizer
from nlp.errors import DataError, RunError
from nlp.tasks.classification import Classification, ClassPredictions
from nlp.tasks.language_modeling import BlockPredictions, LanguageModeling
from nlp.tasks.scoring.figures import FIGURES
from nlp.tasks.scoring.row_scores import MetricRows, RowScores, compact, hashes, keys_of, ones
from nlp.tasks.scoring.spans import span_counts
from nlp.tasks.scoring.text_scores import TranslationScores
from nlp.tasks.sequence_to_sequence import SequenceToSequence, TextPredictions
from nlp.tasks.tagging import Tagging, TagPredictions
from nlp.tasks.task import Task
from nlp.training.folder.row_scores_file import read_row_scores, write_row_scores
from safetensors.numpy import load, save
from tiny_runs import write_data, write_recipe

LABELS = ("a", "b", "c")
FAMILIES = ["naive_bayes", "hmm", "ngram"]


class Rows:
    """A split whose rows are numbered."""

    def __init__(self, labels):
        self.labels = labels

    def example(self, row):
        return {"text": f"text {row}", "label": self.labels[row]}


def class_predictions(seed: int, n: int = 40, unseen: bool = True) -> ClassPredictions:
    chance = np.random.default_rng(seed)
    gold = chance.integers(-1 if unseen else 0, 3, n)
    names = [LABELS[label] if label >= 0 else "xy"[row % 2] for row, label in enumerate(gold)]
    probabilities = chance.random((n, 3)) if seed % 2 else None
    return ClassPredictions(np.arange(n), gold, names, chance.integers(0, 3, n), chance.random(n).astype(np.float32), probabilities)


def classification() -> Classification:
    return Classification(ClassificationConfig(type="classification"), Encoding(SizesData(type="sizes", n_classes=3), LABELS, (3, 2, 1)))


def scores_of(seed: int, n: int = 40, unseen: bool = True) -> RowScores:
    predictions = class_predictions(seed, n, unseen)
    return classification().row_scores(predictions, Rows(predictions.gold_names))  # pyright: ignore[reportArgumentType]


def assert_gives_again(task: Task, predictions, scores: RowScores) -> None:
    expected = task.metrics(predictions)
    assert {name: metric.value() for name, metric in scores.metrics.items()} == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert {name for name, metric in scores.metrics.items() if metric.lower_is_better} == task.lower_is_better & expected.keys()
    for metric in scores.metrics.values():
        assert len(metric.sums) == len(scores)
        np.testing.assert_allclose(metric.totals(), metric.sums.sum(axis=0), rtol=1e-12)
        grouped = metric.grouped()
        np.testing.assert_array_equal(grouped.addends[grouped.groups], metric.sums)


@given(st.integers(0, 2**32), st.integers(0, 30), st.booleans())
def test_rows_of_classes_give_every_metric_again(seed, n, unseen):
    task, predictions = classification(), class_predictions(seed, n, unseen)
    scores = task.row_scores(predictions, Rows(predictions.gold_names))  # pyright: ignore[reportArgumentType]
    assert_gives_again(task, predictions, scores)
    assert scores.right.tolist() == (predictions.gold == predictions.predicted).tolist()
    assert scores.labels == (*LABELS, *sorted({*predictions.gold_names} - {*LABELS}))


def tag_predictions(task: Tagging, seed: int) -> TagPredictions:
    chance = np.random.default_rng(seed)
    n_words = chance.integers(1, 6, 12)
    gold, predicted = ([chance.integers(0, len(task.labels), n) for n in n_words] for _ in range(2))
    names = [[[task.labels[tag] for tag in row] for row in tags] for tags in (gold, predicted)]
    spans = [span_counts(a, b, "IOB2") for a, b in zip(*names, strict=True)]
    sums = np.array([sum(each.values(), np.zeros(3, np.int64)) for each in spans])
    right = np.array([(a == b).sum() for a, b in zip(gold, predicted, strict=True)])
    return TagPredictions(np.arange(12), gold, predicted, chance.random(12), np.full(12, seed % 2), right, n_words, spans, sums,
                          chance.integers(0, 3, 12))


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from(["IOB2", None]))
def test_rows_of_tags_give_every_metric_again(seed, scheme):
    tags = ("B-X", "I-X", "O")
    task = Tagging(TaggingConfig(type="tagging", scheme=scheme), Encoding(SizesData(type="sizes", n_classes=3), tags, (1, 1, 1)))
    predictions = tag_predictions(task, seed)
    scores = task.row_scores(predictions, Rows([" ".join(tags[tag] for tag in row) for row in predictions.gold]))  # pyright: ignore[reportArgumentType]
    assert_gives_again(task, predictions, scores)
    assert ("f1" in scores.metrics) == (scheme is not None)
    assert scores.right.tolist() == (predictions.right == predictions.tokens).tolist()


def words(*texts: str) -> TokenSequences:
    tokenizer = train_tokenizer(WordTokenizer(type="words", split="whitespace", min_frequency=1), texts)
    assert isinstance(tokenizer, TokenSequences)
    return tokenizer


def blocks(text: str, size: int, tokenizer: TokenSequences, seed: int = 0) -> tuple[LanguageModeling, BlockPredictions, RowScores]:
    split = TokenStream("test", "here", tokenizer.encode([text]).ids, size, len(text), len(text.split()))
    task = LanguageModeling(LanguageModelingConfig(type="language_modeling", block_size=size),
                            Encoding(SizesData(type="sizes", vocab_size=tokenizer.vocab_size), tokenizers={"text": tokenizer}))
    chance, n = np.random.default_rng(seed), len(split)
    share, right = split.lengths / len(split.ids), chance.integers(0, 3, n) if seed % 2 else np.full(n, -1)
    predictions = BlockPredictions(split.starts, 5 * chance.random(n), right, split.lengths, share * len(text), share * len(text.split()))
    return task, predictions, task.row_scores(predictions, split)


@pytest.mark.parametrize("seed", [0, 1])
def test_rows_of_blocks_give_every_metric_again(seed):
    text = "a b c d e f g a b c d"
    task, predictions, scores = blocks(text, 3, words(text), seed)
    assert_gives_again(task, predictions, scores)
    assert ("accuracy" in scores.metrics) == (seed == 1)
    assert scores.keys.tolist() == hashes(["a b c", "d e f", "g a b", "c d"]).tolist()


def test_blocks_of_another_size_or_tokenizer_are_other_rows():
    text = "a b c d e f g a b c d"
    _, _, scores = blocks(text, 3, words(text))
    for size, tokenizer in ((4, words(text)), (3, words("a b c d"))):
        with pytest.raises(DataError, match=r"same tokenizer and task\.block_size"):
            align([scores, blocks(text, size, tokenizer)[2]], ["one", "two"])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["translation", "transduction", "pronunciation"]))
def test_rows_of_texts_give_every_metric_again(seed, scored_as):
    chance = np.random.default_rng(seed)
    texts = [" ".join(chance.choice(["la", "le", "Da", "o"], chance.integers(1, 7))) for _ in range(24)]
    raw = [Raw(f"source {row}", (texts[row], *texts[8 : 8 + row % 2 * (scored_as == "pronunciation")])) for row in range(8)]
    encoding = Encoding(SizesData(type="sizes", vocab_size=9), tokenizers={"text": words("la le")})
    task = SequenceToSequence(SequenceToSequenceConfig(type="sequence_to_sequence", scored_as=scored_as), encoding)
    found = [texts[16 + row] if row % 3 else raw[row].references[-1] for row in range(8)]
    exact, sums = task._scored(found, raw)
    predictions = TextPredictions(np.arange(8), raw, [[(text, 0.0)] for text in found], 9 * chance.random(8), chance.integers(0, 3, 8),
                                  chance.integers(3, 9, 8), exact, sums)
    scores = task.row_scores(predictions, None)  # pyright: ignore[reportArgumentType]
    assert_gives_again(task, predictions, scores)
    assert scores.right.tolist() == (exact > 0).tolist()
    assert task.main_metric in scores.metrics


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 1))
def test_figures_of_sums_are_those_of_sacrebleu(seed, share_of_zeros):
    chance = np.random.default_rng(seed)
    for kind, scorer in TranslationScores().scorers.items():
        shape = 40, FIGURES[kind].n_columns
        sums = np.where(chance.random(shape) < share_of_zeros, 0.0, chance.integers(0, 40, shape))
        expected = [scorer._compute_score_from_stats([int(each) for each in row]).score for row in sums]
        np.testing.assert_allclose(FIGURES[kind].of_sums(sums), expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(FIGURES[kind].of_sums(sums[None, :, None]), np.array(expected)[None, :, None], rtol=1e-9, atol=1e-9)


def test_translations_with_few_matches_are_smoothed_as_by_sacrebleu():
    scorer = TranslationScores().scorers["bleu"]
    for matched in ([3, 0, 0, 0], [3, 1, 0, 0], [0, 0, 0, 0], [5, 4, 3, 2]):
        sums = [7, 9, *matched, 7, 6, 5, 4]
        expected = scorer._compute_score_from_stats(list(sums)).score
        assert float(FIGURES["bleu"].of_sums(np.array(sums, dtype=np.float64))) == pytest.approx(expected, rel=1e-12)


def test_figures_take_the_sums_of_any_rows():
    scores = scores_of(1)
    drawn = np.random.default_rng(0).integers(len(scores), size=(5, len(scores)))
    for metric in scores.metrics.values():
        figures = metric.figure(np.stack([metric.sums[rows].sum(axis=0) for rows in drawn]))
        assert figures.tolist() == pytest.approx([metric.take(rows).value() for rows in drawn], rel=1e-12)


def test_equal_texts_have_equal_hashes_in_either_form_of_unicode():
    assert len(set(hashes(f"text {number}" for number in range(1000)).tolist())) == 1000
    assert keys_of(["Müller", "a"]).tolist() == keys_of(["Mu\u0308ller", "a"]).tolist() == hashes(["Müller", "a"]).tolist()
    assert len(hashes([])) == 0


@pytest.mark.parametrize(("values", "kind"), [([0, 255], "u1"), ([True], "u1"), ([256.0], "u2"), ([70_000], "u4"), ([0.5], "f8"),
                                              ([-1], "f8"), ([2**32], "f8"), ([np.nan], "f8"), ([np.inf], "f8"), ([], "u1")])
def test_columns_take_the_smallest_type_that_holds_them(values, kind):
    kept = compact(np.array(values))
    assert kept.dtype == np.dtype(kind)
    np.testing.assert_array_equal(kept, values)


def assert_same(one: RowScores, other: RowScores) -> None:
    assert (one.task, one.main_metric, one.labels) == (other.task, other.main_metric, other.labels)
    assert list(one.metrics) == list(other.metrics)
    for name in ("keys", "answers", "predicted"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name, metric in one.metrics.items():
        again = other.metrics[name]
        assert (metric.kind, metric.lower_is_better, metric.n_labels) == (again.kind, again.lower_is_better, again.n_labels)
        np.testing.assert_array_equal(metric.sums, again.sums)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 300))
def test_a_file_holds_the_rows_as_they_are(tmp_path_factory, seed, n):
    path, scores = tmp_path_factory.mktemp("rows") / "test.safetensors", scores_of(seed, n)
    write_row_scores(path, scores)
    assert_same(read_row_scores(path), scores)
    before = path.read_bytes()
    write_row_scores(path, scores)
    assert path.read_bytes() == before


def test_losses_that_are_infinite_come_back(tmp_path):
    losses = {"losses": np.array([np.inf, 1.0]), "rows": ones(2)}
    scores = RowScores("classification", "loss", (), *(hashes(["a", "b"]) for _ in range(3)), {"loss": MetricRows("ratio", losses, True)})
    write_row_scores(tmp_path / "test.safetensors", scores)
    assert read_row_scores(tmp_path / "test.safetensors").metrics["loss"].value() == np.inf


def changed(path: Path, tensors=(), **about) -> None:
    """Write the file again with other tensors (None: without it), or other metadata."""
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    arrays = {name: array for name, array in (load(content) | dict(tensors)).items() if array is not None}
    path.write_bytes(save(arrays, {"nlp": json.dumps(json.loads(header["__metadata__"]["nlp"]) | about)}))


METRIC = {"kind": "ratio", "columns": ["losses", "rows"], "lower_is_better": True}
DAMAGE = {
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "not a complete safetensors"),
    "empty": (lambda path: path.write_bytes(b""), "not a complete safetensors"),
    "no metadata": (lambda path: path.write_bytes(save(load(path.read_bytes()))), "`format` is missing"),
    "later version": (lambda path: changed(path, format=2), "format 2, not 1"),
    "no task": (lambda path: changed(path, task=None), "`task`"),
    "unknown kind": (lambda path: changed(path, metrics={"accuracy": METRIC | {"kind": "guess"}}), "`metrics.accuracy.kind`"),
    "unknown key": (lambda path: changed(path, more=1), "`more` is not known"),
    "unknown column": (lambda path: changed(path, metrics={"accuracy": METRIC | {"columns": ["losses", "x"]}}), "lacks the column 'x'"),
    "a column less": (lambda path: changed(path, metrics={"accuracy": METRIC | {"columns": ["losses"]}}), "does not have the 2 columns"),
    "no column": (lambda path: changed(path, metrics={"accuracy": METRIC | {"columns": []}}), "does not have the 2 columns"),
    "another main metric": (lambda path: changed(path, main_metric="bleu"), "names 'bleu' as its main metric"),
    "a label twice": (lambda path: changed(path, labels=["a", "a", "b", "c", "d"]), "same label twice"),
    "no keys": (lambda path: changed(path, {"keys": None}), "lacks `keys`"),
    "keys of another type": (lambda path: changed(path, {"keys": np.zeros(40)}), "`keys` contains numbers of type F64"),
    "keys in two columns": (lambda path: changed(path, {"keys": np.zeros((40, 1), np.uint64)}), "`keys` has the shape"),
    "fewer keys": (lambda path: changed(path, {"keys": np.zeros(39, np.uint64)}), "different numbers of rows"),
    "fewer rows": (lambda path: changed(path, {"column.losses": np.zeros(39)}), "different numbers of rows"),
    "no rows": (lambda path: changed(path, {"column.losses": np.zeros((0, 3))}), "different numbers of rows"),
    "one number": (lambda path: changed(path, {"column.losses": np.array(1.0)}), "the shape ()"),
    "signed": (lambda path: changed(path, {"column.right": np.zeros(40, np.int8)}), "type I8"),
    "half": (lambda path: changed(path, {"column.losses": np.zeros(40, np.float32)}), "type F32"),
    "columns in one": (lambda path: changed(path, {"column.losses": np.zeros((40, 2))}), "does not have the 2 columns"),
    "a share of two": (lambda path: changed(path, {"column.right": np.full(40, 2, np.uint8)}), "numbers other than 0 and 1"),
    "a share of zeros": (lambda path: changed(path, {"column.rows": np.zeros(40, np.uint8)}), "numbers other than 0 and 1"),
    "NaN rows": (lambda path: changed(path, {"column.rows": np.full(40, np.nan)}), "negative or not finite"),
    "negative rows": (lambda path: changed(path, {"column.rows": np.full(40, -1.0)}), "negative or not finite"),
    "unknown class": (lambda path: changed(path, {"column.gold": np.full(40, 5, np.uint8)}), "label ids that do not exist"),
    "half a class": (lambda path: changed(path, {"column.predicted": np.full(40, 0.5)}), "label ids that do not exist"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_refused_in_one_paragraph(tmp_path, kind):
    path, (damage, words_) = tmp_path / "run" / "predictions" / "test.safetensors", DAMAGE[kind]
    path.parent.mkdir(parents=True)
    write_row_scores(path, scores_of(1))
    damage(path)
    with pytest.raises(RunError) as refused:
        read_row_scores(path)
    message = str(refused.value)
    assert words_ in message and str(path) in message and f"`nlp eval {tmp_path}/run --split test` writes it again" in message
    assert "\n" not in message


def test_a_missing_file_is_refused_with_the_command_that_writes_it(tmp_path):
    with pytest.raises(RunError, match=rf"is missing: .*`nlp eval {tmp_path} --split test` writes it again"):
        read_row_scores(tmp_path / "predictions" / "test.safetensors")
    with pytest.raises(RunError, match="--data FILE"):
        read_row_scores(tmp_path / "predictions" / "file-more.safetensors")


def test_any_changed_bit_is_read_or_refused(tmp_path):
    path, chance = tmp_path / "test.safetensors", np.random.default_rng(0)
    write_row_scores(path, scores_of(1, 6))
    content, refused = path.read_bytes(), 0
    for place in chance.integers(len(content), size=400):
        flipped = bytearray(content)
        flipped[place] ^= 1 << chance.integers(8)
        path.write_bytes(flipped)
        try:
            metrics = read_row_scores(path).metrics.values()
            assert all(metric.grouped().addends.ndim == 2 and metric.figure(metric.totals()).ndim == 0 for metric in metrics)
        except RunError:
            refused += 1
    assert 50 < refused < 400


def test_files_are_read_and_aligned_without_torch(tmp_path):
    for seed in (1, 3):
        write_row_scores(tmp_path / f"{seed}.safetensors", scores_of(seed))
    script = ("import sys; from pathlib import Path; from nlp.analysis.comparison.alignment import align\n"
              "from nlp.analysis.comparison.foreign import read_predictions\n"
              "for path in sys.argv[1:]: align([read_predictions(Path(path))], ['x'])[0].metrics['f1'].value()\n"
              "sys.exit(bool({'torch', 'sklearn', 'scipy'} & set(sys.modules)))")
    files = [str(path) for path in tmp_path.iterdir()]
    assert len(files) == 2 and subprocess.run([sys.executable, "-c", script, *files], check=False).returncode == 0


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 4))
def test_rows_in_any_order_are_matched_by_text_and_answer(seed, n, n_texts):
    """With texts that occur several times, also with several answers."""
    chance = np.random.default_rng(seed)
    texts, answers = keys_of(map(str, chance.integers(n_texts, size=n))), hashes(map(str, chance.integers(2, size=n)))
    order = chance.permutation(n)

    def run(rows):
        metrics = {"loss": MetricRows("ratio", {"losses": rows.astype(np.float64), "rows": ones(n)}, True)}
        return RowScores("classification", "loss", (), texts[rows], answers[rows], answers[rows], metrics)

    first, other = align([run(np.arange(n)), run(order)], ["one", "two"])
    np.testing.assert_array_equal(other.keys, first.keys)
    np.testing.assert_array_equal(other.answers, first.answers)
    rows = other.metrics["loss"].columns["losses"].astype(int)
    assert sorted(rows) == list(range(n))
    places = {row: place for place, row in enumerate(order.tolist())}
    for text, answer in set(zip(texts.tolist(), answers.tolist(), strict=True)):
        equal = [places[row] for row in rows[(texts == text) & (answers == answer)].tolist()]
        assert equal == sorted(equal), "rows of equal text and answer keep the order they have in their own run"


def test_labels_get_one_list_of_ids_and_no_metric_changes():
    one, other = scores_of(1), scores_of(1).with_labels(("c", "z", "y", "x", "b", "a"))
    first, second = align([one, other], ["one", "two"])
    assert first.labels == second.labels == (*LABELS, "x", "y", "z")
    np.testing.assert_array_equal(first.metrics["f1"].sums, second.metrics["f1"].sums)
    assert first.metrics["f1"].sums.shape == (40, 12)
    for scores in (other, first, second):
        assert scores.metrics["f1"].value() == pytest.approx(one.metrics["f1"].value(), rel=1e-12)
        ids = scores.metrics["f1"].columns["gold"]
        assert [scores.labels[number] for number in ids.tolist()] == class_predictions(1).gold_names


def small(texts, answers, folder: Path | None = None, labels=LABELS) -> RowScores:
    metrics = {"accuracy": MetricRows("share", {"right": ones(len(texts)), "rows": ones(len(texts))})}
    scores = RowScores("classification", "accuracy", labels, keys_of(texts), hashes(answers), hashes(answers), metrics)
    if folder is None:
        return scores
    write_row_scores(folder / "test.safetensors", scores)
    (folder / "test.jsonl").write_text("".join(f"{json.dumps({'text': text})}\n" for text in texts), encoding="utf-8")
    return read_row_scores(folder / "test.safetensors")


def test_other_rows_are_refused_with_the_first_that_differs(tmp_path):
    one = small(["s", "t", "u"], ["a", "b", "c"], tmp_path)
    with pytest.raises(DataError, match=r"The test sets differ: one has 3 rows and two 3, and row 2 of one \('t'\) is not in two"):
        align([one, small(["u", "v", "s"], ["c", "b", "a"])], ["one", "two"])
    with pytest.raises(DataError, match=r"one has 3 rows and two 4, and row 4 of two is not in one"):
        align([one, small(["u", "t", "s", "s"], ["c", "b", "a", "a"])], ["one", "two"])
    with pytest.raises(DataError, match=r"one has 3 rows and two 2, and row 1 of one \('s'\) is not in two"):
        align([one, small(["u", "t"], ["c", "b"])], ["one", "two"])


def test_other_answers_are_refused_with_the_first_that_differs():
    one = small(["s", "t", "u"], ["a", "b", "c"])
    other = small(["u", "t", "s"], ["c", "B", "a"], labels=("a", "B", "c"))
    with pytest.raises(DataError, match=r"row 2 of one has a different answer \('b'\) than row 2 of two \('B'\). "
                                        r"The labels of one are a, b, c, those of two a, B, c"):
        align([one, other], ["one", "two"])


def test_another_task_is_refused():
    text = "a b c"
    with pytest.raises(DataError, match="of the task classification and two of language_modeling"):
        align([small(["s"], ["a"]), blocks(text, 3, words(text))[2]], ["one", "two"])


ROWS = [("good", "pos", "pos", 0.9), ("Mu\u0308ll", "neg", "pos", 0.25), ("fine", "pos", "pos", 1.0)]


def write_foreign(path: Path, names=("text", "gold", "prediction", "gold_probability"), rows=ROWS) -> Path:
    if ".csv" in path.suffixes:
        text = "".join(",".join(map(str, row)) + "\n" for row in [names, *rows])
    else:
        text = "".join(json.dumps(dict(zip(names, row, strict=False))) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["system.csv", "system.jsonl", "system.csv.gz", "system.jsonl.gz"])
def test_predictions_from_elsewhere_compare_with_runs(tmp_path, name):
    foreign = read_predictions(write_foreign(tmp_path / name))
    assert {name: metric.value() for name, metric in foreign.metrics.items()} == pytest.approx(
        {"accuracy": 2 / 3, "f1": 0.4, "loss": -(np.log(0.9) + np.log(0.25)) / 3})
    assert foreign.labels == ("neg", "pos") and foreign.right.tolist() == [True, False, True]
    assert foreign.metrics["loss"].lower_is_better
    run = small(["Müll", "good", "fine"], ["neg", "pos", "pos"], labels=("neg", "pos"))
    assert align([run, foreign], ["run", "system"])[1].right.tolist() == [False, True, True]


def test_keys_that_are_no_texts_compare_with_equal_keys_alone(tmp_path):
    named = [read_predictions(write_foreign(tmp_path / name, (key, "label", "predicted", "loss")))
             for name, key in (("one.csv", "id"), ("two.jsonl", "key"))]
    align(named, ["one", "two"])
    assert named[0].metrics["loss"].value() == pytest.approx(2.15 / 3)
    with pytest.raises(DataError, match="The test sets differ"):
        align([named[0], read_predictions(write_foreign(tmp_path / "text.csv"))], ["one", "two"])


@pytest.mark.parametrize(("names", "rows", "message"), [
    (("title", "gold", "prediction"), ROWS, "has no column `text`, or without texts `key` or `id`; it has `title`"),
    (("text", "class", "prediction"), ROWS, "has no column `gold` or `label`"),
    (("text", "gold", "guess"), ROWS, "has no column `prediction` or `predicted`"),
    (("id", "gold", "prediction"), [*ROWS, ROWS[0]], r":5 has the same key 'good' as .*:2\."),
    (("text", "gold", "prediction"), [ROWS[0], ("a", " ", "pos")], ":3 has an empty cell in column `gold`"),
    (("text", "gold", "prediction"), [ROWS[0], ("a", "pos", "")], ":3 has an empty cell in column `prediction`"),
    (("text", "gold", "prediction", "loss"), [("a", "pos", "pos", "x")], ":2 has 'x' in column `loss`"),
    (("text", "gold", "prediction", "loss"), [("a", "pos", "pos", "nan")], ":2 has 'nan' in column `loss`"),
    (("text", "gold", "prediction", "gold_probability"), [("a", "pos", "pos", 1.5)], "a number from 0 to 1"),
    (("text", "gold", "prediction"), [], "has a header line but no rows"),
])
def test_mistakes_in_predictions_from_elsewhere_are_named_with_their_line(tmp_path, names, rows, message):
    path = write_foreign(tmp_path / "system.csv", names, [row[: len(names)] for row in rows])
    with pytest.raises(DataError, match=message) as refused:
        read_predictions(path)
    assert str(path) in str(refused.value)


def test_files_that_are_no_predictions(tmp_path):
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    for name, message in (("empty.jsonl", "is empty"), ("none.csv", "There is no file"), ("notes.txt", r"must end in \.csv")):
        with pytest.raises(DataError, match=message):
            read_predictions(tmp_path / name)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    write_data(folder)
    for family in FAMILIES:
        write_recipe(folder, family)
        nlp("train", "--config", f"{family}.yaml", "--name", "first", cwd=folder)
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_writes_rows_that_give_its_results_again(trained, family):
    run = trained / "runs" / family / "first"
    for split in ("validation", "test"):
        scores = read_row_scores(run / "predictions" / f"{split}.safetensors")
        assert {name: metric.value() for name, metric in scores.metrics.items()} == pytest.approx(results(run)[split], rel=1e-12, abs=1e-12)
        lines = (run / "predictions" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(lines) == len(scores)
        if family != "ngram":
            shown = [json.loads(line) for line in lines]
            assert scores.keys.tolist() == hashes(each["text"] for each in shown).tolist()
            assert scores.answers.tolist() == hashes(each["label"] for each in shown).tolist()
            assert scores.predicted.tolist() == hashes(each["prediction"] for each in shown).tolist()


def test_eval_takes_several_runs_and_writes_a_file_that_is_missing(trained):
    paths = [trained / "runs" / family / "first" / "predictions" / "test.safetensors" for family in ("naive_bayes", "hmm")]
    before = [path.read_bytes() for path in paths]
    paths[0].unlink()
    reports = json.loads(nlp("eval", "naive_bayes", "hmm/first", "--json", cwd=trained).stdout)
    assert [report["run"] for report in reports] == ["naive_bayes/first", "hmm/first"]
    assert [path.read_bytes() for path in paths] == before
    assert json.loads(nlp("eval", "naive_bayes", "--json", cwd=trained).stdout) == reports[0]
    printed = nlp("eval", "naive_bayes", "hmm", cwd=trained).stdout
    assert printed.index("naive_bayes/first on test") < printed.index("hmm/first on test")


def test_predictions_of_a_run_are_read_by_their_file_of_rows(trained):
    path = trained / "runs" / "naive_bayes" / "first" / "predictions" / "test.jsonl"
    assert_same(read_predictions(path), read_row_scores(path.with_suffix(".safetensors")))


def test_predictions_of_a_run_alone_are_read_if_their_texts_are_whole(trained, tmp_path):
    alone = tmp_path / "alone.jsonl"
    alone.write_bytes((trained / "runs" / "naive_bayes" / "first" / "predictions" / "test.jsonl").read_bytes())
    run = read_row_scores(trained / "runs" / "naive_bayes" / "first" / "predictions" / "test.safetensors")
    assert align([run, read_predictions(alone)], ["run", "alone"])[1].right.tolist() == run.right.tolist()
    alone.write_text(json.dumps({"row": 0, "text": "x" * 200, "label": "a", "prediction": "a"}) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r":1: a run keeps only the start of each text"):
        read_predictions(alone)
