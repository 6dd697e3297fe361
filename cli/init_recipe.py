"""The recipe that `nlp config init` writes: initial settings for each kind of model."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from ..configs.catalog import own_name
from ..configs.schema.models.networks import MlpConfig, NetworkConfig
from ..configs.schema.models.neural_symbolic import NeuralSymbolicConfig
from ..configs.schema.models.pretrained import PretrainedNetworkConfig
from ..configs.schema.models.prompting import PromptingConfig
from ..configs.schema.models.rules import RulesConfig
from ..configs.schema.recipe import Recipe, problems
from ..configs.schema.tasks.tagging import is_tag
from ..configs.yaml.error_report import config_classes, types_of
from ..configs.yaml.template import commented
from ..datasets.encoded.texts.labelled_texts import MISSING
from ..datasets.formats.conll import split_tokens
from ..errors import ConfigError, DataError
from .sample import Sample, Task

KEYWORDS = 5
DEFAULT_MODELS: dict[Task, str] = {"classification": "logistic_regression", "regression": "ridge", "tagging": "averaged_perceptron",
                                   "parsing": "perceptron_parser", "ranking": "bm25"}
COLUMNS = {"regression": "texts and numbers", "tagging": "tokens and tags", "parsing": "words, heads and relations",
           "ranking": "queries and candidates"}
"""The columns that a recipe of each task needs."""
SCHEMA = "recipe.schema.json"
"""The file that `nlp config schema` writes in docs/recipes.md."""
TRAINING = {
    "epochs": 10,
    "batch_size": 64,
    "optimizer": {"type": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01},
    "schedule": {"type": "cosine", "warmup_share": 0.05},
    "clip_norm": 1.0,
    "early_stopping": {"patience": 3},
}
FINE_TUNING = {**TRAINING, "epochs": 3, "batch_size": 32, "optimizer": {"type": "adamw", "learning_rate": 5e-5}, "early_stopping": None}
LORA_TRAINING = {**TRAINING, "epochs": 1, "batch_size": 16, "optimizer": {"type": "adamw", "learning_rate": 1e-3}, "early_stopping": None,
                 "fine_tune": {"lora": {"rank": 8, "alpha": 16.0}}}
ENCODER = "all-minilm-l6-v2"
"""The default encoder to fine-tune: small enough for a CPU."""
LANGUAGE_MODEL = "smollm2-135m-instruct"
"""The default language model to prompt: small, and trained to follow instructions."""


def write_recipe(sample: Sample, model: str, path: Path, force: bool) -> None:
    """Write the recipe. Raises ConfigError if there is no such model, or if the file exists and `force` is False."""
    from ..training.folder.files import write_atomically

    refuse_taken(path, force)
    if sample.relevance is not None and "validation" not in sample.splits:
        raise ConfigError(f"{sample.title} has several rows per query, which belong together, so no validation rows can be held out at "
                          "random. Name a file of other queries with --validation.")
    settings = first_settings(sample, model, path.parent)
    read = COLUMNS.get(sample.task, "numbers and classes" if sample.numbers else "texts and classes")
    _refuse_unfit(settings, model, read)
    editor = f"# yaml-language-server: $schema={SCHEMA}\n" if (path.parent / SCHEMA).is_file() else ""
    heading = f"{editor}# A recipe for {sample.title}. Commented-out keys show their defaults.\n\n"
    write_atomically(path, heading + commented(settings))


def refuse_taken(path: Path, force: bool) -> None:
    """Raises ConfigError for a file name that does not end in .yaml, or if the file exists and `force` is False."""
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{path}: the name of a recipe must end in .yaml; give another --output.")
    if path.exists() and not force:
        raise ConfigError(f"{path} already exists and was not changed. Give another --output, or --force to overwrite it.")


def _refuse_unfit(settings: Mapping[str, Any], model: str, columns: str) -> None:
    """Raises ConfigError if the recipe would not be valid, before it is written."""
    from pydantic import ValidationError

    try:
        errors = [problem.message for problem in problems(Recipe.model_validate(settings))]
    except ValidationError as invalid:
        errors = [f"it needs {'.'.join(map(str, each['loc'][1:]))}" for each in invalid.errors()]
    if errors:
        raise ConfigError(f"A recipe with --model {model} cannot be written from {columns} alone: {errors[0].removesuffix('.')}. "
                          "Use another --model, or start from a recipe in `nlp config list`.")


def first_settings(sample: Sample, model: str, folder: Path) -> dict[str, Any]:
    """The values of a recipe in `folder` for this data and type of model; all others keep their defaults."""
    classes = {name: each for each in config_classes(Recipe.model_fields["model"].annotation) for name in types_of(each)}
    if model not in classes:
        near = "".join(f" Did you mean {name}?" for name in difflib.get_close_matches(model, classes, n=1))
        raise ConfigError(f"There is no model {model!r}.{near} --model must be one of {', '.join(classes)}.")
    section = classes[model]
    what = {"tagging": "Predict the tags of the tokens", "parsing": "Parse the sentences", "ranking": "Rank the candidates for each query",
            "regression": "Predict the number for each text"}
    usual = f"Predict the class of the {'rows' if sample.numbers else 'texts'}"
    values: dict[str, Any] = {"description": f"{what.get(sample.task, usual)} in {sample.title}", "data": _data(sample, folder)}
    if (sections := {"tagging": _tagging, "parsing": _parsing, "ranking": _ranking}.get(sample.task)) is not None:
        return {**values, **sections(sample, model, section), "seeds": [1]}
    if sample.numbers:
        return {**values, **_of_numbers(sample, model, section), "seeds": [1]}
    prompts, published = issubclass(section, PromptingConfig), section is PretrainedNetworkConfig
    if section is not RulesConfig and not prompts and not published:
        dense, is_bag = section in (MlpConfig, NeuralSymbolicConfig), not issubclass(section, NetworkConfig)
        similar = {"type": "similarities", "lowercase": True} if sample.other is not None and is_bag else None
        values["tokenizer"] = similar or _tokenizer(sample, bag=dense or is_bag, dense=dense)
    text, label = sample.names
    answer = {"target": label} if sample.task == "regression" else {"label": label, **_missing_labels(sample)}
    values["task"] = {"type": sample.task, "text": text, **({} if sample.other is None else {"other": sample.other}), **answer}
    towers = {"towers": {"shared": True}} if sample.other is not None and section is MlpConfig else {}
    values["model"] = {"type": model, **_model(section, sample), **towers}
    if issubclass(section, NetworkConfig):
        values["training"] = LORA_TRAINING if prompts else FINE_TUNING if published else TRAINING
    return {**values, "seeds": [1]}


def _of_numbers(sample: Sample, model: str, section: type) -> dict[str, Any]:
    """The sections of a recipe that classifies rows of numbers."""
    task = {"type": "classification", "numbers": "all" if sample.all_numbers else list(sample.numbers), "label": str(sample.label),
            **({"missing_numbers": "mean"} if sample.missing_numbers else {}), **_missing_labels(sample)}
    reads = {"input": "vector"} if "input" in getattr(section, "model_fields", {}) else {}
    settings = {"variant": "gaussian"} if model == "naive_bayes" else _model(section, sample) if section is MlpConfig else {}
    trained = {"training": TRAINING} if issubclass(section, NetworkConfig) else {}
    return {"task": task, "model": {"type": model, **reads, **settings}, **trained}


def _missing_labels(sample: Sample) -> dict[str, str]:
    return {"missing_labels": "drop"} if MISSING.intersection(map(str.strip, sample.labels)) else {}


def _tagging(sample: Sample, model: str, section: type) -> dict[str, Any]:
    """The sections of a tagger; networks read words and their characters."""
    scheme = scheme_of([split_tokens(cell) for cell in sample.labels])
    task = {"type": "tagging", "tokens": sample.names[0], "tags": sample.names[1], **({"scheme": scheme} if scheme else {})}
    if not issubclass(section, NetworkConfig):
        return {"task": task, "model": {"type": model}}
    training = {**TRAINING, "batch_size": 32, **({"best_metric": "f1"} if scheme else {})}
    return {"task": task, **_of_words(model, section), "training": training}


def _of_words(model: str, section: type[NetworkConfig]) -> dict[str, Any]:
    """Tokenizer and model of a network that reads words and their characters."""
    directions = {"bidirectional": True} if "bidirectional" in section.model_fields else {}
    characters = {"characters": {"type": "cnn"}} if "characters" in section.model_fields else {}
    return {"tokenizer": {"type": "words", "split": "whitespace", "lowercase": True, "min_frequency": 2},
            "model": {"type": model, **directions, **characters}}


def _parsing(sample: Sample, model: str, section: type) -> dict[str, Any]:
    """The sections of a parser."""
    relations = {} if sample.label == "deprel" else {"relations": str(sample.label)}
    task = {"type": "parsing", "columns": list(sample.reads), **relations}
    if not issubclass(section, NetworkConfig):
        return {"task": task, "model": {"type": model}}
    sections = _of_words(model, section)
    if len(sample.reads) > 1 and "d_column" in section.model_fields:
        sections["model"]["d_column"] = 50
    return {"task": task, **sections, "training": {**TRAINING, "batch_size": 32}}


def _ranking(sample: Sample, model: str, section: type) -> dict[str, Any]:
    """The sections of a ranker; networks encode each text as a vector."""
    relevance = {} if sample.relevance is None else {"relevance": str(sample.relevance if sample.header else "relevance")}
    task = {"type": "ranking", "text": sample.names[0], "other": sample.names[1], **relevance}
    if not issubclass(section, NetworkConfig):
        tokenizer = _tokenizer(sample, bag=True, dense=False) | ({"sublinear": False, "weighting": "counts"} if model == "bm25" else {})
        return {"task": task, "tokenizer": tokenizer, "model": {"type": model}}
    dense = section is MlpConfig
    towers = {"towers": {"combine": "cosine"}} if "towers" in section.model_fields else {}
    return {"task": task, "tokenizer": _tokenizer(sample, bag=dense, dense=dense),
            "model": {"type": model, **_model(section, sample), **towers}, "training": TRAINING}


def scheme_of(sentences: Iterable[Sequence[str]]) -> str | None:
    """The scheme of all tags if they mark spans, otherwise None. IOB1 if `I-` starts spans and `B-` only ones that follow another span of
    the same type.
    """
    pairs = {pair for tags in sentences for pair in pairwise(["O", *tags])}
    kinds = {tag for _, tag in pairs}
    prefixes = {tag[:2] for tag in kinds} & {"B-", "I-", "E-", "S-"}
    name = "BIOES" if prefixes & {"E-", "S-"} else "IOB2"
    if not prefixes & {"B-", "I-"} or not all(is_tag(tag, name) for tag in kinds):
        return None
    starts = {tag[:2] == "B-" for before, tag in pairs if tag != "O" and before[1:] != tag[1:]}  # does B- start spans of another type?
    if name == "IOB2" and starts == {False}:
        return "IOB1"
    return name if "B-" in prefixes else None


def _data(sample: Sample, folder: Path) -> dict[str, Any]:
    files = {"train": _relative(sample.file, folder), **{split: _relative(path, folder) for split, path in sample.splits.items()}}
    return {"type": "files", **files, **sample.settings()}


def _relative(file: Path, folder: Path) -> str:
    file, folder = own_name(file), folder.resolve()
    return (file.relative_to(folder) if file.is_relative_to(folder) else file).as_posix()


def _tokenizer(sample: Sample, bag: bool, dense: bool) -> dict[str, Any]:
    """Characters for texts of about one word, such as names; words for others."""
    short = median(len(text.split()) for text in sample.texts) < 2
    if bag:
        size = {"max_features": 50_000} if dense else {}
        return {"type": "ngrams", **({"characters": [1, 4]} if short else {"words": [1, 2]}), "sublinear": True, **size}
    return {"type": "characters"} if short else {"type": "words", "lowercase": True, "max_length": 256, "min_frequency": 2}


def _model(section: type, sample: Sample) -> dict[str, Any]:
    if section is NeuralSymbolicConfig:
        return {"network": {"type": "mlp", **_model(MlpConfig, sample)}, "rules": _model(RulesConfig, sample), "fusion": {"type": "logits"}}
    if section is RulesConfig:
        rules = [{"label": label, "keywords": words} for label, words in typical_words(sample).items() if words]
        if not rules:
            raise DataError(f"{sample.file}: no word distinguishes the classes, so no initial rules can be written.")
        return {"mode": "weighted", "rules": rules, "default": Counter(sample.labels).most_common(1)[0][0]}
    if issubclass(section, PromptingConfig):
        words = {label: f" {label}" for label in classes_of(sample)}
        return {"path": LANGUAGE_MODEL, "template": "Text: {text}\nClass:", "label_words": words}
    if section is PretrainedNetworkConfig:
        return {"path": ENCODER, "dropout": 0.1}
    return {"hidden_sizes": [128], "dropout": 0.3} if section is MlpConfig else {}


def classes_of(sample: Sample) -> list[str]:
    """The classes in the rows, missing values left out."""
    return sorted({label.strip() for label in sample.labels} - MISSING)


def typical_words(sample: Sample) -> Mapping[str, list[str]]:
    """For each class, the words whose share of its texts most exceeds their share of all texts."""
    rows = Counter(sample.labels)
    words_of = [(label, set(re.findall(r"\w+", text.lower()))) for text, label in zip(sample.texts, sample.labels, strict=True)]
    occurrences = [(label, word) for label, words in words_of for word in words]
    pairs, words = Counter(occurrences), Counter(word for _, word in occurrences)
    lift = {(label, word): count / rows[label] - words[word] / len(sample.labels) for (label, word), count in pairs.items()}
    best = sorted((pair for pair in lift if lift[pair] > 0), key=lambda pair: (-lift[pair], pair))
    return {label: [word for owner, word in best if owner == label][:KEYWORDS] for label in sorted(rows)}
