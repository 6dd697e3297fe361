"""The recipe that `nlp config init` writes: initial settings for each kind of model."""

import difflib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from ..configs.catalog import own_name
from ..configs.schema.networks import MlpConfig, NetworkConfig
from ..configs.schema.recipe import Recipe, problems
from ..configs.schema.rules import RulesConfig
from ..configs.yaml.error_report import config_classes, types_of
from ..configs.yaml.template import commented
from ..errors import ConfigError, DataError
from .sample import Sample

KEYWORDS = 5
TRAINING = {
    "epochs": 10,
    "batch_size": 64,
    "optimizer": {"type": "adamw", "learning_rate": 1e-3, "weight_decay": 0.01},
    "schedule": {"type": "cosine", "warmup_share": 0.05},
    "clip_norm": 1.0,
    "early_stopping": {"patience": 3},
}


def write_recipe(sample: Sample, model: str, path: Path, force: bool) -> None:
    """Write the recipe. Raises ConfigError where there is no such model, or where the file exists and `force` is not given."""
    from ..training.folder.files import write_atomically

    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{path}: a recipe's name ends in .yaml; give another --output.")
    if path.exists() and not force:
        raise ConfigError(f"{path} already exists and was not changed. Give another --output, or --force to overwrite it.")
    settings = first_settings(sample, model, path.parent)
    _refuse_unfit(settings, model)
    heading = f"# A recipe for {sample.file.name}. Commented-out keys show their defaults.\n\n"
    write_atomically(path, heading + commented(settings))


def _refuse_unfit(settings: Mapping[str, Any], model: str) -> None:
    """Raises ConfigError where the recipe would not be valid, so that no such file is left behind."""
    from pydantic import ValidationError

    try:
        found = [problem.message for problem in problems(Recipe.model_validate(settings))]
    except ValidationError as error:
        found = [f"it needs {'.'.join(map(str, each['loc'][1:]))}" for each in error.errors()]
    if found:
        raise ConfigError(f"A recipe with --model {model} cannot be written from texts and classes alone: {found[0].removesuffix('.')}. "
                          "Use another --model, or start from a recipe in `nlp config list`.")


def first_settings(sample: Sample, model: str, folder: Path) -> dict[str, Any]:
    """The values of a recipe in `folder` for this data and type of model; all others keep their defaults."""
    classes = {name: each for each in config_classes(Recipe.model_fields["model"].annotation) for name in types_of(each)}
    if model not in classes:
        near = "".join(f" Did you mean {name}?" for name in difflib.get_close_matches(model, classes, n=1))
        raise ConfigError(f"There is no model {model!r}.{near} --model must be one of {', '.join(classes)}.")
    section = classes[model]
    values: dict[str, Any] = {"description": f"Predict the class of the texts in {sample.file.name}", "data": _data(sample, folder)}
    if section is not RulesConfig:
        bag = section is MlpConfig or not issubclass(section, NetworkConfig)
        values["tokenizer"] = _tokenizer(sample, bag, dense=section is MlpConfig)
    names = (sample.text, sample.label) if sample.header else ("text", "label")
    values["task"] = {"type": "classification", "text": names[0], "label": names[1]}
    values["model"] = {"type": model, **_model(section, sample)}
    if issubclass(section, NetworkConfig):
        values["training"] = TRAINING
    return {**values, "seeds": [1]}


def _data(sample: Sample, folder: Path) -> dict[str, Any]:
    file, folder = own_name(sample.file), folder.resolve()
    train = file.relative_to(folder) if file.is_relative_to(folder) else file
    data: dict[str, Any] = {"type": "files", "train": train.as_posix()}
    if not sample.header:
        data |= {"header": False, "columns": {"text": sample.text, "label": sample.label}}
    return data | ({} if sample.quoting is None else {"quoting": sample.quoting})


def _tokenizer(sample: Sample, bag: bool, dense: bool) -> dict[str, Any]:
    """Characters where texts are hardly longer than a word, such as names; words elsewhere."""
    short = median(len(text.split()) for text in sample.texts) < 2
    if bag:
        size = {"max_features": 50_000} if dense else {}
        return {"type": "ngrams", **({"characters": [1, 4]} if short else {"words": [1, 2]}), "sublinear": True, **size}
    return {"type": "characters"} if short else {"type": "words", "lowercase": True, "max_length": 256, "min_frequency": 2}


def _model(section: type, sample: Sample) -> dict[str, Any]:
    if section is RulesConfig:
        rules = [{"label": label, "keywords": words} for label, words in typical_words(sample).items() if words]
        if not rules:
            raise DataError(f"{sample.file}: no word distinguishes the classes, so no initial rules can be written.")
        return {"mode": "weighted", "rules": rules, "default": Counter(sample.labels).most_common(1)[0][0]}
    return {"hidden_sizes": [128], "dropout": 0.3} if section is MlpConfig else {}


def typical_words(sample: Sample) -> Mapping[str, list[str]]:
    """For each class the words whose share of its texts is highest above their share of all texts."""
    rows = Counter(sample.labels)
    words_of = [(label, set(re.findall(r"\w+", text.lower()))) for text, label in zip(sample.texts, sample.labels, strict=True)]
    found = [(label, word) for label, words in words_of for word in words]
    pairs, words = Counter(found), Counter(word for _, word in found)
    lift = {(label, word): count / rows[label] - words[word] / len(sample.labels) for (label, word), count in pairs.items()}
    best = sorted((pair for pair in lift if lift[pair] > 0), key=lambda pair: (-lift[pair], pair))
    return {label: [word for owner, word in best if owner == label][:KEYWORDS] for label in sorted(rows)}
