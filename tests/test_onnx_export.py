"""`nlp export RUN --output model.onnx`: what onnxruntime computes without this package, which runs are refused, and what is written."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace

import nlp as package
import numpy as np
import pytest
from command import nlp
from nlp.configs.load import load_recipe
from nlp.errors import ConfigError, MissingExtraError
from nlp.storage import write_files
from nlp.training.export import onnx_export
from nlp.training.folder.run_directory import RunDirectory
from nlp.training.open_run import open_run
from tiny_runs import CLASSES, LETTERS, NGRAMS, RECIPES, STEPS, TAGGING, WORDS, write_data

ROOT = Path(package.__file__).parent
TRANSFORMER = "model: {type: transformer, d_model: 8, n_layers: 1, n_heads: 2, d_ff: 16, max_positions: 9"
MASKED = "data: {type: files, train: text.txt, test: text.txt, validation_share: 0.25}\ntask: {type: masked_language_modeling, "
FILES = "data: {type: files, train: FILE, test: FILE, validation_share: 0.25}\ntask: {type: TASK}"
TEXT_MODELS = {
    "cnn": RECIPES["cnn"],
    "mlp": RECIPES["mlp"],
    "gru": RECIPES["gru"],
    "bilstm": [CLASSES, LETTERS, "model: {type: lstm, d_embedding: 8, hidden_size: 8, n_layers: 2, bidirectional: true, pooling: last}",
               STEPS],
    "rnn": [CLASSES, LETTERS, "model: {type: rnn, d_embedding: 8, hidden_size: 8, pooling: attention}", STEPS],
    "transformer": [CLASSES, "tokenizer: {type: characters, add_cls: true}", f"{TRANSFORMER}, positions: relative, pooling: cls}}", STEPS],
    "number": [FILES.replace("FILE", "numbers.csv").replace("TASK", "regression, text: first, target: number"), LETTERS,
               "model: {type: cnn, d_embedding: 8, n_filters: 4, filter_widths: [2, 3], pooling: mean}", STEPS],
}
"""Models that read one text as tokens and lengths."""
OTHER_MODELS = {
    "ngrams": [CLASSES, NGRAMS, "model: {type: mlp, hidden_sizes: [8]}", STEPS],
    "towers": [FILES.replace("FILE", "numbers.csv").replace("TASK", "classification, text: first, other: second, label: kind"), WORDS,
               "model: {type: mlp, d_embedding: 8, towers: {shared: false}}", STEPS],
    "pair": [FILES.replace("FILE", "numbers.csv").replace("TASK", "classification, text: first, other: second, label: kind"), WORDS,
             f"{TRANSFORMER}, n_segments: 2}}", STEPS],
    "vectors": [FILES.replace("FILE", "numbers.csv").replace("TASK", "classification, numbers: [number, square], label: kind"),
                "model: {type: mlp, input: vector, hidden_sizes: [4]}", STEPS],
    "tagger": [TAGGING, WORDS, "model: {type: lstm, d_embedding: 8, hidden_size: 8, bidirectional: true, characters: {type: cnn, "
               "n_filters: 4}}", STEPS],
    "windows": [TAGGING, WORDS.replace("min", "split: whitespace, min"), f"{TRANSFORMER.replace('9', '4')}, characters: {{type: lstm, "
                "hidden_size: 2}}", STEPS],
    "language_lstm": RECIPES["language_lstm"],
    "language_transformer": RECIPES["language_transformer"],
    "masked": [f"{MASKED}block_size: 9, next_sentence: true}}", LETTERS, f"{TRANSFORMER}, n_segments: 2}}", STEPS],
}
TEXTS = ["the big dog runs", "a", "the little bird sings and sings and the old cat sleeps on", ""]


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: pip install 'nlp-generations[export]'")
    folder = tmp_path_factory.mktemp("exports")
    write_data(folder)
    texts = [line.split(",")[0] for line in (folder / "texts.csv").read_text(encoding="utf-8").splitlines()[1:]]
    rows = [f"{text},{texts[row - 7]},{500 + row % 5},{row * row},{'ab'[row // 2 % 2]}" for row, text in enumerate(texts)]
    (folder / "numbers.csv").write_text("\n".join(["first,second,number,square,kind", *rows]) + "\n", encoding="utf-8")
    return folder


def trained(here: Path, name: str) -> Path:
    """The folder of a short run of a recipe, trained when first asked for."""
    if not (here / "runs" / name / "tiny").exists():
        (here / f"{name}.yaml").write_text("\n".join((TEXT_MODELS | OTHER_MODELS)[name]), encoding="utf-8")
        nlp("train", "--config", f"{name}.yaml", "--name", "tiny", "--set", "training.epochs=2", cwd=here)
    return here / "runs" / name / "tiny"


def exported(here: Path, name: str) -> dict:
    """What `nlp export --json` prints of a run, which is exported when first asked for."""
    printed = here / f"{name}.printed"
    if not printed.exists():
        trained(here, name)
        printed.write_text(nlp("export", name, "--output", f"{name}.onnx", "--json", cwd=here).stdout, encoding="utf-8")
    return json.loads(printed.read_text(encoding="utf-8"))


def marked(models: Iterable[str]) -> list:
    """The models as parameters; those whose parts others have too are slow tests."""
    slow = ("rnn", "bilstm", "number", "pair", "towers", "windows", "masked", "language_lstm", "language_transformer")
    return [pytest.param(name, marks=pytest.mark.slow if name in slow else ()) for name in models]


def elsewhere(here: Path, name: str, texts: list[str]) -> np.ndarray:
    """The scores of texts by onnxruntime and `tokenizers`, from the exported files alone."""
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    about = json.loads((here / f"{name}.json").read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(here / about["tokenizers"]["text"]["files"][0]))
    start = [about["special_tokens"]["[CLS]"]] if about["tokenizers"]["text"]["add_cls"] else []
    rows = [(start + (tokenizer.encode(text, add_special_tokens=False).ids or [1]))[: about["max_length"]] for text in texts]
    tokens = np.array([row + [0] * (max(map(len, rows)) - len(row)) for row in rows])
    (scores,) = InferenceSession(here / f"{name}.onnx").run(None, {"tokens": tokens, "lengths": np.array([len(row) for row in rows])})
    return scores


@pytest.mark.parametrize("name", marked(TEXT_MODELS))
def test_a_program_without_this_package_computes_the_same_scores_of_texts(here, name):
    printed = exported(here, name)
    assert printed["examples"] == 32 and printed["difference"] < 1e-5 * printed["largest"]
    run = open_run(RunDirectory(trained(here, name), here), "cpu")
    for texts in (TEXTS, TEXTS[:1], TEXTS[1:2], TEXTS * 10):
        batch = run.task.preparation.unlabelled(texts, run.encoding).batch(np.arange(len(texts)), run.model.config.inputs)
        wanted = run.task.predict(run.model, batch).predicted if name == "number" else run.model.scores(**batch.inputs)
        assert np.allclose(elsewhere(here, name, texts), wanted, rtol=1e-5, atol=1e-5)


ARRAYS = {
    "ngrams": ({"tokens", "lengths", "weights"}, [["batch", 3]]),
    "towers": ({"tokens", "lengths", "other_tokens", "other_lengths"}, [["batch", 2]]),
    "pair": ({"tokens", "lengths", "segments"}, [["batch", 2]]),
    "vectors": ({"vectors"}, [["batch", 2]]),
    "tagger": ({"tokens", "lengths", "characters", "spelling", "first_pieces"}, [["batch", "words", 4]]),
    "windows": ({"tokens", "lengths", "characters", "spelling"}, [["batch", "tokens", 4]]),
    "language_lstm": ({"tokens", "lengths"}, [["batch", "tokens", 26]]),
    "language_transformer": ({"tokens", "lengths"}, [["batch", "tokens", 263]]),
    "masked": ({"tokens", "lengths", "segments"}, [["batch", "tokens", 26], ["batch", 2]]),
}
"""Names of the inputs and shapes of the outputs."""


@pytest.mark.parametrize("name", marked(ARRAYS))
def test_models_that_read_or_give_something_else_are_exported_and_described(here, name):
    (inputs, outputs), printed = ARRAYS[name], exported(here, name)
    assert 0 <= printed["difference"] < 1e-5 * printed["largest"]
    about = json.loads((here / f"{name}.json").read_text(encoding="utf-8"))
    assert {each["name"] for each in about["inputs"]} == inputs
    assert [each["shape"] for each in about["outputs"]] == outputs
    assert [Path(file).name for file in printed["files"]][:2] == [f"{name}.onnx", f"{name}.json"]
    assert all(Path(file).is_file() for file in printed["files"])
    roles = {"vectors": set(), "tagger": {"text", "characters"}, "windows": {"text", "characters"}}.get(name, {"text"})
    assert about.get("tokenizers", {}).keys() == roles


def test_a_tagger_without_this_package_computes_the_same_scores(here):
    """Each distinct word is spelled once, and a word of two tokens is read by its first."""
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    exported(here, "tagger")
    text, characters = (Tokenizer.from_file(str(here / f"tagger.{role}tokenizer.json")) for role in ("", "characters."))
    words = ["the", "dog-cat", "runs", "the"]
    pieces = [text.encode(word).ids for word in words]
    spelled = [characters.encode(word).ids for word in words]
    widest = max(map(len, spelled))
    arrays = {
        "tokens": [[piece for word in pieces for piece in word]],
        "lengths": [sum(map(len, pieces))],
        "characters": [ids + [0] * (widest - len(ids)) for ids in spelled],
        "spelling": [[place for place, word in enumerate(pieces) for _ in word]],
        "first_pieces": [np.cumsum([0, *map(len, pieces[:-1])]).tolist()],
    }
    (scores,) = InferenceSession(here / "tagger.onnx").run(None, {name: np.array(values) for name, values in arrays.items()})
    run = open_run(RunDirectory(trained(here, "tagger"), here), "cpu")
    batch = run.task.preparation.unlabelled([" ".join(words)], run.encoding).batch(np.arange(1), run.model.config.inputs)
    assert arrays["first_pieces"] == [[0, 1, 4, 5]]
    assert np.allclose(scores, run.model.scores(**batch.inputs), rtol=1e-5, atol=1e-5)


def test_the_files_say_what_a_program_needs(here):
    import onnx
    from onnxruntime import InferenceSession

    exported(here, "cnn")
    about = json.loads((here / "cnn.json").read_text(encoding="utf-8"))
    assert about["run"] == "cnn/tiny" and about["labels"] == ["bird", "cat", "dog"] and about["special_tokens"]["[PAD]"] == 0
    assert about["inputs"][0] == {"name": "tokens", "dtype": "int64", "shape": ["batch", "tokens"]}
    saved = here / "runs" / "cnn" / "tiny" / "tokenizer" / "tokenizer.json"
    assert (here / "cnn.tokenizer.json").read_bytes() == saved.read_bytes()
    session = InferenceSession(here / "cnn.onnx")
    assert {name: json.loads(text) for name, text in session.get_modelmeta().custom_metadata_map.items()} == about
    assert [(each.name, each.shape) for each in session.get_inputs()] == [("tokens", ["batch", "tokens"]), ("lengths", ["batch"])]
    assert [(each.name, each.shape) for each in session.get_outputs()] == [("logits", ["batch", 3])]
    onnx.checker.check_model(str(here / "cnn.onnx"), full_check=True)
    assert str(ROOT).encode() not in (here / "cnn.onnx").read_bytes(), "nor anything else about this machine"


def test_positions_and_scaling_are_described(here):
    exported(here, "transformer")
    assert json.loads((here / "transformer.json").read_text(encoding="utf-8"))["max_length"] == 9
    exported(here, "vectors")
    scaling = json.loads((here / "vectors.json").read_text(encoding="utf-8"))["normalization"]
    assert scaling["columns"] == ["number", "square"] and len(scaling["means"]) == len(scaling["spreads"]) == 2


def test_weights_of_ngrams_are_those_of_scikit_learn(here):
    """With the files beside the graph, as the docs say."""
    from onnxruntime import InferenceSession
    from safetensors.numpy import load_file
    from sklearn.feature_extraction.text import TfidfVectorizer

    exported(here, "ngrams")
    names = json.loads((here / "ngrams.ngrams.json").read_text(encoding="utf-8"))["words"]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", vocabulary=names)
    vectorizer.idf_ = load_file(here / "ngrams.idf.safetensors")["idf"]
    row = vectorizer.transform([TEXTS[0]])
    arrays = {"tokens": row.indices[None].astype(np.int64), "lengths": np.array([row.nnz]), "weights": row.data[None].astype(np.float32)}
    (scores,) = InferenceSession(here / "ngrams.onnx").run(None, arrays)
    run = open_run(RunDirectory(trained(here, "ngrams"), here), "cpu")
    batch = run.task.preparation.unlabelled(TEXTS[:1], run.encoding).batch(np.arange(1), run.model.config.inputs)
    assert np.allclose(scores, run.model.scores(**batch.inputs), rtol=1e-5, atol=1e-6)


def test_a_graph_that_computes_something_else_is_not_written(here, monkeypatch):
    from nlp.training.export.layers import Recurrence

    trained(here, "gru")
    monkeypatch.setattr(Recurrence, "GATES", {"GRU": (0, 1, 2)})
    error = nlp("export", "gru", "--output", "wrong.onnx", cwd=here, code=2).stderr
    assert "The exported network differs from gru/tiny: by up to" in error and "Nothing was written" in error
    assert not list(here.glob("wrong*")) and not list(here.glob(".tmp*"))


def test_files_beside_it_are_replaced_only_with_the_graph(here):
    exported(here, "mlp")
    before = (here / "mlp.json").read_bytes()
    (here / "mlp.tokenizer.json").write_text("old", encoding="utf-8")
    nlp("export", "mlp", "--output", "mlp.onnx", cwd=here)
    assert (here / "mlp.json").read_bytes() == before and (here / "mlp.tokenizer.json").read_bytes() != b"old"
    (here / "package.json").write_text("{}", encoding="utf-8")
    error = nlp("export", "mlp", "--output", "package.onnx", cwd=here, code=2).stderr
    assert "package.json exists, but package.onnx does not" in error
    assert (here / "package.json").read_text(encoding="utf-8") == "{}" and not (here / "package.onnx").exists()
    assert "is not a folder" in nlp("export", "mlp", "--output", "none/mlp.onnx", cwd=here, code=2).stderr


def test_files_that_belong_together_are_written_all_or_not_at_all(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    write_files({first: b"1", second: b"2"})
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")
    third = tmp_path / "third"
    third.mkdir()
    with pytest.raises(IsADirectoryError):
        write_files({first: b"new", third: b"new", second: b"new"})
    with pytest.raises(FileNotFoundError):
        write_files({first: b"new", tmp_path / "none" / "file": b"new"})
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")
    assert {path.name for path in tmp_path.iterdir()} == {"first", "second", "third"}


def run_of(recipe: str) -> SimpleNamespace:
    """As much of a run as says whether it can be exported."""
    loaded = load_recipe(recipe)
    return SimpleNamespace(directory=SimpleNamespace(address=recipe), recipe=loaded, task=SimpleNamespace(type=loaded.task.type),
                           model=SimpleNamespace(state_dict=dict))


@pytest.mark.parametrize(("recipe", "words"), [
    ("names/rules", "a model of type rules, which is not a network"), ("names/naive-bayes", "which is not a network"),
    ("dates/additive", "task.type sequence_to_sequence"), ("names/gan", "task.type adversarial"),
    ("brown/skip-gram", "task.type word_vectors"), ("names/autoencoder", "task.type autoencoding"),
    ("multi30k/retrieval", "task.type ranking"), ("names/neural-symbolic", "type neural_symbolic"),
    ("ud_english_ewt/parser-biaffine", "task.type parsing"), ("conll2000/bilstm-crf", "--set task.crf=false"),
    ("sst2/hf-encoder-frozen", "type pretrained"),
])
def test_what_is_not_a_graph_of_arrays_is_refused_with_what_can_be_exported(recipe, words):
    with pytest.raises(ConfigError, match=re.escape(words)) as found:
        onnx_export.refuse(run_of(recipe))
    assert "cnn, picture_cnn, rnn, lstm, gru and transformer" in str(found.value)


@pytest.mark.parametrize("recipe", ["names/cnn", "names/lstm", "names/gru", "names/bilstm", "names/mlp", "names/transformer", "digits/cnn",
                                    "names/masked-lm", "pydocs/lstm", "conll2000/bilstm"])
def test_networks_that_can_be_exported_are_not_refused(recipe):
    onnx_export.refuse(run_of(recipe))


def test_each_kind_of_file_is_for_its_kind_of_run(here):
    trained(here, "cnn")
    assert "name an --output that ends in .onnx" in nlp("export", "cnn", "--output", "cnn.txt", cwd=here, code=2).stderr


def test_without_the_extra_its_command_is_named(monkeypatch):
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None if name == "onnxscript" else ModuleSpec(name, None))
    with pytest.raises(MissingExtraError, match=r"onnxscript is not installed: pip install 'nlp-generations\[export\]'"):
        onnx_export.require_packages()


def test_the_example_of_the_docs_needs_no_nlp(tmp_path):
    """Run as printed in an interpreter that cannot import this package, on the run that the page trains."""
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: pip install 'nlp-generations[export]'")
    section = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8").partition("\n## Using a model elsewhere\n")[2].partition("\n## ")[0]
    code, printed = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", section, re.DOTALL)[0]
    nlp("train", "--config", "names/lstm", "--set", "training.epochs=3", cwd=tmp_path)
    nlp("export", "names/lstm", "--output", "names.onnx", cwd=tmp_path)
    script = f"import sys\nsys.modules['nlp'] = None\n{code}"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == printed
