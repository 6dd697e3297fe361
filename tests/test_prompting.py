"""Prompting: the fast way gives what scoring each label apart gives, examples are drawn by the seed, and no weight changes."""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import nlp as nlp_package
import numpy as np
import pytest
import tiny_runs
import tokenizers
import torch
from command import metrics, nlp, results
from contracts import one_thread, recurrent, transformer
from nlp.configs.schema.data import SizesData
from nlp.configs.schema.models.prompting import PromptConfig
from nlp.errors import ConfigError, RunError
from nlp.models.build import build_model
from nlp.models.head import Head
from nlp.models.prompting.language_model import LanguageModel, OwnLanguageModel, PretrainedLanguageModel
from nlp.models.prompting.prompt import label_words
from nlp.models.prompting.prompted import CONTENT_FREE, Prompted, drawn

__all__ = ["one_thread"]

LABELS = "bad", "good"
HEAD = Head("classes", 2, labels=LABELS)
TEXTS = ["a fine film", "no", "so dull that I left early", "fine , really", "", "again and again and again a joy", "x" * 20]
CHARACTERS = "".join(map(chr, range(32, 127))) + "\n"


def encode(texts: Sequence[str]) -> list[list[int]]:
    """A token for each character."""
    return [[7 + CHARACTERS.index(character) for character in text] for text in texts]


def own(seed: int = 0, context: int | None = None, **settings: Any) -> OwnLanguageModel:
    torch.manual_seed(seed)
    config = recurrent(settings["cell"]) if "cell" in settings else transformer(causal=True, max_positions=200, **settings)
    sizes = SizesData(type="sizes", vocab_size=7 + len(CHARACTERS))
    network: Any = build_model(config, sizes, Head("vocabulary", 7 + len(CHARACTERS), bias=False))
    return OwnLanguageModel("own", network.eval(), encode, context)


def characters() -> tokenizers.Tokenizer:
    """The same as a published tokenizer, which begins each text with <s>."""
    special = ["<s>", "<unk>", *(f"<{number}>" for number in range(5))]
    vocabulary = {token: number for number, token in enumerate([*special, *CHARACTERS])}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, [], unk_token="<unk>"))
    made.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])  # pyright: ignore
    return made


def converse(messages: Sequence[Mapping[str, str]]) -> str:
    return "".join(f"<{each['role']}>{each['content']}\n" for each in messages) + "<assistant>"


def pretrained(kind: str) -> PretrainedLanguageModel:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    size = 7 + len(CHARACTERS)
    if kind == "llama":
        config = transformers.LlamaConfig(vocab_size=size, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
                                          num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256)
        model = transformers.LlamaForCausalLM(config)
    else:
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=size, n_embd=16, n_layer=2, n_head=2, n_positions=256))
    return PretrainedLanguageModel(kind, model.eval(), characters(), converse)


def config(**settings: Any) -> PromptConfig:
    given = {"type": "prompt", "path": "a", "template": "It: {text}\nSo:", "label_words": {"bad": " bad", "good": " good"}}
    return PromptConfig.model_validate(given | settings)


def prompted(model: LanguageModel, **settings: Any) -> Prompted:
    return Prompted(config(**settings), HEAD, model)


def fitted(model: Prompted, seed: int = 1) -> Prompted:
    classes = np.array([0, 1, 1, 1, 0, 1, 1])
    model.fit(TEXTS, {"labels": (classes, np.ones(7, dtype=bool))}, seed)
    return model


@torch.inference_mode()
def one_by_one(model: Prompted, texts: Sequence[str]) -> np.ndarray:
    """Each text with each label's words read by itself from its first token on, and all of the label's tokens looked up."""
    rows = []
    for text in texts:
        ids = model.model.ids([model.scorer.prompt.of(text)])[0]
        row = []
        for words in label_words(model.config).values():
            label = model.model.ids([words], begin=False)[0]
            tokens = torch.tensor([ids + label])
            logits = model.model(tokens, torch.arange(tokens.shape[1])[None])[0].log_softmax(dim=1)
            found = logits[torch.arange(len(ids) - 1, len(ids) + len(label) - 1), torch.tensor(label)]
            row.append(float(found.mean() if model.config.score == "mean" else found.sum()))
        rows.append(row)
    return np.array(rows)


MODELS = {
    **{name: lambda name=name: own(positions=name) for name in ("sinusoidal", "learned", "rotary", "relative")},
    **{cell: lambda cell=cell: own(cell=cell) for cell in ("lstm", "gru")},
    **{kind: lambda kind=kind: pretrained(kind) for kind in ("llama", "gpt2")},
}
PROMPTS = {
    "long words": {},
    "one token": {"label_words": {"bad": "-", "good": "+"}},
    "one begins the other": {"label_words": {"bad": "no", "good": "not bad"}},
    "sum": {"score": "sum"},
    "nothing before the text": {"template": "{text}", "label_words": {"bad": "-", "good": "+"}},
    "examples": {"shots": 2, "instruction": "Judge.", "separator": "\n"},
}


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("model", MODELS)
def test_the_fast_way_gives_what_one_by_one_gives(model: str, prompt: str) -> None:
    found = fitted(prompted(MODELS[model](), **PROMPTS[prompt]))
    assert np.allclose(found.scores(TEXTS), one_by_one(found, TEXTS), atol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_scores_do_not_depend_on_the_batch(model: str) -> None:
    found = prompted(MODELS[model](), label_words={"bad": " no", "good": " yes!"})
    alone = np.concatenate([found.scores([text]) for text in TEXTS])
    assert np.allclose(found.scores(10 * TEXTS), np.tile(alone, (10, 1)), atol=1e-5)
    assert found.scores([]).shape == (0, 2)


def test_labels_of_one_token_read_each_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found, read = prompted(own(), label_words={"bad": "-", "good": "+"}), []
    monkeypatch.setattr(found.model, "forward", lambda *given, real=found.model.forward: (read.append(given), real(*given))[1])
    found.scores(TEXTS)
    ((tokens, asked, kept),) = read
    assert asked.shape == (7, 1)
    # It begins with [BOS] `It:`, which is read once; the space after it may become a part of the text's first token.
    assert tokens.shape == (7, len(" \nSo:") + len(TEXTS[5])) and kept is not None


def test_labels_that_begin_alike_are_read_in_one_row() -> None:
    found = prompted(own(), label_words={"bad": "no", "good": "not bad"})
    assert len(found.scorer.beginnings) == 1


def test_examples_are_drawn_by_the_seed_and_more_of_them_begin_with_the_same_ones() -> None:
    classes = np.array([0] * 50 + [1] * 10 + [2] * 5)
    for balanced in (False, True):
        draws = [drawn(classes, n, 1, balanced) for n in range(20)]
        assert all(longer[: len(shorter)] == shorter and len(longer) == len(set(longer)) for shorter, longer in pairwise(draws))
        assert drawn(classes, 8, 1, balanced) != drawn(classes, 8, 2, balanced)
    assert all(np.ptp(np.bincount(classes[drawn(classes, n, seed, True)], minlength=3)) <= 1 for n in range(1, 16) for seed in range(9))
    assert np.bincount(classes[drawn(classes, 30, 1, True)], minlength=3)[2] == 5


def test_the_prompt_has_instruction_and_examples_in_order() -> None:
    found = fitted(prompted(own(), shots=2, instruction="Judge.", separator="\n--\n"))
    first, second = found.shots
    examples = [f"It: {shot.text}\nSo: {shot.label}" for shot in (first, second)]
    assert found.scorer.prompt.before == "\n--\n".join(["Judge.", *examples, "It: "])
    assert found.scorer.prompt.after == "\nSo:"
    assert [TEXTS[shot.row] for shot in found.shots] == [shot.text for shot in found.shots]


def test_chat_writes_turns_and_answers_without_a_space() -> None:
    found = fitted(prompted(pretrained("llama"), chat=True, shots=1, instruction="Judge."))
    (shot,) = found.shots
    assert found.scorer.prompt.before == f"<system>Judge.\n<user>It: {shot.text}\nSo:\n<assistant>{shot.label}\n<user>It: "
    assert found.scorer.prompt.after == "\nSo:\n<assistant>"
    assert found.scorer.label_ids == encode(["bad", "good"])
    with pytest.raises(ConfigError, match="own was not trained on conversations and has no chat template"):
        prompted(own(), chat=True)


def test_calibration_takes_out_what_the_prompt_favours() -> None:
    """By hand, as Zhao et al. (2021) do it: a diagonal matrix of one over the mean probability of each class, times the probabilities."""
    plain, calibrated = (fitted(prompted(own(), shots=2, calibration=kind)) for kind in ("none", "contextual"))

    def shares(scores: np.ndarray) -> np.ndarray:
        return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)

    empty = shares(one_by_one(plain, CONTENT_FREE)).mean(axis=0)
    by_hand = shares(one_by_one(plain, TEXTS)) / empty
    assert np.allclose(shares(calibrated.scores(TEXTS)), by_hand / by_hand.sum(axis=1, keepdims=True), atol=1e-5)
    assert not np.allclose(calibrated.scores(TEXTS), plain.scores(TEXTS), atol=1e-4)


def test_a_text_that_is_too_long_loses_its_end_and_a_notice_says_so() -> None:
    found = prompted(own(context=40), label_words={"bad": "-", "good": "+"})
    room = 40 - len("[It: \nSo:")
    assert np.allclose(found.scores(["y" * room]), found.scores(["y" * room + "z" * 9]), atol=1e-6)
    assert found.notices == ["1 text was too long for the 40 tokens that own reads; the end of each was left out."]


def test_weights_stay_and_a_saved_prompt_gives_the_same_scores(tmp_path: Path) -> None:
    model = own()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = fitted(prompted(model, shots=3, calibration="contextual"))
    scores = first.scores(TEXTS)
    first.save(tmp_path)
    again = prompted(model, shots=3, calibration="contextual")
    assert not np.allclose(again.scores(TEXTS), scores)
    again.load(tmp_path)
    assert np.array_equal(again.scores(TEXTS), scores) and again.shots == first.shots
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    (tmp_path / "prompt.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match=r"prompt.json is missing or damaged \(`shots` is missing\)"):
        again.load(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"template": "It: so:"}, "template must contain {text} once"),
     ({"template": "{text} {text}"}, "template must contain {text} once"),
     ({"template": "It: {text} so: "}, "template ends in a space"),
     ({"lm": "a", "path": "b"}, "give either lm, a run of a language model, or path"),
     ({"path": None}, "give either lm, a run of a language model, or path"),
     ({"label_words": {"bad": " ", "good": " good"}}, "label_words has no words for the class 'bad'")],
)
def test_a_prompt_that_is_none_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"label_words": {"bad": " bad", "good": " bad"}}, "' bad' of the class 'bad' and ' bad' of the class 'good' are the same tokens"),
     ({"label_words": {"bad": " no", "good": " not"}, "score": "sum"}, "begin with the same tokens, and the sum over all tokens"),
     ({"label_words": {"bad": " bad"}}, "model.label_words has no words for 'good'. Every class needs some: bad, good"),
     ({"label_words": {"bad": " bad", "good": " good", "ugly": " ugly"}}, "names 'ugly', which the data does not have as a class"),
     ({"instruction": "Judge. " * 40}, "The prompt alone has 291 tokens, which leaves no room for a text: own reads 100 tokens")],
)
def test_a_prompt_that_does_not_fit_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        prompted(own(context=100), **settings)


def test_too_many_examples_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"model.shots is 8, but the training split has 7 examples"):
        fitted(prompted(own(), shots=8))
    with pytest.raises(ConfigError, match=r"reduce model.shots"):
        fitted(prompted(own(context=60), shots=7))


# The command

MODEL = "model: {type: prompt, lm: lm, template: '{text} is a', label_words: {dog: ' dog', cat: ' cat', bird: ' bird'}}"
TUNED = MODEL.replace("type: prompt", "type: tuned_prompt") + """
training: {epochs: 4, batch_size: 8, optimizer: {type: adamw, learning_rate: 0.01}, fine_tune: {lora: {rank: 4}}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a language model of sentences such as `the big dog runs is a dog`, as `lm/first`."""
    folder = tmp_path_factory.mktemp("prompts")
    tiny_runs.write_data(folder)
    rows = [line.split(",") for line in (folder / "texts.csv").read_text(encoding="utf-8").splitlines()[1:]]
    (folder / "text.txt").write_text("".join(f"{text} is a {animal}\n" for text, animal in rows * 2), encoding="utf-8")
    lm = [tiny_runs.TEXT.replace("12", "32"), tiny_runs.WORDS, "model: {type: transformer, d_model: 32, n_heads: 2, d_ff: 64, "
          "causal: true, max_positions: 64, dropout: 0.1}", tiny_runs.STEPS.replace("epochs: 3", "epochs: 12")]
    (folder / "lm.yaml").write_text("\n".join(lm), encoding="utf-8")
    (folder / "prompt.yaml").write_text(tiny_runs.CLASSES + MODEL, encoding="utf-8")
    (folder / "tuned.yaml").write_text(tiny_runs.CLASSES + TUNED, encoding="utf-8")
    nlp("train", "--config", "lm.yaml", "--name", "first", cwd=folder)
    return folder


def train(folder: Path, recipe: str, name: str, *settings: str, code: int = 0) -> Any:
    changes = [word for setting in settings for word in ("--set", setting)]
    return nlp("train", "--config", f"{recipe}.yaml", "--name", name, *changes, cwd=folder, code=code)


def test_a_run_of_a_prompt(folder: Path) -> None:
    told = train(folder, "prompt", "few", "model.shots=2", "model.calibration=contextual", "model.separator=' '")
    run = folder / "runs" / "prompt" / "few"
    assert "no weight changes; 2 examples in the prompt" in told.stderr
    assert "lm: lm/first" in (run / "config.yaml").read_text(encoding="utf-8")
    found = results(run)
    assert found["cost"]["shots"] == 2 and found["cost"]["steps"] == 1 and set(found) >= {"train", "validation", "test"}
    assert {line["split"] for line in metrics(run)} == {"train", "validation", "test"}
    (saved,) = {path.read_text(encoding="utf-8") for path in run.glob("checkpoints/*/prompt.json")}
    assert len(json.loads(saved)["shots"]) == 2
    scored = json.loads(nlp("eval", "prompt/few", "--json", cwd=folder).stdout)
    assert scored["metrics"]["loss"]["value"] == pytest.approx(found["test"]["loss"], abs=1e-6)
    answer = json.loads(nlp("predict", "prompt/few", "the big dog runs", "--json", cwd=folder).stdout)
    assert set(answer["probabilities"]) == {"dog", "cat", "bird"}
    counted = json.loads(nlp("count-params", "prompt.yaml", "--format", "json", cwd=folder).stdout)
    assert counted["total_parameters"] == found["cost"]["parameters"]


def published(path: Path) -> None:
    """A random Llama as Hugging Face saves it, with the tokenizer of characters."""
    model = pretrained("llama")
    model.model.save_pretrained(path)
    model.tokenizer.save(str(path / "tokenizer.json"))


def test_a_published_model_is_prompted_and_tuned_and_what_it_may_have_seen_is_said(folder: Path) -> None:
    if not (folder / "llama").exists():
        published(folder / "llama")
    settings = ["model.path=llama", "model.lm=null"]
    told = train(folder, "prompt", "llama", *settings, "model.shots=1")
    assert "llama was trained on text of the public web, which may contain this data" in " ".join(told.stderr.split())
    scored = json.loads(nlp("eval", "prompt/llama", "--json", cwd=folder).stdout)
    assert any("public web" in each for each in scored["notices"])
    assert results(folder / "runs" / "prompt" / "llama")["test"]["loss"] == pytest.approx(scored["metrics"]["loss"]["value"], abs=1e-5)
    told = train(folder, "tuned", "llama", *settings, "training.optimizer.learning_rate=0.03")
    # Beside q, k, v and o of two layers: 4 numbers for each row and column, of 16 x 16, twice 16 x 8, and 16 x 16.
    assert f"learning    {2 * 4 * (32 + 24 + 24 + 32):,} of these parameters" in told.stderr
    scored = json.loads(nlp("eval", "tuned/llama", "--json", cwd=folder).stdout)
    assert results(folder / "runs" / "tuned" / "llama")["test"]["loss"] == pytest.approx(scored["metrics"]["loss"]["value"], abs=1e-5)


def test_the_benchmark_scores_the_same_both_ways(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(nlp_package.__file__).parent / "benchmarks"))
    monkeypatch.chdir(folder)
    from prompting import compare

    for shots in (0, 2):
        row = compare("prompt.yaml", pairs=1, texts=8, shots=shots, threads=1)
        assert 0 < row["min"] <= row["ratio"] and row["difference"] < 1e-5


def test_seeds_draw_other_examples(folder: Path) -> None:
    for seed in (1, 2):
        train(folder, "prompt", f"seed{seed}", "model.shots=2", f"seeds=[{seed}]", "model.separator=' '")
    saved = [json.loads(next((folder / "runs" / "prompt" / f"seed{seed}").glob("checkpoints/*/prompt.json")).read_text(encoding="utf-8"))
             for seed in (1, 2)]
    assert saved[0]["shots"] != saved[1]["shots"]


def test_a_prompt_learns_by_gradient_from_the_same_scores(folder: Path) -> None:
    train(folder, "prompt", "zero")
    before = results(folder / "runs" / "prompt" / "zero")["test"]
    told = train(folder, "tuned", "none", "training.optimizer.learning_rate=1e-30")
    run = folder / "runs" / "tuned"
    assert results(run / "none")["test"]["loss"] == pytest.approx(before["loss"], abs=1e-5)
    assert "learning    " in told.stderr
    train(folder, "tuned", "lora")
    assert results(run / "lora")["test"]["loss"] < before["loss"] - 0.1
    train(folder, "tuned", "lora-again")
    assert results(run / "lora-again")["test"] == results(run / "lora")["test"]
    scored = json.loads(nlp("eval", "tuned/lora", "--json", cwd=folder).stdout)
    assert scored["metrics"]["loss"]["value"] == pytest.approx(results(run / "lora")["test"]["loss"], abs=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [(["model.lm=prompt/few"], "model.lm: prompt/few is a run of prompt for classification, but only a network that predicts the next"),
     (["model.lm=nothing"], "There is no run 'nothing'"),
     (["model.label_words={dog: ' dog', cat: ' cat', bird: ' zebra'}"], "has a word that the tokenizer of lm/first does not know"),
     (["training={epochs: 1, optimizer: {type: adamw, learning_rate: 1}}"], "model.type prompt is not trained in steps"),
     (["tokenizer={type: words}"], "model.type prompt reads the text itself and takes no tokenizer")],
)
def test_what_cannot_be_prompted_is_refused(folder: Path, settings: list[str], message: str) -> None:
    if "few" in message and not (folder / "runs" / "prompt" / "few").exists():
        train(folder, "prompt", "few")
    told = train(folder, "prompt", "refused", *settings, code=2)
    assert message in " ".join(told.stderr.split())
    assert told.stderr.count("Error") == 1
