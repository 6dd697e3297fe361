"""Tagging from sentences to scores: what is read, how words and pieces are lined up, what is counted, and the command end to end."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from command import interrupted, nlp, timeless, weights
from contracts import one_thread
from nlp.configs.load import load_recipe
from nlp.configs.schema.data import FileData, SizesData
from nlp.configs.schema.models.networks import CharacterCnnConfig
from nlp.configs.schema.models.transformers import TransformerConfig
from nlp.configs.schema.tasks.tagging import TaggingConfig
from nlp.configs.schema.tokenizer import SubwordTokenizer, WordTokenizer
from nlp.datasets.build import build_data
from nlp.datasets.encoded.split import Batch, Encoding, Target
from nlp.datasets.tokenizers.token_sequences import TokenSequences
from nlp.errors import ConfigError, DataError
from nlp.models.head import Head
from nlp.models.networks.transformer import Transformer
from nlp.tasks.build import build_task, preparation
from nlp.tasks.tagging import Tagging
from torch.nn.functional import cross_entropy

__all__ = ["one_thread"]

TASK = TaggingConfig(type="tagging", scheme="IOB2")
WORDS = WordTokenizer(type="words", split="whitespace", min_frequency=1)
SENTENCES = [("Ann saw Bob Lee", "B-PER O B-PER I-PER"), ("Bob slept", "B-PER O"), ("it rained in Oslo", "O O O B-LOC")]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))


def write(folder: Path, name: str, sentences) -> str:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps({"tokens": tokens, "tags": tags}) + "\n" for tokens, tags in sentences), encoding="utf-8")
    return str(path)


def files(folder: Path, train=SENTENCES, test=(("Oslo saw Ann", "B-LOC O B-PER"),)) -> FileData:
    return FileData(type="files", train=write(folder, "train", train), validation=write(folder, "validation", SENTENCES),
                    test=write(folder, "test", test))


def test_words_become_tokens_with_a_tag_each(tmp_path):
    data = build_data(files(tmp_path), WORDS, preparation(TASK))
    assert data.encoding.labels == ("B-LOC", "B-PER", "I-PER", "O")
    assert data.encoding.label_counts == (1, 3, 1, 5)
    batch = data.splits["train"].batch(np.array([2, 1]), {"tokens"})
    assert batch.inputs["lengths"].tolist() == [4, 2]
    assert data.encoding.tokenizer.tokens(batch.inputs["tokens"][1, :2]) == ["Bob", "slept"]
    assert batch.inputs["tokens"][1, 2:].tolist() == [0, 0]
    assert batch.targets["tags"].filled(-1).tolist() == [[3, 3, 3, 0], [1, 3, -1, -1]]
    assert batch.gold == [["O", "O", "O", "B-LOC"], ["B-PER", "O"]]
    assert data.splits["train"].batch(np.array([1]), {"text"}).inputs == {"sentences": [["Bob", "slept"]]}


def test_characters_of_distinct_words_occur_once(tmp_path):
    data = build_data(files(tmp_path, train=[("go go stop", "A A B")] * 2), WORDS, preparation(TaggingConfig(type="tagging", labels=None)))
    inputs = data.splits["train"].batch(np.array([0, 1]), {"tokens", "characters"}).inputs
    assert inputs["characters"].shape == (2, 4)
    spelled = [data.encoding.tokenizers["characters"].tokens(row[row > 0]) for row in inputs["characters"]]
    assert ["".join(spelled[place]) for place in inputs["spelling"][0]] == ["go", "go", "stop"]


def test_pieces_are_lined_up_with_words(tmp_path):
    pieces = SubwordTokenizer(type="bpe", vocab_size=270, min_frequency=1)
    data = build_data(files(tmp_path), pieces, preparation(TASK))
    split = data.splits["train"]
    inputs = split.batch(np.array([0, 1]), {"tokens"}).inputs
    for row, sentence in enumerate(split.sentences[:2]):
        starts = [*inputs["first_pieces"][row, : len(sentence)].tolist(), int(inputs["lengths"][row])]
        for word, first, end in zip(sentence, starts, starts[1:], strict=False):
            assert "".join(data.encoding.tokenizer.tokens(inputs["tokens"][row, first:end])).strip() == word
        assert (inputs["first_pieces"][row, len(sentence) :] == -1).all()


def test_pieces_have_the_characters_of_their_word(tmp_path):
    data = build_data(files(tmp_path, [("go a,b,c go go", "A A B A"), ("a\u00a0b", "B")] * 2), WordTokenizer(type="words", min_frequency=1),
                      preparation(TaggingConfig(type="tagging")))
    inputs = data.splits["train"].batch(np.array([0, 1]), {"tokens", "characters"}).inputs
    assert inputs["tokens"].shape == inputs["spelling"].shape == (2, 8)
    spelled = ["".join(data.encoding.tokenizers["characters"].tokens(row[row > 0])) for row in inputs["characters"]]
    assert [spelled[place] for place in inputs["spelling"][0]] == ["go", *["a,b,c"] * 5, "go", "go"]
    assert [spelled[place] for place in inputs["spelling"][1, :2]] == ["a\u00a0b"] * 2


def test_only_distinct_words_are_encoded(tmp_path, monkeypatch):
    encoded, encode = [], TokenSequences.encode
    monkeypatch.setattr(TokenSequences, "encode", lambda self, texts: encoded.append(list(texts)) or encode(self, texts))
    build_data(files(tmp_path), WORDS, preparation(TASK))
    assert encoded
    assert all(len(set(texts)) == len(texts) for texts in encoded), "Bob occurs twice in the training split"


def test_lengths_and_the_notice_of_them_count_pieces(tmp_path):
    data = build_data(files(tmp_path), SubwordTokenizer(type="bpe", vocab_size=270, min_frequency=1), preparation(TASK))
    split = data.splits["train"]
    counted = split.batch(np.arange(3), {"tokens"}).inputs["lengths"]
    assert split.lengths.tolist() == counted.tolist()
    assert (counted > [4, 2, 4]).all(), "pieces are more than words"
    notices = split.length_notices(int(counted.max()) - 1)
    assert notices == [f"1 of 3 train texts have more than model.max_positions = {counted.max() - 1} tokens; the model reads each in "
                       "independent windows of that size."]
    assert split.length_notices(int(counted.max())) == []


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary"])
@pytest.mark.parametrize("causal", [False, True])
def test_a_transformer_reads_long_sentences_in_windows(positions, causal):
    config = TransformerConfig(type="transformer", d_model=16, n_layers=2, n_heads=2, d_ff=16, max_positions=4, positions=positions,
                               causal=causal, characters=CharacterCnnConfig(type="cnn", n_filters=4))
    torch.manual_seed(0)
    network = Transformer(config, 20, 9, Head("tags", 3)).eval()
    tokens, characters = torch.randint(7, 20, (2, 10)), torch.randint(7, 9, (5, 3))
    spelling, lengths = torch.randint(0, 5, (2, 10)), torch.tensor([10, 3])
    tokens[1, 3:] = 0
    scores = network(tokens, lengths, characters=characters, spelling=spelling)
    assert scores.shape == (2, 10, 3)
    for row, start, end in ((0, 0, 4), (0, 4, 8), (0, 8, 10), (1, 0, 3)):
        here = (slice(row, row + 1), slice(start, end))
        alone = network(tokens[here], torch.tensor([end - start]), characters=characters, spelling=spelling[here])
        torch.testing.assert_close(scores[here], alone)
    loss = scores[0].sum() + scores[1, :3].sum()
    loss.backward()
    assert all(bool(parameter.grad.isfinite().all()) for parameter in network.parameters() if parameter.grad is not None)


@pytest.mark.parametrize(("sentences", "words"), [
    ([("a b c", "X Y")], [r"train\.jsonl:1 has 3 tokens in column `tokens` but 2 tags in column `tags`"]),
    ([("a b", "X X")], ["All tokens of .* have the same tag, 'X'"]),
    ([("", "")], ["have no tag"]),
])
def test_data_that_no_tagger_can_be_trained_on(tmp_path, sentences, words):
    with pytest.raises(DataError) as error:
        build_data(files(tmp_path, train=sentences), WORDS, preparation(TaggingConfig(type="tagging")))
    for word in words:
        error.match(word)


def test_a_tag_outside_a_declared_list_is_named_with_its_place(tmp_path):
    task = TASK.model_copy(update={"labels": ["O", "B-PER", "I-PER"]})
    with pytest.raises(DataError, match=r"train\.jsonl:3 has the tag 'B-LOC', which task.labels does not name"):
        build_data(files(tmp_path), WORDS, preparation(task))


def test_tags_that_training_does_not_have_count_as_wrong(tmp_path):
    data = build_data(files(tmp_path, test=[("Ann ate", "B-PER B-FOOD")]), WORDS, preparation(TASK))
    assert "1 of 2 test tokens have a tag that no training token has (`B-FOOD`)" in data.notices[0]
    task, batch = build_task(TASK, data.encoding), data.splits["test"].batch(np.array([0]), {"text"})
    predictions = task.predict(Says([[1, 3]]), batch)
    figures = task.metrics(predictions)
    assert figures["accuracy"] == 0.5
    assert (figures["precision"], figures["recall"]) == (1.0, 0.5)
    assert task.confusion(predictions).labels[-1] == "(not in training)"


class Says:
    """A tagger that returns the given scores."""

    scores_are = "tags"

    def __init__(self, tags):
        self.tags = tags

    def tag(self, sentences):
        return self.tags


class Emits:
    """A network whose scores are given."""

    scores_are = "logits"

    def __init__(self, emissions):
        self.emissions = emissions

    def scores(self, **_):
        return self.emissions


def tagging(config, labels):
    return Tagging(config, Encoding(SizesData(type="sizes", n_classes=len(labels)), tuple(labels), (1,) * len(labels)))


def tags_of(ids):
    """The targets of a batch; -1 where there is none."""
    return {"tags": Target(np.array(ids), np.array(ids) >= 0)}


def test_figures_by_hand():
    task = tagging(TASK, ["B-LOC", "B-PER", "I-PER", "O"])
    gold = [["B-PER", "I-PER", "O"], ["O", "B-LOC"]]
    batch = Batch(np.array([0, 1]), {"sentences": [["a", "b", "c"], ["d", "e"]]}, tags_of([[1, 2, 3], [3, 0, -1]]), gold)
    figures = task.metrics(task.predict(Says([[1, 2, 3], [2, 0]]), batch))  # I-PER where O should be: a span that is not there
    assert figures == {"zero_one_loss": 0.2, "accuracy": 0.8, "precision": pytest.approx(2 / 3), "recall": 1.0, "f1": pytest.approx(0.8),
                       "invalid": 0.2}


def test_the_loss_is_that_of_torch_over_real_tokens():
    task = tagging(TaggingConfig(type="tagging"), ["A", "B"])
    emissions = np.random.default_rng(0).normal(size=(2, 3, 2)).astype(np.float32)
    targets = np.array([[0, 1, 1], [1, -1, -1]])
    batch = Batch(np.array([0, 1]), {"tokens": np.ones((2, 3)), "lengths": np.array([3, 1])}, tags_of(targets), [["A", "B", "B"], ["B"]])
    predictions = task.predict(Emits(emissions), batch)
    expected = cross_entropy(torch.from_numpy(emissions).flatten(0, 1), torch.from_numpy(targets).flatten(), ignore_index=-1)
    assert task.metrics(predictions)["loss"] == pytest.approx(expected.item(), rel=1e-5)
    assert [tags.tolist() for tags in predictions.predicted] == [emissions[0].argmax(axis=1).tolist(), [emissions[1, 0].argmax()]]


def test_questions_are_divided_at_spaces(tmp_path):
    data = build_data(files(tmp_path), WORDS, preparation(TASK))
    split = preparation(TASK).unlabelled(["Ann  saw Oslo", ""], data.encoding)
    assert split.sentences == [["Ann", "saw", "Oslo"], []]
    assert split.batch(np.array([0, 1]), {"tokens"}).inputs["lengths"].tolist() == [3, 0]


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BIOES"])
def test_a_tag_of_no_scheme_is_named_with_its_place(tmp_path, scheme):
    task = TaggingConfig(type="tagging", scheme=scheme)
    for tag in ("PER", "X-PER", "B-", "o", "BI-PER"):
        with pytest.raises(DataError, match=rf"test\.jsonl:2 has the tag '{tag}', which task.scheme {scheme} does not have \(O, B-TYPE"):
            build_data(files(tmp_path, test=[("a", "O"), ("b c", f"O {tag}")]), WORDS, preparation(task))


@pytest.mark.parametrize(("setting", "words"), [
    ("model.pooling=max", "leave it out"),
    ("task.labels=[O, B-PER, E-PER]", "'E-PER' is not a tag of task.scheme IOB2, which has O, B-TYPE, I-TYPE"),
    ("tokenizer.max_length=10", "one token at a time"),
    ("task.crf=yes", "true or false"),
    ("task.scheme=IOB", "IOB1"),
    ("model={type: naive_bayes}", "does not support task.type tagging; use one of"),
    ("training.best_metric=bleu", "not a metric of tagging"),
])
def test_settings_that_do_not_fit(tmp_path, setting, words):
    with pytest.raises(ConfigError, match=words):
        load_recipe(str(recipe(tmp_path)), [setting])


RECIPE = """
data: {type: files, train: train.jsonl, validation: validation.jsonl, test: test.jsonl}
tokenizer: {type: words, split: whitespace, min_frequency: 1}
task: {type: tagging, scheme: IOB2, crf: true}
model: {type: lstm, bidirectional: true, d_embedding: 16, hidden_size: 16, characters: {type: cnn, n_filters: 8}}
training: {epochs: 30, batch_size: 2, optimizer: {type: adamw, learning_rate: 0.03}, best_metric: f1}
"""


def recipe(folder: Path) -> Path:
    files(folder)
    path = folder / "tags.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.mark.parametrize("model", ["most_frequent_tag", "hmm", "averaged_perceptron"])
def test_statistical_taggers_go_the_same_way(tmp_path, model):
    path = recipe(tmp_path)
    lines = path.read_text(encoding="utf-8").replace(", crf: true", "").splitlines()
    kept = [line for line in lines if not line.startswith(("tokenizer", "model", "training"))]
    path.write_text("\n".join([*kept, f"model: {{type: {model}}}"]), encoding="utf-8")
    trained = json.loads(nlp("train", "--config", "tags.yaml", "--name", "first", "--json", cwd=tmp_path).stdout)
    assert trained[0]["train"]["accuracy"] > 0.8
    assert "zero_one_loss" in trained[0]["train"]
    reported = json.loads(nlp("eval", "tags/first", "--json", cwd=tmp_path).stdout)
    assert reported["metrics"]["f1"]["value"] == trained[0]["test"]["f1"]
    assert json.loads(nlp("predict", "tags/first", "Ann saw Bob", "--json", cwd=tmp_path).stdout)["prediction"].startswith("B-PER")
    assert nlp("count-params", "--config", "tags.yaml", "--format", "json", cwd=tmp_path)


def test_the_command_from_training_to_prediction(tmp_path):
    recipe(tmp_path)
    trained = json.loads(nlp("train", "--config", "tags.yaml", "--name", "first", "--json", cwd=tmp_path).stdout)
    assert trained[0]["train"]["f1"] == 1.0
    reported = json.loads(nlp("eval", "tags/first", "--json", cwd=tmp_path).stdout)
    assert reported["metrics"]["f1"]["value"] == trained[0]["test"]["f1"]
    assert set(reported["baselines"]) == {"majority", "random by prior"}
    printed = nlp("predict", "tags/first", "Ann saw Bob Lee", "--json", cwd=tmp_path).stdout
    assert json.loads(printed)["prediction"] == "B-PER O B-PER I-PER"
    line = json.loads((tmp_path / "runs/tags/first/predictions/validation.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert line == {"row": 0, "text": "Ann saw Bob Lee", "label": "B-PER O B-PER I-PER", "prediction": "B-PER O B-PER I-PER"}
    assert "total_parameters" in nlp("count-params", "--config", "tags.yaml", "--format", "json", cwd=tmp_path).stdout


@pytest.mark.slow
def test_killed_inside_an_epoch_and_resumed_it_ends_with_the_same_bytes(tmp_path):
    changed(tmp_path, training="{epochs: 8, batch_size: 2, log_every: 3, optimizer: {type: adamw, learning_rate: 0.01}, best_metric: f1, "
                               "checkpoints: {every_steps: 3}}")
    write(tmp_path, "train", [*SENTENCES] * 15)
    nlp("train", "--config", "tags.yaml", "--name", "whole", cwd=tmp_path)
    code, _ = interrupted(tmp_path, "tags.yaml", "killed", signal.SIGKILL, 0.05)
    assert code == -signal.SIGKILL
    nlp("train", "--resume", "tags/killed", cwd=tmp_path)
    full, killed = (tmp_path / "runs" / "tags" / name for name in ("whole", "killed"))
    for which in ("last", "best"):
        assert weights(killed, which) == weights(full, which)
    assert timeless(killed) == timeless(full)


TRANSFORMER = ("{type: transformer, d_model: 16, n_layers: 1, n_heads: 2, d_ff: 16, max_positions: 3, "
               "characters: {type: lstm, d_embedding: 4, hidden_size: 4}}")


def changed(folder: Path, **sections: str) -> None:
    """The recipe with other sections; `data` stays unless it is given."""
    lines = [next((f"{key}: {value}" for key, value in sections.items() if line.startswith(f"{key}:")), line)
             for line in recipe(folder).read_text(encoding="utf-8").splitlines()]
    (folder / "tags.yaml").write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize("crf", ["true", "false"])
def test_sentences_longer_than_a_transformer_are_trained_scored_and_predicted(tmp_path, caplog, crf):
    changed(tmp_path, model=TRANSFORMER, task=f"{{type: tagging, scheme: IOB2, crf: {crf}}}",
            training="{steps: 60, batch_size: 2, evaluate_every: 60, optimizer: {type: adamw, learning_rate: 0.03}}")
    done = nlp("train", "--config", "tags.yaml", "--name", "first", "--json", cwd=tmp_path)
    assert "2 of 3 train texts have more than model.max_positions = 3 tokens; the model reads each in independent windows" in done.stderr
    assert json.loads(done.stdout)[0]["train"]["accuracy"] > 0.8
    assert "windows of that size" in nlp("eval", "tags/first", "--split", "validation", cwd=tmp_path).stderr
    printed = json.loads(nlp("predict", "tags/first", "Ann saw Bob Lee in Oslo it rained", "--json", cwd=tmp_path).stdout)
    assert len(printed["prediction"].split()) == 8
    assert "windows of that size" in caplog.text


CONLL = "Ann\tB-PER\nsaw\tO\nBob\tB-PER\nLee\tI-PER\n\nBob\tB-PER\nslept\tO\n\nit\tO\nrained\tO\nin\tO\nOslo\tB-LOC\n"


@pytest.mark.parametrize("tokenizer", ["{type: bpe, vocab_size: 270, min_frequency: 1}", "{type: unigram, vocab_size: 40}",
                                       "{type: wordpiece, vocab_size: 50, min_frequency: 1}"])
@pytest.mark.parametrize("model", ["{type: gru, d_embedding: 16, hidden_size: 16}",
                                   "{type: transformer, d_model: 16, n_layers: 1, n_heads: 2, d_ff: 16}"])
def test_pieces_of_words_from_a_file_to_a_tag_a_word(tmp_path, tokenizer, model):
    (tmp_path / "train.conll").write_text(CONLL, encoding="utf-8")
    changed(tmp_path, data="{type: files, train: train.conll, validation: train.conll}", tokenizer=tokenizer, model=model,
            training="{steps: 160, batch_size: 2, evaluate_every: 160, optimizer: {type: adamw, learning_rate: 0.01}}")
    trained = json.loads(nlp("train", "--config", "tags.yaml", "--name", "first", "--json", cwd=tmp_path).stdout)
    assert trained[0]["train"]["accuracy"] == 1.0
    printed = [json.loads(line) for line in nlp("predict", "tags/first", "Ann saw Bob Lee", "", "Bob slept", "--json",
                                            cwd=tmp_path).stdout.splitlines()]
    assert [each["prediction"] for each in printed] == ["B-PER O B-PER I-PER", "", "B-PER O"]


@pytest.mark.parametrize("model", [None, "{type: lstm, d_embedding: 8, hidden_size: 8}", TRANSFORMER], ids=["cnn", "none", "lstm"])
def test_a_sentence_without_a_token_may_be_a_batch_of_its_own(tmp_path, model):
    one_by_one = "{epochs: 1, batch_size: 1, log_every: 1, optimizer: {type: adamw, learning_rate: 0.03}}"
    changed(tmp_path, training=one_by_one, **({"model": model} if model else {}))
    write(tmp_path, "train", [*SENTENCES, ("", "")])
    trained = json.loads(nlp("train", "--config", "tags.yaml", "--name", "first", "--json", cwd=tmp_path).stdout)
    assert np.isfinite(list(trained[0]["train"].values())).all()
    assert json.loads(nlp("predict", "tags/first", "", "--json", cwd=tmp_path).stdout)["prediction"] == ""


def test_eval_reports_each_type_of_span(tmp_path):
    changed(tmp_path, tokenizer="{type: words, split: whitespace}")
    lines = [line for line in (tmp_path / "tags.yaml").read_text(encoding="utf-8").replace(", crf: true", "").splitlines()
             if not line.startswith(("tokenizer", "model", "training"))]
    (tmp_path / "tags.yaml").write_text("\n".join([*lines, "model: {type: most_frequent_tag}"]), encoding="utf-8")
    # An unknown word is O: of the three spans of Ann Bob Ede, one is cut short, one right, one not seen; Oslo is taken for a place.
    write(tmp_path, "test", [("Bob Ede saw Ann", "B-PER I-PER O B-PER"), ("Ede saw Oslo", "B-PER O B-ORG")])
    nlp("train", "--config", "tags.yaml", "--name", "first", cwd=tmp_path)
    reported = json.loads(nlp("eval", "tags/first", "--json", cwd=tmp_path).stdout)
    assert reported["spans"] == {
        "LOC": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "correct": 0, "predicted": 1, "gold": 0},
        "ORG": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "correct": 0, "predicted": 0, "gold": 1},
        "PER": {"precision": 0.5, "recall": pytest.approx(1 / 3), "f1": pytest.approx(0.4), "correct": 1, "predicted": 2, "gold": 3},
    }
    printed = nlp("eval", "tags/first", cwd=tmp_path).stdout
    assert "spans\n" in printed
    assert ["PER", "0.5000", "0.3333", "0.4000", "1", "2", "3"] in [line.split() for line in printed.splitlines()]


def test_eval_reports_no_spans_where_there_are_none(tmp_path):
    path = recipe(tmp_path)
    text = path.read_text(encoding="utf-8").replace(", scheme: IOB2, crf: true", "").replace("best_metric: f1", "best_metric: loss")
    path.write_text(text.replace("epochs: 30", "epochs: 1"), encoding="utf-8")
    nlp("train", "--config", "tags.yaml", "--name", "first", cwd=tmp_path)
    assert "spans" not in json.loads(nlp("eval", "tags/first", "--json", cwd=tmp_path).stdout)
    assert "spans\n" not in nlp("eval", "tags/first", cwd=tmp_path).stdout


@pytest.mark.parametrize(("content", "task", "words"), [
    (CONLL.replace("saw\tO", "saw"), "scheme: IOB2", "train.conll:2 has 1 column where the first line of the file has 2"),
    ("", "scheme: IOB2", "train.conll is empty"),
    ("\n\n", "scheme: IOB2", "train.conll is empty"),
    ("-DOCSTART- O\n\n", "scheme: IOB2", "train.conll has no sentence"),
    (CONLL.replace("B-LOC", "E-LOC"), "scheme: IOB2", "train.conll:9 has the tag 'E-LOC', which task.scheme IOB2 does not have"),
    (CONLL, "scheme: IOB3", "task.scheme: must be 'IOB1', 'IOB2' or 'BIOES', not 'IOB3'"),
    (CONLL, "labels: [O, B-PER, I-PER]", "train.conll:9 has the tag 'B-LOC', which task.labels does not name"),
    (CONLL, "labels: [O, B-PER, B-PER]", "task.labels names 'B-PER' twice"),
    (CONLL, "scheme: IOB2, labels: [O, PER]", "task.labels: 'PER' is not a tag of task.scheme IOB2"),
])
def test_bad_input_is_reported_in_one_paragraph_and_leaves_nothing(tmp_path, content, task, words):
    (tmp_path / "train.conll").write_text(content, encoding="utf-8")
    changed(tmp_path, data="{type: files, train: train.conll, validation: train.conll}", task=f"{{type: tagging, {task}}}",
            training="{epochs: 1, batch_size: 2, optimizer: {type: adamw, learning_rate: 0.03}}")
    printed = nlp("train", "--config", "tags.yaml", "--name", "first", cwd=tmp_path, code=2).stderr
    assert words in printed
    assert printed.count("Error: ") == 1 and "\n" not in printed.rpartition("Error: ")[2].strip()
    assert not list((tmp_path / "runs").glob("*"))


def test_a_file_with_another_scheme_cannot_be_scored(tmp_path):
    recipe(tmp_path)
    nlp("train", "--config", "tags.yaml", "--name", "first", cwd=tmp_path)
    write(tmp_path, "other", [("Ann slept", "S-PER O")])
    printed = nlp("eval", "tags/first", "--data", "other.jsonl", cwd=tmp_path, code=2).stderr
    assert "other.jsonl:1 has the tag 'S-PER', which task.scheme IOB2 does not have" in printed
