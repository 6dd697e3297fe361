"""Published networks below outputs of ours: tiny random ones of each family, built by transformers itself."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command import nlp
from contracts import one_thread
from nlp.analysis.explanations.attention import attention, attention_rollout
from nlp.analysis.explanations.gradients import ENOUGH, integrated_gradients
from nlp.configs.load import load_recipe
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.models.pretrained import PretrainedNetworkConfig
from nlp.configs.schema.tasks.classification import ClassificationConfig
from nlp.configs.schema.training import TrainingConfig
from nlp.datasets.encoded.batching import Plan, RowOrder
from nlp.datasets.encoded.split import Batch, Encoding, Target
from nlp.errors import ConfigError
from nlp.models.build import build_model
from nlp.models.head import Head
from nlp.models.layers.lora import LoraConv1D, LoraLinear, add_lora, merged_weights
from nlp.models.networks.pretrained import Pretrained
from nlp.tasks.classification import Classification
from nlp.training.distributed import World
from nlp.training.loop.fine_tuning import FineTuning
from nlp.training.loop.gradient import GradientLearner
from nlp.training.loop.schedules import Schedule
from nlp.training.study.address import method_address
from test_pretrained_folders import saved_bert

__all__ = ["one_thread"]

transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")

N_TOKENS = 12
SIZES = SizesData(type="sizes", vocab_size=N_TOKENS, n_classes=3)
CLASSES, TAGS = Head("classes", 3), Head("tags", 3)
TASK = Classification(ClassificationConfig(type="classification"), Encoding(SIZES, tuple("abc"), (1, 1, 1)))
PLAN = Plan(RowOrder(n_rows=12, batch_size=4, seed=1), epochs=4, steps=None)
BERT = {"vocab_size": N_TOKENS, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
        "max_position_embeddings": 16}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "bert": {"model_type": "bert", **BERT},
    "roberta": {"model_type": "roberta", **BERT, "pad_token_id": 1, "max_position_embeddings": 18},
    "distilbert": {"model_type": "distilbert", "vocab_size": N_TOKENS, "dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 16,
                   "max_position_embeddings": 16},
    "albert": {"model_type": "albert", **BERT, "embedding_size": 4},
    "llama": {"model_type": "llama", **BERT, "num_key_value_heads": 1},
    "gpt2": {"model_type": "gpt2", "vocab_size": N_TOKENS, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 16, "bos_token_id": 1,
             "eos_token_id": 1},
}
MATRICES = {"bert": (8, 4), "roberta": (8, 4), "distilbert": (8, 4), "albert": (4, 2), "llama": (8, 6), "gpt2": (4, 4)}
"""How many matrices of the attention and of the feed-forward layers two blocks have."""
families = pytest.mark.parametrize("family", ARCHITECTURES)


def config(family: str = "bert", **keys: Any) -> PretrainedNetworkConfig:
    return PretrainedNetworkConfig(type="pretrained", path="none", architecture=ARCHITECTURES[family], **keys)


def built(family: str = "bert", head: Head = CLASSES, **keys: Any) -> Pretrained:
    torch.manual_seed(1)
    model = build_model(config(family, **keys), SIZES, head)
    assert isinstance(model, Pretrained)
    return model


def padded(*texts: list[int]) -> dict[str, np.ndarray]:
    lengths = np.array([len(text) for text in texts])
    tokens = np.zeros((len(texts), max(lengths)), dtype=np.int32)
    for row, text in zip(tokens, texts, strict=True):
        row[: len(text)] = text
    return {"tokens": tokens, "lengths": lengths}


TEXTS = padded([2, 5, 7, 3], [2, 3], [2, 9, 8, 7, 6, 5, 3], [4])


@families
def test_states_are_those_of_transformers(family: str) -> None:
    model = built(family).eval()
    tokens, lengths = torch.from_numpy(TEXTS["tokens"]), torch.from_numpy(TEXTS["lengths"])
    ours = model.encode(tokens, lengths)
    for row, length in enumerate(lengths.tolist()):
        theirs = model.encoder(input_ids=tokens[row : row + 1, :length].long()).last_hidden_state
        torch.testing.assert_close(ours[row, :length], theirs[0], rtol=1e-4, atol=1e-5)


@families
@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "last"])
def test_a_text_alone_has_the_scores_that_it_has_in_a_batch(family: str, pooling: str) -> None:
    model = built(family, pooling=pooling)
    together = model.scores(**TEXTS)
    more = {"tokens": np.pad(TEXTS["tokens"], ((0, 0), (0, 4))), "lengths": TEXTS["lengths"]}
    np.testing.assert_allclose(model.scores(**more), together, rtol=1e-4, atol=1e-5)
    for row, length in enumerate(TEXTS["lengths"]):
        alone = model.scores(tokens=TEXTS["tokens"][row : row + 1, :length], lengths=TEXTS["lengths"][row : row + 1])
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-4, atol=1e-5)


@families
def test_tags_of_a_text_that_is_longer_than_the_positions(family: str) -> None:
    model = built(family, TAGS)
    text = (np.arange(40, dtype=np.int32) % 9 + 2)[None]
    scores = model.scores(tokens=text, lengths=np.array([40]))
    assert scores.shape == (1, 40, 3)
    if model.max_positions is not None:
        first = model.scores(tokens=text[:, : model.max_positions], lengths=np.array([model.max_positions]))
        np.testing.assert_allclose(scores[:, : model.max_positions], first, rtol=1e-4, atol=1e-5)


@families
def test_layers_are_embedding_blocks_and_output(family: str) -> None:
    model = built(family)
    layers = model.layers()
    assert sorted(name for layer in layers for name in layer) == sorted(name for name, _ in model.named_parameters())
    assert len(layers) == (3 if family == "albert" else 4)  # whose blocks share their weights
    assert all(name.startswith("output.") for name in layers[-1])
    assert any("embed" in name or "wte" in name for name in layers[0])
    assert not any("embed" in name for layer in layers[1:] for name in layer)


@families
@pytest.mark.parametrize("which", [0, 1])
def test_adapters_find_their_matrices(family: str, which: int) -> None:
    model = built(family).eval()
    before, parameters = model.scores(**TEXTS), model.describe()["parameters"]
    assert add_lora(model, 2, 4.0, [("attention", "feed_forward")[which]]) == MATRICES[family][which]
    np.testing.assert_array_equal(model.scores(**TEXTS), before)
    for layer in model.modules():
        if isinstance(layer, LoraLinear | LoraConv1D):
            torch.nn.init.normal_(layer.lora_b)
    plain = built(family).eval()
    plain.load_state_dict(merged_weights(model))
    assert plain.describe()["parameters"] == parameters
    assert np.abs(model.scores(**TEXTS) - before).max() > 1e-3
    np.testing.assert_allclose(plain.scores(**TEXTS), model.scores(**TEXTS), rtol=1e-4, atol=1e-5)


def test_features_that_are_frozen_are_kept_without_dropout() -> None:
    model = built()
    expected = model.eval().scores(**TEXTS)
    for parameter in model.encoder.parameters():
        parameter.requires_grad_(False)
    model.train()
    for _ in range(2):
        scores = model(**{name: torch.from_numpy(values) for name, values in TEXTS.items()})
        np.testing.assert_allclose(scores.detach().numpy(), expected, rtol=1e-4, atol=1e-5)
    assert len(model._vectors) == len(TEXTS["lengths"])
    scores.sum().backward()
    assert all(parameter.grad is None for parameter in model.encoder.parameters())
    assert model.output.scores.weight.grad is not None
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.requires_grad_(True).mul_(2)
    assert not np.allclose(model.scores(**TEXTS), expected, atol=1e-3)  # nothing old is kept once the encoder learns


def test_refused_architectures() -> None:
    bart = {"model_type": "bart", "vocab_size": 12, "d_model": 8, "encoder_layers": 1, "decoder_layers": 1}
    with pytest.raises(ConfigError, match="is an encoder-decoder"):
        build_model(config().model_copy(update={"architecture": bart}), SIZES, CLASSES)
    with pytest.raises(ConfigError, match="has 13 tokens, but its network only 12"):
        build_model(config(), SIZES.model_copy(update={"vocab_size": 13}), CLASSES)


def learner(**fine_tune: Any) -> GradientLearner:
    training = TrainingConfig.model_validate({"epochs": 4, "optimizer": {"type": "adamw", "learning_rate": 0.01}, "fine_tune": fine_tune})
    model = built(dropout=0.1)
    assert training.fine_tune is not None
    tuning = FineTuning(training.fine_tune, model, PLAN)
    return GradientLearner(model, TASK, training, Schedule(training.schedule, PLAN.n_steps), seed=1, world=World(), fine_tuning=tuning)


def batch(step: int) -> Batch:
    generator = np.random.default_rng(step)
    tokens = generator.integers(2, N_TOKENS, (4, 6)).astype(np.int32)
    labels = Target(generator.integers(3, size=4), np.ones(4, dtype=bool))
    return Batch(np.arange(4), {"tokens": tokens, "lengths": np.array([6, 6, 3, 1])}, {"labels": labels})


@pytest.mark.parametrize("fine_tune", [{"unfreeze_every": 1, "layer_decay": 0.7}, {"lora": {"rank": 2, "alpha": 4.0}}, {"last_layers": 0}],
                         ids=["unfreezing", "lora", "frozen"])
def test_a_resumed_run_goes_on_bit_by_bit(tmp_path: Path, fine_tune: dict[str, Any]) -> None:
    straight, first, second = (learner(**fine_tune) for _ in range(3))
    for step in range(1, PLAN.n_steps + 1):
        straight.update([batch(step)], step, watched=False)
    for step in range(1, 6):
        first.update([batch(step)], step, watched=False)
    first.save(tmp_path)
    second.resume(tmp_path, first.state())
    for step in range(6, PLAN.n_steps + 1):
        second.update([batch(step)], step, watched=False)
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


# Runs

RECIPE = """
data: {type: files, train: texts.csv, test: texts.csv, validation_share: 0.25}
task: {type: classification}
model: {type: pretrained, path: bert, dropout: 0.1}
training: {epochs: 2, batch_size: 4, optimizer: {type: adamw, learning_rate: 0.01}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    saved_bert(tmp_path / "bert")
    rows = [f"the {word} film {'the ' * (number % 5)},{word}" for number in range(12) for word in ("good", "bad")]
    (tmp_path / "texts.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    (tmp_path / "films.yaml").write_text(RECIPE)
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("NLP_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path


def test_a_run_is_complete_without_its_source(folder: Path) -> None:
    started = nlp("train", "--config", "films.yaml", cwd=folder)
    assert "parameters of" in started.stderr
    shutil.move(folder / "bert", folder / "gone")
    before = nlp("predict", "films", "the good film", "bad", cwd=folder).stdout
    moved = shutil.move(next((folder / "runs" / "films").iterdir()), folder / "moved")
    assert nlp("predict", str(moved), "the good film", "bad", cwd=folder).stdout == before
    assert "accuracy" in nlp("eval", str(moved), cwd=folder).stdout


def test_the_sizes_that_a_run_keeps_do_not_change_its_address(folder: Path) -> None:
    nlp("train", "--config", "films.yaml", cwd=folder)
    kept = load_recipe(str(next((folder / "runs" / "films").glob("*/config.yaml"))))
    assert isinstance(kept.model, PretrainedNetworkConfig)
    assert kept.model.architecture is not None
    assert kept.model.architecture["hidden_size"] == 8
    assert method_address(kept) == method_address(load_recipe(str(folder / "films.yaml")))


def test_parameters_are_counted_from_the_config_alone(folder: Path) -> None:
    (folder / "bert" / "model.safetensors").unlink()
    (folder / "sizes.yaml").write_text("data: {type: sizes, vocab_size: 12, n_classes: 2}\ntask: {type: classification}\n"
                                       "model: {type: pretrained, path: bert}\n")
    block = 4 * (8 * 8 + 8) + 2 * 8 * 16 + 16 + 8 + 2 * 16
    total = (12 + 16 + 2) * 8 + 16 + 2 * block + 2 * 8 + 2
    assert f"Total: {total:,} parameters" in nlp("count-params", "sizes.yaml", cwd=folder).stdout


def test_texts_are_cut_behind_the_positions(folder: Path) -> None:
    (folder / "texts.csv").write_text("text,label\n" + "".join(f"{'film ' * 40}{word},{word}\n" for word in ("good", "bad") * 8))
    told = nlp("train", "--config", "films.yaml", "--set", "training.epochs=1", cwd=folder).stderr
    assert "Notice: 16 of 16 test texts have more than 16 tokens, the maximum of the tokenizer; the model reads the beginning" in told


@pytest.mark.parametrize(("task", "gold"), [("classification", ("good", "bad")), ("{type: regression, target: label}", ("1", "2"))])
def test_texts_that_are_cut_are_counted_once_for_each_split(folder: Path, task: str, gold: tuple[str, str], caplog: pytest.LogCaptureFixture
                                                            ) -> None:
    """[CLS], [SEP] and 14 words fill the 16 positions."""
    rows = [f"{'film ' * n_words},{label}\n" for n_words in (13, 14, 15) for label in gold * 4]
    (folder / "texts.csv").write_text("text,label\n" + "".join(rows))
    recipe = RECIPE.replace("{type: classification}", task if task[0] == "{" else f"{{type: {task}}}")
    (folder / "films.yaml").write_text(recipe)
    told = nlp("train", "--config", "films.yaml", "--set", "training.epochs=1", cwd=folder).stderr
    assert told.count("Notice: 8 of 24 test texts have more than 16 tokens") == 1
    counts = [int(line.split()[1]) for line in told.splitlines() if "more than 16 tokens" in line and "test" not in line]
    assert sum(counts) == 8 and told.count("train texts have more") == 1
    assert "8 of 24 test texts" in nlp("eval", "films", cwd=folder).stderr
    assert "notice      8 of 24 test texts" in nlp("train", "--config", "films.yaml", "--dry-run", cwd=folder).stdout
    nlp("predict", "films", "film " * 14, "film " * 15, cwd=folder)
    assert "1 of 2 texts have more than 16 tokens" in caplog.text
    shorter = nlp("train", "--config", "films.yaml", "--set", "tokenizer={type: pretrained, max_length: 15}", cwd=folder).stderr
    assert "16 of 24 test texts have more than 15 tokens" in shorter


def test_tags(folder: Path) -> None:
    lines = "".join('{"tokens": "the good film", "tags": "D A N"}\n' for _ in range(8))
    (folder / "tags.jsonl").write_text(lines)
    (folder / "tags.yaml").write_text(RECIPE.replace("texts.csv", "tags.jsonl").replace("classification", "tagging")
                                      .replace("epochs: 2", "epochs: 20"))
    nlp("train", "--config", "tags.yaml", cwd=folder)
    assert "A" in nlp("predict", "tags", "the good film", cwd=folder).stdout


@pytest.mark.parametrize(("change", "message"), [
    (("path: bert", "path: nowhere"), "There are no weights 'nowhere'"),
    (("path: bert", "path: all-minilm-l6-v2"), "nlp data get all-minilm-l6-v2"),
    (("task:", "tokenizer: {type: words}\ntask:"), "comes with its weights; leave this section out"),
    (("path: bert", "path: bert, vectors: words.txt"), "vectors: does not apply to a published network"),
    (("type: pretrained, path: bert", "type: cnn"), "tokenizer: is missing"),
    (("classification}\nmodel: {type: pretrained, path: bert, dropout: 0.1}",
      "classification}\ntokenizer: {type: pretrained}\nmodel: {type: cnn}"), "`pretrained` is the tokenizer of a published network"),
])
def test_bad_recipes(folder: Path, change: tuple[str, str], message: str) -> None:
    (folder / "films.yaml").write_text(RECIPE.replace(*change))
    assert message in nlp("train", "--config", "films.yaml", cwd=folder, code=2).stderr


def test_a_pattern_leaves_out_recipes_whose_weights_are_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from nlp.training.study.plan import matching

    assert "sst2/hf-encoder" not in matching(["sst2/*"])
    assert "sst2/hf-encoder" in capsys.readouterr().err


@families
@pytest.mark.parametrize("frozen", [False, True])
def test_integrated_gradients_share_the_score_out_among_tokens(family, frozen):
    model = built(family)
    model.encoder.requires_grad_(not frozen)
    inputs = padded([5, 6, 7, 5, 9])
    before = model.scores(**inputs)
    found = integrated_gradients(model, inputs)
    assert len(found.numbers) == 5 and np.abs(found.numbers).max() > 0
    assert found.completeness_error < ENOUGH or found.steps == 1_024
    np.testing.assert_allclose(model.scores(**inputs), before, atol=1e-6)


@pytest.mark.parametrize("frozen", [False, True])
@families
def test_attention_of_published_networks(family, frozen):
    model = built(family)
    model.encoder.requires_grad_(not frozen)
    inputs = padded([5, 6, 7, 5, 9])
    before, attends_by = model.scores(**inputs), model.encoder.config._attn_implementation
    for method in (attention, attention_rollout):
        found = method(model, inputs)
        assert found.shape == (5,) and found.min() >= 0 and found.sum() == pytest.approx(1, abs=1e-5)
    assert model.encoder.config._attn_implementation == attends_by
    np.testing.assert_allclose(model.scores(**inputs), before, atol=1e-6)


def test_attention_of_a_text_that_is_read_in_windows_stays_in_them():
    found = attention_rollout(built(pooling="mean"), padded([5, 6, 7, 5] * 5))
    assert found[:16].sum() == pytest.approx(16 / 20, abs=1e-5) and found.sum() == pytest.approx(1, abs=1e-5)
