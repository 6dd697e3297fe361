"""Word vectors that are learned here: what is drawn, the loss and its gradient, neighbours, similarity, export, resumption."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
from command import failing_at, nlp, timeless
from contracts import one_thread
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.tasks.word_vectors import CbowConfig, SkipGramConfig, WordVectorsConfig
from nlp.configs.schema.tokenizer import EOS, PAD, SPECIAL_TOKENS, UNK
from nlp.datasets.encoded.split import Encoding, StepRandom
from nlp.datasets.encoded.texts.word_contexts import WordSampling, WordStream, spelling_of
from nlp.datasets.word_pairs import read_word_pairs
from nlp.datasets.word_vectors import read_word_vectors, write_word_vectors
from nlp.errors import DataError
from nlp.models.networks.network import as_tensors
from nlp.models.networks.word_vectors import WordVectors
from nlp.tasks.losses import NegativeSamplingLoss
from nlp.tasks.scoring.correlation import spearman
from nlp.tasks.word_expressions import parsed
from nlp.tasks.word_vectors import ContextPredictions
from nlp.tasks.word_vectors import WordVectors as Task
from scipy.stats import chisquare, spearmanr

__all__ = ["one_thread"]

FIRST, N_WORDS = len(SPECIAL_TOKENS), 30
VOCABULARY = FIRST + N_WORDS
NGRAMS = {"min": 2, "max": 3, "buckets": 50}


def task_of(**settings) -> WordVectorsConfig:
    small = {"type": "word_vectors", "block_size": 20, "shared_negatives": 6, "window": 3, "subsample": 0.01}
    return WordVectorsConfig.model_validate(small | settings)


def counts_of(ids) -> np.ndarray:
    return np.bincount(ids, minlength=VOCABULARY)


def some_ids(n: int = 500, seed: int = 0) -> np.ndarray:
    """Words of very different frequency, among them unknown ones and ends of texts."""
    generator = np.random.default_rng(seed)
    ids = FIRST + np.minimum(generator.geometric(0.15, n) - 1, N_WORDS - 1)
    ids[generator.random(n) < 0.05] = UNK
    ids[generator.random(n) < 0.03] = EOS
    return ids.astype(np.int32)


def stream_of(ids: np.ndarray, **settings) -> WordStream:
    task = task_of(**settings)
    words = [f"w{number}" for number in range(VOCABULARY)]
    return WordStream("train", "here", ids, task.block_size, 0, 0, WordSampling(task, counts_of(ids)), spelling_of(words))


def model_of(kind: str, **settings) -> WordVectors:
    torch.manual_seed(0)
    config = {"skip_gram": SkipGramConfig, "cbow": CbowConfig}[kind].model_validate({"type": kind, "d_embedding": 8, **settings})
    model = WordVectors(config, VOCABULARY)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


KINDS = pytest.mark.parametrize("kind", ["skip_gram", "cbow"])


# What is drawn


def test_negatives_are_drawn_by_frequency_to_the_power_of_three_quarters():
    ids = some_ids(5_000)
    drawn = WordSampling(task_of(), counts_of(ids)).negatives(np.random.default_rng(0).random(200_000))
    words = counts_of(ids)[FIRST:].astype(float)
    expected = words**0.75 / (words**0.75).sum()
    assert drawn.min() >= FIRST
    found = np.bincount(drawn - FIRST, minlength=N_WORDS)
    assert (found[words == 0] == 0).all()
    assert chisquare(found[words > 0], 200_000 * expected[words > 0]).pvalue > 0.01
    assert chisquare(found[words > 0], 200_000 * (words / words.sum())[words > 0]).pvalue < 1e-6


def test_frequent_words_stay_with_the_probability_of_the_formula():
    ids = np.repeat(np.arange(FIRST, FIRST + 4), [10_000, 1_000, 100, 10]).astype(np.int32)
    sampling = WordSampling(task_of(subsample=0.005, block_size=len(ids)), counts_of(ids))
    shares = np.array([10_000, 1_000, 100, 10]) / len(ids)
    expected = np.minimum(np.sqrt(0.005 / shares) + 0.005 / shares, 1)
    assert sampling.keep[FIRST : FIRST + 4] == pytest.approx(expected)
    assert (sampling.keep[:FIRST] == 0).all()
    kept = np.concatenate([ids[np.random.default_rng(seed).random(len(ids)) < sampling.keep[ids]] for seed in range(20)])
    assert np.bincount(kept, minlength=VOCABULARY)[FIRST : FIRST + 4] / (20 * shares * len(ids)) == pytest.approx(expected, rel=0.06)
    assert (WordSampling(task_of(subsample=0.0), counts_of(ids)).keep[FIRST:] == 1).all()


def test_windows_by_brute_force():
    stream, generator = stream_of(some_ids()), np.random.default_rng(3)
    rows = np.array([0, 40, 60, 480])
    numbers = generator.random((len(rows), stream.sampling.draws))
    ids = stream.ids[rows[:, None] + np.arange(20)]
    words, lengths, near = stream.sampling.contexts(ids, numbers[:, :40])
    assert len(set(lengths.tolist())) > 1
    for row, block in enumerate(ids):
        kept, reach, texts, text = [], [], [], 0
        for place, word in enumerate(block.tolist()):
            text += word == EOS
            if word >= FIRST and numbers[row, place] < stream.sampling.keep[word]:
                kept.append(word)
                reach.append(1 + int(numbers[row, 20 + place] * 3))
                texts.append(text)
        assert words[row].tolist() == kept + [PAD] * (words.shape[1] - len(kept))
        pairs = {(one, other) for one in range(len(kept)) for other in range(len(kept))
                 if one != other and abs(one - other) <= reach[one] and texts[one] == texts[other]}
        assert {(int(one), int(other)) for one, other in np.argwhere(near[row])} == pairs


def test_window_widths_are_even():
    stream = stream_of(np.full(20, FIRST, np.int32), subsample=0.0, window=4)
    near = np.concatenate([stream.batch(np.array([0]), frozenset({"pairs"}), StepRandom(1, step, 0, 1)).inputs["near"]
                           for step in range(1, 2_001)])
    widths = Counter(near[:, 10].sum(axis=1).tolist())
    assert chisquare([widths[2 * width] for width in (1, 2, 3, 4)]).pvalue > 0.01


def test_a_step_can_be_repeated_and_ranks_draw_what_one_process_draws():
    stream, rows, inputs = stream_of(some_ids()), np.array([0, 100, 200, 300, 400]), frozenset({"pairs"})
    whole, again, other = (stream.batch(rows, inputs, StepRandom(3, step, 0, 5)).inputs for step in (7, 7, 8))
    assert all(np.array_equal(whole[name], again[name]) for name in whole)
    assert not np.array_equal(whole["negatives"], other["negatives"])
    for rank in range(2):
        share = stream.batch(rows[rank::2], inputs, StepRandom(3, 7, 0, 5, rank, 2)).inputs
        width = share["tokens"].shape[1]
        assert np.array_equal(share["tokens"], whole["tokens"][rank::2, :width])
        assert np.array_equal(share["near"], whole["near"][rank::2, :width, :width])
        assert np.array_equal(share["negatives"], whole["negatives"][rank::2])


@KINDS
def test_an_evaluation_draws_the_same_whatever_the_batch(kind):
    stream, model = stream_of(some_ids()), model_of(kind)
    task = Task(task_of(), Encoding(SizesData(type="sizes", vocab_size=VOCABULARY)))
    together = ContextPredictions.joined([task.predict(model, stream.batch(rows, model.config.inputs))
                                          for rows in stream.evaluation_batches()])
    alone = ContextPredictions.joined([task.predict(model, stream.batch(np.array([row]), model.config.inputs)) for row in stream.starts])
    assert together.losses == pytest.approx(alone.losses, rel=1e-5)
    assert (together.examples == alone.examples).all()
    assert task.metrics(together)["loss"] > 0


# The loss


@KINDS
def test_loss_and_gradient_against_loops(kind):
    stream, model, negatives = stream_of(some_ids()), model_of(kind), 5
    batch = stream.batch(np.array([0, 60]), model.config.inputs, StepRandom(1, 1, 0, 2))
    inputs = {name: torch.from_numpy(array) for name, array in batch.inputs.items()}
    targets = {name: type(target)(*map(torch.from_numpy, target)) for name, target in batch.targets.items()}
    loss = NegativeSamplingLoss("words", negatives)
    total, count = loss.sums(model, inputs, targets, loss.count(targets), 1)["loss"]
    total.backward()

    words, outputs = (table.weight.detach().numpy().astype(float) for table in (model.embedding.tokens, model.output))
    expected, examples, weight = 0.0, 0, negatives / batch.inputs["negatives"].shape[1]
    by_word, by_output = np.zeros_like(words), np.zeros_like(outputs)
    for tokens, near, drawn in zip(batch.inputs["tokens"], batch.inputs["near"], batch.inputs["negatives"], strict=True):
        for place, word in enumerate(tokens):
            around = [tokens[other] for other in np.flatnonzero(near[place])]
            read = [([word], target) for target in around] if kind == "skip_gram" else [(around, word)] if around else []
            for sources, target in read:
                examples += 1
                state = np.mean([words[source] for source in sources], axis=0)
                for number, label, share in [(target, 1, 1.0), *((each, 0, weight) for each in drawn)]:
                    score = state @ outputs[number]
                    expected += share * np.log1p(np.exp(-score if label else score))
                    slope = share * (1 / (1 + np.exp(-score)) - label)
                    by_output[number] += slope * state
                    for source in sources:
                        by_word[source] += slope * outputs[number] / len(sources)
    assert int(count) == examples > 20
    assert total.item() == pytest.approx(expected, rel=1e-5)
    assert model.embedding.tokens.weight.grad.numpy() == pytest.approx(by_word, rel=1e-3, abs=1e-3)
    assert model.output.weight.grad.numpy() == pytest.approx(by_output, rel=1e-3, abs=1e-3)


@KINDS
def test_first_loss_is_that_of_scores_of_0(kind):
    config = {"skip_gram": SkipGramConfig, "cbow": CbowConfig}[kind].model_validate({"type": kind, "d_embedding": 8})
    stream, model = stream_of(some_ids()), WordVectors(config, VOCABULARY)
    batch = stream.batch(np.array([0]), config.inputs)
    targets = {name: type(target)(*map(torch.from_numpy, target)) for name, target in batch.targets.items()}
    loss = NegativeSamplingLoss("words", 5)
    total, count = loss.sums(model, as_tensors(batch.inputs, model.device), targets, loss.count(targets), 1)["loss"]
    assert (total / count).item() == pytest.approx(6 * np.log(2), rel=1e-5)


# Character n-grams


def test_a_vector_is_the_mean_of_the_words_own_and_those_of_its_ngrams():
    model = model_of("skip_gram", ngrams=NGRAMS)
    found = model.word_vectors(np.array([FIRST, PAD]), spelling_of(["ab", "abc"]))
    embedding = model.embedding
    buckets, real = embedding.buckets_of(torch.from_numpy(spelling_of(["ab", "abc"])))
    assert real.sum(dim=1).tolist() == [3 + 2, 4 + 3]  # of <ab>: <a ab b> and <ab ab>
    ngrams = embedding.ngrams.weight.detach()
    one = (embedding.words.weight[FIRST].detach() + ngrams[buckets[0][real[0]]].sum(dim=0)) / 6
    assert found[0] == pytest.approx(one.numpy(), abs=1e-6)
    assert found[1] == pytest.approx(ngrams[buckets[1][real[1]]].mean(dim=0).numpy(), abs=1e-6)


def test_equal_ngrams_share_a_bucket_wherever_they_stand():
    embedding = model_of("skip_gram", ngrams={"min": 3, "max": 3, "buckets": 1_000_000}).embedding
    buckets, real = embedding.buckets_of(torch.from_numpy(spelling_of(["nation", "rational"])))
    one, other = (set(each[known].tolist()) for each, known in zip(buckets, real, strict=True))
    assert len(one) == 6  # <na nat ati tio ion on>
    assert len(one & other) == 3  # ati tio ion


@pytest.mark.parametrize("kind", ["skip_gram", "cbow"])
def test_a_batch_gives_the_vectors_that_words_have_alone(kind):
    model, stream = model_of(kind, ngrams=NGRAMS), stream_of(some_ids())
    batch = stream.batch(np.array([0, 60]), model.config.inputs).inputs
    together = model.embedding(*(torch.from_numpy(batch[name]) for name in ("tokens", "characters", "spelling")))
    row, place = 1, 3
    alone = model.word_vectors(batch["tokens"][row, place : place + 1], stream.spelled[batch["tokens"][row, place : place + 1]])
    assert together[row, place].detach().numpy() == pytest.approx(alone[0], abs=1e-6)


# Similarity, expressions, files


def test_rank_correlation_is_scipys():
    generator = np.random.default_rng(0)
    for _ in range(20):
        first, second = generator.integers(0, 8, (2, 40)).astype(float)
        assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic)
    assert spearman(np.ones(5), np.arange(5.0)) == 0


def test_expressions():
    assert parsed("king") == [(1, "king")]
    assert parsed("king - man + woman") == [(1, "king"), (-1, "man"), (1, "woman")]
    assert parsed("-") == [(1, "-")]
    for wrong in ("", "king man", "king -", "king - man woman", "- king"):
        assert isinstance(parsed(wrong), str)


def test_pairs_of_words(tmp_path):
    (tmp_path / "pairs.tsv").write_text("# judged\nfirst\tsecond\tscore\nKing\tqueen\t8.5\ncup\tmug\t9\n", encoding="utf-8")
    pairs = read_word_pairs(tmp_path / "pairs.tsv")
    assert (pairs.first, pairs.second, pairs.scores.tolist()) == (["King", "cup"], ["queen", "mug"], [8.5, 9])
    (tmp_path / "pairs.csv").write_text("king,queen,8.5\n", encoding="utf-8")
    assert read_word_pairs(tmp_path / "pairs.csv").first == ["king"]


@pytest.mark.parametrize(("content", "words"), [("king\tqueen\n", "found 2 columns"), ("a,b,1\n", "found 1 column"), ("", "no word pairs"),
                                                ("king\tqueen\t8\ncup\tmug\tvery\n", "pairs.tsv:2"), ("a\tb\tnan\n", "not finite")])
def test_pairs_that_are_none(tmp_path, content, words):
    (tmp_path / "pairs.tsv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        read_word_pairs(tmp_path / "pairs.tsv")
    with pytest.raises(DataError, match="No such file"):
        read_word_pairs(tmp_path / "none.tsv")


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.bin"])
def test_exported_vectors_are_read_back_exactly(tmp_path, name):
    words, values = ["a", "b-c", "ä中"], np.random.default_rng(0).normal(size=(3, 7)).astype(np.float32)
    write_word_vectors(tmp_path / name, words, values)
    found = read_word_vectors(tmp_path / name, words)
    assert found.found.all() and np.array_equal(found.values, values)
    keyed = pytest.importorskip("gensim.models", reason="gensim is not installed").KeyedVectors
    read = keyed.load_word2vec_format(tmp_path / name, binary=name.endswith(".bin"))
    assert read.index_to_key == words and np.array_equal(read.vectors, values)


# Runs

RECIPE = """
data: {type: files, train: text.csv, columns: {text: text}}
tokenizer: {type: words, lowercase: true}
task: {type: word_vectors, window: 2, subsample: 0, block_size: 32, shared_negatives: 16}
model: {type: MODEL, d_embedding: 16}
training: {epochs: 6, batch_size: 8, log_every: 5, optimizer: {type: adam, learning_rate: 0.02}}
"""


def write_text(folder, kind: str = "skip_gram", n_texts: int = 300) -> None:
    """Texts in which `cat` and `dog` stand in the same places, and so do `red` and `blue`."""
    generator = np.random.default_rng(0)
    lines = ["text"]
    for _ in range(n_texts):
        animal, colour = generator.choice(["cat", "dog"]), generator.choice(["red", "blue"])
        lines.append(f"the {animal} sleeps in its basket" if generator.random() < 0.5 else f"a {colour} car drives down our street")
    (folder / "text.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "vectors.yaml").write_text(RECIPE.replace("MODEL", kind), encoding="utf-8")


@pytest.mark.parametrize(("kind", "ngrams"), [("skip_gram", "null"), ("cbow", "null"), ("skip_gram", "{min: 2, max: 3, buckets: 500}")])
def test_words_that_can_replace_each_other_become_neighbours(tmp_path, kind, ngrams):
    write_text(tmp_path, kind)
    (tmp_path / "pairs.tsv").write_text("cat\tdog\t9\ncat\tcar\t2\ncat\tzebra\t5\n", encoding="utf-8")
    nlp("train", "--config", "vectors.yaml", "--set", f"model.ngrams={ngrams}", "--set", "task.similarity=pairs.tsv", cwd=tmp_path)
    asked = nlp("predict", "vectors", "cat", "Blue", "--n-best", "3", "--json", cwd=tmp_path)
    answers = [json.loads(line) for line in asked.stdout.splitlines()]
    assert [answer["prediction"] for answer in answers] == ["dog", "red"]
    assert all(len(answer["neighbours"]) == 3 for answer in answers)
    evaluated = nlp("eval", "vectors", "--split", "validation", cwd=tmp_path).stdout
    assert "over 2 of 3 pairs of pairs.tsv; 1 skipped" in evaluated
    unknown = nlp("predict", "vectors", "cats", cwd=tmp_path, code=2 if ngrams == "null" else 0)
    assert ("similar spelling: cat" in unknown.stderr) == (ngrams == "null")


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path):
    write_text(tmp_path)
    each = ("--set", "training.checkpoints.every_steps=4")
    nlp("train", "--config", "vectors.yaml", "--name", "whole", *each, cwd=tmp_path)
    with failing_at(14):
        nlp("train", "--config", "vectors.yaml", "--name", "stopped", *each, cwd=tmp_path, code=1)
    nlp("train", "--resume", "vectors/stopped", cwd=tmp_path)
    whole, stopped = (tmp_path / "runs" / "vectors" / name for name in ("whole", "stopped"))
    last = (whole / "checkpoints" / "last").read_text().strip()
    for file in ("model.safetensors", "state.safetensors"):
        assert (whole / "checkpoints" / last / file).read_bytes() == (stopped / "checkpoints" / last / file).read_bytes()
    assert timeless(whole) == timeless(stopped)


def test_vectors_are_exported_and_other_networks_start_from_them(tmp_path):
    write_text(tmp_path)
    nlp("train", "--config", "vectors.yaml", cwd=tmp_path)
    printed = nlp("export", "vectors", "--output", "vectors.txt", cwd=tmp_path).stdout
    assert "of size 16" in printed
    lines = (tmp_path / "text.csv").read_text(encoding="utf-8").splitlines()[1:]
    labelled = ["text,label", *(f"{line},{'animal' if 'basket' in line else 'car'}" for line in lines)]
    (tmp_path / "labelled.csv").write_text("\n".join(labelled) + "\n", encoding="utf-8")
    (tmp_path / "cnn.yaml").write_text(
        "data: {type: files, train: labelled.csv}\ntask: {type: classification, label: label}\n"
        "model: {type: cnn, d_embedding: 16, n_filters: 4, START}\n"
        "training: {epochs: 1, optimizer: {type: adam, learning_rate: 0.01}}\n", encoding="utf-8")
    text = (tmp_path / "cnn.yaml").read_text(encoding="utf-8")
    (tmp_path / "by-file.yaml").write_text(text.replace("START", "vectors: vectors.txt")
                                           + "tokenizer: {type: words, lowercase: true}\n", encoding="utf-8")
    (tmp_path / "by-run.yaml").write_text(text.replace("START", "init_from: vectors"), encoding="utf-8")
    assert "(100.0%)" in nlp("train", "--config", "by-file.yaml", cwd=tmp_path).stderr
    assert "parameters of vectors/" in nlp("train", "--config", "by-run.yaml", cwd=tmp_path).stderr


def test_bad_input_is_one_sentence(tmp_path):
    write_text(tmp_path)
    (tmp_path / "pairs.tsv").write_text("zebra\tgnu\t9\nemu\tlama\t2\n", encoding="utf-8")
    for settings, words in (("task.similarity=pairs.tsv", "0 of its 2 pairs"), ("task.similarity=none.tsv", "No such file"),
                            ("model.dropout=0.1", "leave it out"), ("tokenizer.type=characters", "must be `words`"),
                            ("tokenizer.max_length=5", "running text"), ("model.ngrams={min: 4, max: 3}", "swap them")):
        done = nlp("train", "--config", "vectors.yaml", "--set", settings, cwd=tmp_path, code=2)
        assert words in done.stderr and "Traceback" not in done.stderr
    nlp("train", "--config", "vectors.yaml", "--set", "training.epochs=1", cwd=tmp_path)
    assert "--beam-size" in nlp("predict", "vectors", "cat", "--beam-size", "2", cwd=tmp_path, code=2).stderr
    assert "cannot be written" in nlp("export", "vectors", "-o", "none/vectors.txt", cwd=tmp_path, code=2).stderr
