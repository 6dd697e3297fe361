"""Parsing from CoNLL-U to scores: what is read, what is counted, what a network learns, and the command end to end."""

import gzip
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from command import interrupted, nlp, timeless, weights
from contracts import one_thread
from nlp.configs.load import load_recipe
from nlp.configs.schema.data import FileData, SizesData
from nlp.configs.schema.models.networks import CharacterCnnConfig, RecurrentConfig
from nlp.configs.schema.models.transformers import TransformerConfig
from nlp.configs.schema.tasks.parsing import BiaffineConfig, ParsingConfig
from nlp.configs.schema.tokenizer import SubwordTokenizer, WordTokenizer
from nlp.datasets.build import build_data
from nlp.datasets.encoded.split import Encoding, Target
from nlp.errors import ConfigError, DataError
from nlp.models.build import build_model
from nlp.models.head import Head, TreeSizes
from nlp.models.layers.biaffine import NOWHERE, Biaffine
from nlp.tasks.build import build_task, preparation
from nlp.tasks.losses import TreeLoss
from nlp.tasks.parsing import universal
from nlp.tasks.tree_drawing import drawn_tree
from torch.nn.functional import cross_entropy

__all__ = ["one_thread"]

EWT = Path(os.environ.get("NLP_DATA", "not-set")) / "ud_english_ewt" / "en_ewt-ud-test.conllu.gz"
TASK = ParsingConfig(type="parsing")
WORDS = WordTokenizer(type="words", split="whitespace", min_frequency=1)
TREES = [
    [("the", "DET", 2, "det"), ("dog", "NOUN", 3, "nsubj"), ("barks", "VERB", 0, "root")],
    [("a", "DET", 3, "det"), ("big", "ADJ", 3, "amod"), ("cat", "NOUN", 4, "nsubj"), ("saw", "VERB", 0, "root"), ("the", "DET", 6, "det"),
     ("dog", "NOUN", 4, "obj")],
    [("dogs", "NOUN", 3, "nsubj:pass"), ("were", "AUX", 3, "aux:pass"), ("seen", "VERB", 0, "root")],
    [("cats", "NOUN", 2, "nsubj"), ("sleep", "VERB", 0, "root")],
]
WITH_RANGES = ("# text = Don't bark.\n1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_\n1\tDo\tdo\tAUX\t_\t_\t3\taux\t_\tx=1\n"
               "2\tn't\tnot\tPART\t_\t_\t3\tadvmod\t_\t_\n2.1\tyou\tyou\tPRON\t_\t_\t_\t_\t3:nsubj\t_\n3\tbark\tbark\tVERB\t_\t_\t0\troot\t_\t_\n")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_CACHE", str(tmp_path / "cache"))


def conllu(trees) -> str:
    return "\n".join("".join(f"{place}\t{form}\t{form.lower()}\t{tag}\tX{tag}\t_\t{head}\t{relation}\t_\t_\n"
                             for place, (form, tag, head, relation) in enumerate(tree, start=1)) for tree in trees)


def files(folder: Path, train=TREES, test=TREES[:2]) -> FileData:
    for name, trees in (("train", train), ("validation", TREES), ("test", test)):
        (folder / f"{name}.conllu").write_text(trees if isinstance(trees, str) else conllu(trees), encoding="utf-8")
    paths = {name: str(folder / f"{name}.conllu") for name in ("train", "validation", "test")}
    return FileData(type="files", **paths)


def test_trees_become_heads_and_relations(tmp_path):
    data = build_data(files(tmp_path), None, preparation(TASK))
    assert data.encoding.labels == ("amod", "aux:pass", "det", "nsubj", "nsubj:pass", "obj", "root")
    assert data.encoding.label_counts == (1, 1, 3, 3, 1, 1, 4)
    batch = data.splits["train"].batch(np.array([1, 0]), {"text"})
    assert batch.inputs["sentences"][1] == [("the", "DET"), ("dog", "NOUN"), ("barks", "VERB")]
    assert batch.targets["heads"].filled(-1).tolist() == [[3, 3, 4, 0, 6, 4], [2, 3, 0, -1, -1, -1]]
    assert data.splits["train"].example(0)["label"] == "2:det 3:nsubj 0:root"


def test_columns_are_read_beside_words_and_their_characters(tmp_path):
    task = ParsingConfig(type="parsing", columns=["form", "upos", "lemma"])
    data = build_data(files(tmp_path), WORDS, preparation(task))
    assert list(data.encoding.spec.columns) == ["upos", "lemma"]
    inputs = data.splits["train"].batch(np.array([1, 0]), {"tokens", "characters", "columns"}).inputs
    assert inputs["columns"].shape == (2, 6, 2)
    assert inputs["columns"][1, 3:].tolist() == [[0, 0]] * 3
    tags = data.encoding.tokenizers["column1"].tokens(inputs["columns"][0, :, 0])
    assert tags == ["DET", "[UNK]", "NOUN", "VERB", "DET", "NOUN"], "ADJ is seen once"


def test_pieces_of_a_word_have_its_columns(tmp_path):
    pieces = SubwordTokenizer(type="bpe", vocab_size=264, min_frequency=1)
    data = build_data(files(tmp_path), pieces, preparation(TASK))
    split = data.splits["train"]
    inputs = split.batch(np.array([0, 1]), {"tokens", "columns"}).inputs
    assert inputs["tokens"].shape == inputs["columns"].shape[:2]
    first = inputs["first_pieces"][0, :3]
    alone = build_data(files(tmp_path), WORDS, preparation(TASK)).splits["train"].batch(np.array([0]), {"tokens", "columns"}).inputs
    assert inputs["columns"][0, first].tolist() == alone["columns"][0].tolist()


def test_multiword_tokens_and_empty_nodes_are_left_out(tmp_path):
    split = build_data(files(tmp_path, test=WITH_RANGES), None, preparation(TASK)).splits["test"]
    assert split.sentences == [["Do", "n't", "bark"]]
    assert split.heads.ids.tolist() == [3, 3, 0]


BROKEN = [
    (lambda tree: [*tree[:2], ("barks", "VERB", 2, "root")], ["no word with the head 0", "exactly one root"]),
    (lambda tree: [("the", "DET", 0, "root"), *tree[1:]], ["2 words with the head 0, word 1 (`the`) and word 3 (`barks`)"]),
    (lambda tree: [("the", "DET", 9, "det"), *tree[1:]], ["word 1 (`the`) has the head 9, which is outside the sentence of 3 words"]),
    (lambda tree: [("the", "DET", 1, "det"), *tree[1:]], ["the head 1, which is the word itself"]),
    (lambda tree: [("the", "DET", "_", "det"), *tree[1:]], ["the head '_', which is not a number"]),
    (lambda tree: [("the", "DET", "-1", "det"), *tree[1:]], ["the head '-1', which is not a number"]),
    (lambda tree: [("the", "DET", 2, "det"), ("dog", "NOUN", 1, "nsubj"), tree[2]], ["form a cycle", "word 1 (`the`), word 2"]),
]


@pytest.mark.parametrize(("broken", "words"), BROKEN)
def test_what_is_no_tree_is_named_with_its_place(tmp_path, broken, words):
    (tmp_path / "parser.yaml").write_text(RECIPE, encoding="utf-8")
    files(tmp_path, train=[TREES[3], broken(TREES[0])])
    printed = nlp("train", "--config", "parser.yaml", cwd=tmp_path, code=2).stderr
    assert "train.conllu:4: " in printed, "the line on which the sentence begins"
    assert all(word in printed for word in words)
    assert printed.count("Error: ") == 1 and "\n" not in printed.rpartition("Error: ")[2].strip()


def test_columns_that_do_not_fit(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(json.dumps({"form": "a b", "upos": "X", "head": "0 1", "deprel": "root x"}), encoding="utf-8")
    data = FileData(type="files", train=str(path), validation=str(path))
    with pytest.raises(DataError, match=r"train\.jsonl:1 has 2 words in column `form` but 1 values in column `upos`"):
        build_data(data, None, preparation(TASK))


class Says:
    """A parser that returns the given trees."""

    scores_are = "trees"

    def __init__(self, heads, relations):
        self.found = [list(map(np.array, rows)) for rows in (heads, relations)]

    def parse(self, sentences):
        return self.found


def test_figures_by_hand(tmp_path):
    data = build_data(files(tmp_path, test=[TREES[2], TREES[0]]), None, preparation(TASK))
    task, batch = build_task(TASK, data.encoding), data.splits["test"].batch(np.array([0, 1]), {"text"})
    ids = {label: number for number, label in enumerate(data.encoding.labels)}
    relations = [[ids["nsubj"], ids["det"], ids["root"]], [ids["det"], ids["nsubj"], ids["root"]]]
    predictions = task.predict(Says([[3, 3, 0], [2, 1, 0]], relations), batch)
    # `nsubj` is right for `nsubj:pass`, `det` is not for `aux:pass`; of the second sentence one head is wrong.
    assert task.metrics(predictions) == {"zero_one_loss": pytest.approx(2 / 6), "uas": pytest.approx(5 / 6), "las": pytest.approx(4 / 6)}
    scores = task.row_scores(predictions, data.splits["test"])
    assert {name: rows.value() for name, rows in scores.metrics.items()} == task.metrics(predictions)
    assert task.baselines(predictions) == {"the word before": 0.0, "the word after": pytest.approx(5 / 6)}
    assert task.describe(predictions, 1)["prediction"] == "2:det 1:nsubj 0:root"
    assert task.confusion(predictions).matrix.sum() == 6


@pytest.mark.skipif(not EWT.exists(), reason="needs NLP_DATA/ud_english_ewt")
def test_scores_are_those_of_the_official_scorer(tmp_path):
    udeval = pytest.importorskip("udtools.udeval", reason="udtools, which is GPL, is a development dependency only")
    sentences = gzip.decompress(EWT.read_bytes()).decode().split("\n\n")[:60]
    data = build_data(files(tmp_path, test="\n\n".join(sentences) + "\n\n"), None, preparation(TASK))
    split, random = data.splits["test"], np.random.default_rng(0)
    labels = tuple(sorted({relation for gold in split.gold for relation in gold}))
    task = build_task(TASK, Encoding(SizesData(type="sizes", n_classes=len(labels)), labels, (1,) * len(labels)))
    batch = split.batch(np.arange(len(split)), {"text"})
    heads = [random_tree(row[mask], random) for row, mask in zip(*batch.targets["heads"], strict=True)]
    relations = [np.array([labels.index(name) if random.random() < 0.7 else int(random.integers(len(labels))) for name in gold])
                 for gold in split.gold]
    figures = task.metrics(task.predict(Says(heads, relations), batch))
    written = split_with(sentences, heads, [[labels[each] for each in row] for row in relations])
    for name, text in (("gold", "\n\n".join(sentences) + "\n\n"), ("system", written)):
        (tmp_path / f"{name}.conllu").write_text(text, encoding="utf-8")
    theirs = official(udeval, tmp_path / "gold.conllu", tmp_path / "system.conllu")
    assert 0.2 < figures["las"] < figures["uas"] < 1
    assert figures["uas"] == pytest.approx(theirs["UAS"], abs=1e-9)
    assert figures["las"] == pytest.approx(theirs["LAS"], abs=1e-9)


def official(udeval, gold: Path, system: Path) -> dict[str, float]:
    """What the scorer says of two files."""
    with gold.open(encoding="utf-8") as one, system.open(encoding="utf-8") as other:
        found = udeval.evaluate(*(udeval.load_conllu(file, file.name, {}) for file in (one, other)))
    return {name: found[name].f1 for name in ("UAS", "LAS")}


def random_tree(gold, random):
    """The gold tree with some words that hang on the root's word instead."""
    root = int(np.flatnonzero(gold == 0)[0]) + 1
    moved = (random.random(len(gold)) < 0.3) & (gold != 0)
    return np.where(moved, root, gold)


def split_with(sentences, heads, relations) -> str:
    """The sentences with other trees, enhanced ones left out."""
    written = []
    for sentence, row, names in zip(sentences, heads, relations, strict=True):
        values = iter(zip(row, names, strict=True))
        for line in sentence.splitlines():
            fields = line.split("\t")
            if fields[0].isdecimal():
                head, name = next(values)
                fields[6:8] = [str(head), name]
            written.append("\t".join(fields))
        written.append("")
    return "\n".join(written) + "\n"


def test_the_part_before_the_colon():
    assert [universal(relation) for relation in ("nsubj:pass", "nsubj", "nmod:poss:x")] == ["nsubj", "nsubj", "nmod"]


@pytest.mark.timeout(20)
def test_a_deep_tree_of_a_long_text_is_drawn_in_no_time():
    """Each word hangs on one of the five before it."""
    heads = [0, *(int(head) for head in np.random.default_rng(0).integers(np.maximum(np.arange(1999) - 4, 0), np.arange(1, 2000)) + 1)]
    assert len(drawn_tree(["word"] * 2000, heads, ["x"] * 2000)) == 2000


def test_a_drawn_tree():
    words, _, heads, relations = zip(*TREES[1], strict=True)
    assert drawn_tree(words, heads, relations) == [
        "   +--a    det    1 < 3",
        "   +--big  amod   2 < 3",
        "+--cat     nsubj  3 < 4",
        "saw        root   4 < 0",
        "|  +--the  det    5 < 6",
        "+--dog     obj    6 < 4",
    ]


# The network


SIZES = SizesData(type="sizes", vocab_size=20, n_characters=9, columns={"upos": 6, "lemma": 8})
TREE = Head("tree", 4, tree=TreeSizes(12, 8, 0.1))
NETWORKS = {
    "lstm": RecurrentConfig(type="lstm", bidirectional=True, d_embedding=8, hidden_size=8, d_column=4, dropout=0.1, token_dropout=0.1,
                            characters=CharacterCnnConfig(type="cnn", n_filters=4)),
    "transformer": TransformerConfig(type="transformer", d_model=24, n_layers=1, n_heads=2, d_ff=16, d_column=4),
}


def batch_of(lengths, seed=0):
    random = np.random.default_rng(seed)
    longest = max(lengths)
    real = np.arange(longest) < np.array(lengths)[:, None]
    spelling = np.where(real, random.integers(0, 5, real.shape), 0).astype(np.int32)
    inputs = {"tokens": np.where(real, random.integers(7, 20, real.shape), 0).astype(np.int32), "lengths": np.array(lengths),
              "characters": random.integers(1, 9, (5, 3)).astype(np.int32), "spelling": spelling,
              "columns": np.where(real[..., None], random.integers(1, 6, (*real.shape, 2)), 0).astype(np.int32)}
    heads = np.stack([np.where(here, np.maximum(np.arange(longest), 0), -1) for here in real])
    return inputs, {"heads": Target(heads, real), "relations": Target(np.where(real, heads % 4, -1), real)}


def network(name):
    torch.manual_seed(0)
    return build_model(NETWORKS[name], SIZES, TREE)


def given(name, inputs):
    return {key: value for key, value in inputs.items() if key not in ("characters", "spelling") or NETWORKS[name].characters}


def test_biaffine_scores_by_hand():
    layer = Biaffine(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]]))
    first, second = torch.tensor([[1.0, 2]]), torch.tensor([[3.0, 4], [0, 0]])
    # (1, 2, 1) W (3, 4, 1)' = (16, 20, 24) . (3, 4, 1) = 152; of (0, 0, 1) 24
    assert layer(first, second).tolist() == [[[152.0, 24.0]]]
    assert layer.paired(first, second[:1]).tolist() == [[152.0]]


def test_without_a_term_of_the_first_vector_the_second_still_has_one():
    """A head can be likely whatever the dependent; a term of the dependent alone would be the same for all heads."""
    layer = Biaffine(2, 1, of_first=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[1.0, 2], [4, 5], [7, 8]]]))
    # (1, 2, 1) W = (16, 20); (0, 0, 1) W = (7, 8)
    assert layer(torch.tensor([[1.0, 2], [0, 0]]), torch.tensor([[3.0, 4], [0, 0]])).tolist() == [[[128.0, 0.0], [53.0, 0.0]]]


@pytest.mark.parametrize("name", NETWORKS)
def test_batch_and_padding_change_nothing(name):
    model = network(name)
    inputs, _ = batch_of([5, 2, 1])
    together = model.outputs(**given(name, inputs))
    assert together["arcs"].shape == (3, 5, 6)
    for row, length in enumerate([5, 2, 1]):
        alone = {key: value[[row]][:, :length] if key in ("tokens", "spelling", "columns") else value for key, value in inputs.items()}
        alone["lengths"] = inputs["lengths"][[row]]
        arcs = model.outputs(**given(name, alone))["arcs"]
        np.testing.assert_allclose(together["arcs"][row, :length, : length + 1], arcs[0], rtol=1e-4, atol=1e-5)
    assert (together["arcs"][:, np.arange(5), np.arange(1, 6)] == NOWHERE).all(), "no word is its own head"
    assert (together["arcs"][2, 0, 2:] == NOWHERE).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_loss_is_that_of_torch_and_reaches_every_parameter(name):
    model = network(name).eval()
    inputs, targets = batch_of([5, 2, 1])
    tensors = {key: torch.from_numpy(value) for key, value in given(name, inputs).items()}
    on_device = {key: Target(torch.from_numpy(values), torch.from_numpy(mask)) for key, (values, mask) in targets.items()}
    loss = TreeLoss(model.output)
    total, count = loss.sums(model, tensors, on_device, loss.count(on_device), 1)["loss"]
    out, expected = model(**tensors), 0.0
    for row, place in zip(*np.nonzero(targets["heads"].mask), strict=True):
        head, relation = (torch.tensor([targets[key].values[row, place]]) for key in ("heads", "relations"))
        pair = out["dependents"][row, place].unsqueeze(0), out["heads"][row, head]
        expected += cross_entropy(out["arcs"][row, place].unsqueeze(0), head)
        expected += cross_entropy(model.output.relations.paired(*pair), relation)
    assert int(count) == 8
    torch.testing.assert_close(total, expected)
    total.backward()
    assert all(parameter.grad is not None and bool(parameter.grad.abs().sum() > 0) for parameter in model.parameters())


def test_the_number_of_parameters_by_hand(tmp_path):
    printed = json.loads(nlp("count-params", "--config", "counting/biaffine", "--format", "json", cwd=tmp_path).stdout)
    words, columns = 10_000 * 100, (20 + 53) * 50
    first, second = (2 * 4 * (size * 200 + 200 * 200 + 2 * 200) for size in (200, 400))
    mlps = 2 * (400 * 400 + 400) + 2 * (400 * 100 + 100)
    biaffine = 400 * 401 + 50 * 101 * 101
    assert printed["total_parameters"] == words + columns + first + second + 400 + mlps + biaffine


@pytest.mark.parametrize(("setting", "words"), [
    ("model.d_column=null", "which this network would not read: set model.d_column"),
    ("task.columns=[form]", "it works only with `task: {type: parsing}` and more than one task.columns"),
    ("task.columns=[form, upos, form]", "names a column twice"),
    ("model={type: naive_bayes}", "does not support task.type parsing; use one of perceptron_parser"),
    ("model={type: perceptron_parser}", "not trained in steps"),
    ("training.best_metric=accuracy", "not a metric of parsing; use one of loss, uas, las"),
    ("tokenizer.max_length=10", "one token at a time"),
    ("model.pooling=max", "leave it out"),
])
def test_settings_that_do_not_fit(tmp_path, setting, words):
    files(tmp_path)
    (tmp_path / "parser.yaml").write_text(RECIPE, encoding="utf-8")
    with pytest.raises(ConfigError, match=words.replace("{", r"\{")):
        load_recipe(str(tmp_path / "parser.yaml"), [setting])


def test_a_biaffine_output_is_for_networks_and_a_tagger_for_a_column():
    task = ParsingConfig(type="parsing", columns=["form"], tagger="x", biaffine=BiaffineConfig(d_arc=3))
    recipe = load_recipe("ud_english_ewt/parser-perceptron").model_copy(update={"task": task})
    problems = {".".join(problem.path) for problem in task.problems(recipe)}
    assert problems == {"task.biaffine", "task.tagger"}


# The command


RECIPE = """
data: {type: files, train: train.conllu, validation: validation.conllu, test: test.conllu}
tokenizer: {type: words, split: whitespace, min_frequency: 1}
task: {type: parsing, columns: [form, upos], biaffine: {d_arc: 16, d_relation: 16, dropout: 0.0}}
model: {type: lstm, bidirectional: true, d_embedding: 16, d_column: 16, hidden_size: 16, characters: {type: cnn, n_filters: 8}}
training: {epochs: 30, batch_size: 2, optimizer: {type: adamw, learning_rate: 0.02}}
"""
PERCEPTRON = """
data: {type: files, train: train.conllu, validation: validation.conllu, test: test.conllu}
task: {type: parsing}
model: {type: perceptron_parser, n_iterations: 5, min_frequency: 1, hash_bits: 14}
"""
TAGGER = """
data: {type: files, train: train.conllu, columns: {tokens: form, tags: upos}}
task: {type: tagging}
model: {type: most_frequent_tag}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with runs of a network, of a perceptron, of a tagger and of a parser that reads its tags."""
    folder = tmp_path_factory.mktemp("parsing")
    files(folder)
    tagged = PERCEPTRON.replace("{type: parsing}", "{type: parsing, tagger: tagger}")
    for name, text in (("network", RECIPE), ("perceptron", PERCEPTRON), ("tagger", TAGGER), ("tagged", tagged)):
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
        nlp("train", "--config", f"{name}.yaml", "--name", "first", cwd=folder)
    return folder


@pytest.mark.parametrize("name", ["network", "perceptron"])
def test_the_command_from_training_to_evaluation(trained, name):
    results = json.loads((trained / f"runs/{name}/first/results.json").read_text(encoding="utf-8"))
    assert results["train"]["las"] == 1.0
    reported = json.loads(nlp("eval", f"{name}/first", "--json", cwd=trained).stdout)
    assert reported["metrics"]["las"]["value"] == results["test"]["las"]
    assert set(reported["baselines"]) == {"the word before", "the word after"}
    line = json.loads((trained / f"runs/{name}/first/predictions/validation.jsonl").read_text(encoding="utf-8").splitlines()[3])
    assert line == {"row": 3, "text": "cats sleep", "label": "2:nsubj 0:root", "prediction": "2:nsubj 0:root"}
    nlp("count-params", "--config", f"{name}.yaml", "--format", "json", cwd=trained)
    nlp("data", "check", f"{name}.yaml", cwd=trained)


def test_parsers_are_compared(trained):
    printed = nlp("compare", "network/first", "perceptron/first", cwd=trained).stdout
    assert "las" in printed


def test_several_seeds_and_a_learning_curve(tmp_path):
    files(tmp_path, train=TREES * 4)
    (tmp_path / "perceptron.yaml").write_text(PERCEPTRON, encoding="utf-8")
    results = json.loads(nlp("train", "--config", "perceptron.yaml", "--seeds", "2", "--json", cwd=tmp_path).stdout)
    assert [each["seed"] for each in results] == [1, 2]
    assert "las" in nlp("learning-curve", "perceptron.yaml", "--sizes", "4,8", "--seeds", "1", cwd=tmp_path).stdout


@pytest.mark.parametrize("name", ["network", "perceptron"])
def test_predictions_for_a_file_are_written_as_conllu(trained, name):
    (trained / "asked.conllu").write_text(WITH_RANGES.replace("\t3\taux", "\t_\t_"), encoding="utf-8")
    nlp("predict", name, "--input", "asked.conllu", "--output", f"{name}.conllu", cwd=trained)
    before, after = ((trained / file).read_text(encoding="utf-8").splitlines() for file in ("asked.conllu", f"{name}.conllu"))
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        if old.startswith(("#", "1-2", "2.1")):
            assert old == new
        else:
            fields, filled = old.split("\t"), new.split("\t")
            assert filled[:6] + filled[8:] == fields[:6] + fields[8:]
            assert filled[6].isdecimal()
    one, many = (nlp("predict", name, "--json", *arguments, cwd=trained).stdout for arguments in (
        ["the dog barks\tDET NOUN VERB", "cats sleep\tNOUN VERB"], ["cats sleep\tNOUN VERB"]))
    assert one.splitlines()[1:] == many.splitlines()
    assert json.loads(many) == {"text": "cats sleep", "prediction": "2:nsubj 0:root", "head": "2 0", "deprel": "nsubj root"}


def test_a_text_without_tags_is_refused_and_with_a_tagger_parsed(trained):
    printed = nlp("predict", "perceptron", "the dog barks", cwd=trained, code=2).stderr
    assert "has one column, but this parser reads form, upos of each word" in printed
    drawn = nlp("predict", "tagged", "the dog barks", cwd=trained).stdout
    assert drawn.splitlines()[:3] == ["   +--the  det    1 < 2", "+--dog     nsubj  2 < 3", "barks      root   3 < 0"]


def test_a_tagger_of_another_column_is_refused(trained):
    printed = nlp("train", "--config", "tagged.yaml", "--set", "task.columns=[form, xpos]", cwd=trained, code=2).stderr
    assert "task.tagger: " in printed and "`ADJ`" in printed and "`XADJ`" in printed
    printed = nlp("train", "--config", "tagged.yaml", "--set", "task.tagger=network", cwd=trained, code=2).stderr
    assert printed.startswith("Error: task.tagger: network/first is a run of lstm for parsing")


PIPELINE = """
data: {type: files, train: texts.csv, validation_share: 0.25}
task: {type: classification}
tokenizer: {type: ngrams, words: [1, 1], analysis: {split: whitespace, syntax: {parser: RUN}}}
model: {type: logistic_regression}
"""


def test_pairs_of_words_and_heads_are_features_of_a_classical_pipeline(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(trained)
    rows = ["text,label", *(f"{text},{label}" for text, label in (("the dog barks", "a"), ("the cat sleep", "b")) * 6)]
    (trained / "texts.csv").write_text("\n".join(rows), encoding="utf-8")
    (trained / "pipeline.yaml").write_text(PIPELINE.replace("RUN", "tagged"), encoding="utf-8")
    shown = nlp("tokenizer", "show", "pipeline.yaml", "The dog barks", cwd=trained).stdout
    assert ["syntax:", "dog>the", "barks>dog"] in [line.split() for line in shown.splitlines()]
    nlp("train", "--config", "pipeline.yaml", "--name", "first", cwd=trained)
    assert "parser: tagged/first" in (trained / "runs/pipeline/first/config.yaml").read_text(encoding="utf-8")
    assert nlp("predict", "pipeline", "the dog barks", cwd=trained).stdout.startswith("a ")
    names = json.loads((trained / "runs/pipeline/first/tokenizer/ngrams.json").read_text(encoding="utf-8"))
    assert "barks>dog" in names["syntax"]
    for run, words in (("perceptron", "reads tags, which a text does not have"), ("tagger", "is a run of most_frequent_tag")):
        (trained / "other.yaml").write_text(PIPELINE.replace("RUN", run), encoding="utf-8")
        printed = nlp("train", "--config", "other.yaml", cwd=trained, code=2).stderr
        assert printed.startswith("Error: tokenizer.analysis.syntax.parser: ") and words in printed


@pytest.mark.slow
def test_killed_inside_an_epoch_and_resumed_it_ends_with_the_same_bytes(tmp_path):
    files(tmp_path, train=TREES * 15)
    training = ("training: {epochs: 8, batch_size: 2, log_every: 3, optimizer: {type: adamw, learning_rate: 0.01}, "
                "checkpoints: {every_steps: 3}}")
    (tmp_path / "parser.yaml").write_text("\n".join([*RECIPE.splitlines()[:-1], training]), encoding="utf-8")
    nlp("train", "--config", "parser.yaml", "--name", "whole", cwd=tmp_path)
    code, _ = interrupted(tmp_path, "parser.yaml", "killed", signal.SIGKILL, 0.05)
    assert code == -signal.SIGKILL
    nlp("train", "--resume", "parser/killed", cwd=tmp_path)
    full, killed = (tmp_path / "runs" / "parser" / name for name in ("whole", "killed"))
    for which in ("last", "best"):
        assert weights(killed, which) == weights(full, which)
    assert timeless(killed) == timeless(full)
