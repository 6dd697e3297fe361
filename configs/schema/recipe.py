"""The recipe: every section of it, and the checks that need more than one section."""

from collections.abc import Iterator
from typing import NamedTuple, get_args

from pydantic import Field

from .base import Config, Seed
from .data import DataConfig, NamedData, SizesData
from .model import ModelConfig
from .networks import MlpConfig, NetworkConfig, SequenceNetworkConfig, TransformerConfig, TransformerSeq2SeqConfig
from .task import ClassificationConfig, LanguageModelingConfig, SequenceToSequenceConfig, TaggingConfig, TaskConfig, is_tag, tags_of
from .tokenizer import TokenizerConfig, TokenSequence
from .training import TrainingConfig


class Recipe(Config):
    """One experiment: data, tokenizer, task, model and training, for one or more seeds."""

    description: str = ""
    """One line for `nlp config list`."""
    data: DataConfig
    tokenizer: TokenizerConfig | None = None
    """How text becomes numbers; rules read the text itself and have none."""
    task: TaskConfig | None = None
    """May be left out only with `data: {type: sizes}`; then the bare encoder is built."""
    model: ModelConfig
    training: TrainingConfig | None = None
    """How a network is trained; rules and classical models have none."""
    seeds: list[Seed] = Field(default=[1], min_length=1)
    """One run for each seed."""


class Problem(NamedTuple):
    """Something wrong with a recipe whose sections are each right: the key to point at, and one sentence."""

    path: tuple[str, ...]
    message: str


def problems(recipe: Recipe) -> Iterator[Problem]:
    """What cannot work together in `recipe`, in the order of its sections."""
    yield from _data_problems(recipe)
    yield from _tokenizer_problems(recipe)
    yield from _task_problems(recipe)
    yield from _training_problems(recipe)


def models_that_give(need: str) -> list[str]:
    """The `model.type` values that can serve a task with this need."""
    classes = get_args(get_args(ModelConfig)[0])
    return [name for cls in classes if need in cls.gives for name in get_args(cls.model_fields["type"].annotation)]


def _data_problems(recipe: Recipe) -> Iterator[Problem]:
    data = recipe.data
    if isinstance(data, NamedData) and data.remove and data.name != "20newsgroups":
        yield Problem(("data", "remove"), "works with `name: 20newsgroups` alone")
    if len(set(recipe.seeds)) < len(recipe.seeds):
        yield Problem(("seeds",), "names a seed twice; each run needs a seed of its own")


def _tokenizer_problems(recipe: Recipe) -> Iterator[Problem]:
    tokenizer, model = recipe.tokenizer, recipe.model
    if isinstance(recipe.data, SizesData):
        return
    if model.takes == "text" and tokenizer is not None:
        yield Problem(("tokenizer",), f"model.type {model.type} reads the text itself; leave the tokenizer out")
    if model.takes in ("bag", "sequence", "spelled", "history", "pair") and tokenizer is None:
        yield Problem((), f"tokenizer: is missing; model.type {model.type} needs one, such as `type: words`")
    if model.takes in ("sequence", "spelled", "history", "pair") and tokenizer is not None and not tokenizer.ordered:
        yield Problem(("tokenizer", "type"), f"n-grams have no order, which model.type {model.type} needs; "
                      "take words, characters, bytes, bpe, unigram or wordpiece")
    if getattr(tokenizer, "counted_in", "train") != "train" and (recipe.task is None or recipe.task.type != "language_modeling"):
        yield Problem(("tokenizer", "counted_in"), "`all_splits` looks at the words of the test split, for the sake of language models' "
                      "published figures; leave it out")
    if model.takes == "vector":
        yield Problem(("model", "input"), "`vector` needs a dataset of plain vectors; for text take `bag`")
    if isinstance(model, MlpConfig) and model.d_embedding and tokenizer is not None and not tokenizer.ordered:
        yield Problem(("model", "d_embedding"), "averages embeddings of tokens; n-grams feed the first hidden layer, so leave it out")
    if isinstance(model, SequenceNetworkConfig) and model.characters is not None and (recipe.task is None or recipe.task.type != "tagging"):
        yield Problem(("model", "characters"), "are those of single words, which only `task: {type: tagging}` knows; leave them out")
    if isinstance(model, TransformerConfig) and model.pooling == "cls" and not _has_cls(recipe):
        yield Problem(("model", "pooling"), "`cls` reads the state of [CLS]; set `tokenizer.add_cls: true`")


def _has_cls(recipe: Recipe) -> bool:
    return isinstance(recipe.tokenizer, TokenSequence) and recipe.tokenizer.add_cls


def _task_problems(recipe: Recipe) -> Iterator[Problem]:
    task, model, counts_only = recipe.task, recipe.model, isinstance(recipe.data, SizesData)
    if task is None:
        if not counts_only:
            yield Problem((), "task: is missing; take for example `task: {type: classification}`")
    elif task.needs not in model.gives:
        fitting = ", ".join(models_that_give(task.needs))
        yield Problem(("model", "type"), f"{model.type} cannot serve task.type {task.type}; these can: {fitting}")
    elif task.type == "classification":
        yield from _loss_problems(recipe, task)
    elif task.type == "tagging":
        yield from _tagging_problems(recipe, task)
    elif task.type == "sequence_to_sequence":
        yield from _pair_problems(recipe, task)
    elif not counts_only:
        yield from _language_problems(recipe, task)


def _loss_problems(recipe: Recipe, task: ClassificationConfig) -> Iterator[Problem]:
    """What only a network's loss reads."""
    model = recipe.model
    if model.learns_by == "gradient":
        return
    instead = ": set model.class_weight" if "class_weight" in type(model).model_fields else ""
    for key, given in (("class_weights", task.class_weights is not None), ("label_smoothing", task.label_smoothing > 0)):
        if given:
            said = f"changes the loss of a network; model.type {model.type} has none"
            yield Problem(("task", key), f"{said}{instead if key == 'class_weights' else ''}, so leave it out")


def _tagging_problems(recipe: Recipe, task: TaggingConfig) -> Iterator[Problem]:
    model, tokenizer = recipe.model, recipe.tokenizer
    pooling = type(model).model_fields.get("pooling")
    if pooling is not None and getattr(model, "pooling", None) != pooling.default:  # a resolved recipe states defaults too
        yield Problem(("model", "pooling"), "makes one vector of a text, but tagging gives a tag to each token; leave it out")
    if getattr(model, "pooler", False):
        yield Problem(("model", "pooler"), "reads one vector of a text, but tagging gives a tag to each token; leave it out")
    if task.crf and model.learns_by != "gradient":
        yield Problem(("task", "crf"), f"is a network's last layer; model.type {model.type} finds the tags in its own way, so leave it out")
    if task.scheme is not None and (strange := next((tag for tag in task.labels or () if not is_tag(tag, task.scheme)), None)):
        yield Problem(("task", "labels"), f"{strange!r} is no tag of task.scheme {task.scheme}, which has {tags_of(task.scheme)}")
    for key in ("max_length", "add_cls"):
        if getattr(tokenizer, key, None):
            yield Problem(("tokenizer", key), "is for whole texts; in tagging the tokenizer reads one token at a time, so leave it out")


def _language_problems(recipe: Recipe, task: LanguageModelingConfig) -> Iterator[Problem]:
    model, tokenizer = recipe.model, recipe.tokenizer
    if isinstance(model, TransformerConfig) and task.block_size > model.max_positions:
        yield Problem(("task", "block_size"), f"is {task.block_size} tokens, but the model has {model.max_positions} positions; make it "
                      "smaller, or model.max_positions larger")
    if isinstance(model, TransformerConfig) and not model.causal:
        yield Problem(("model", "causal"), "must be true: a language model that sees what comes next has nothing to tell")
    if getattr(model, "bidirectional", False):
        yield Problem(("model", "bidirectional"), "must be false: a language model that sees what comes next has nothing to tell")
    for key in ("max_length", "add_cls"):
        if getattr(tokenizer, key, None):
            yield Problem(("tokenizer", key), "is for single texts; a language model reads running text in blocks, so leave it out")


def _pair_problems(recipe: Recipe, task: SequenceToSequenceConfig) -> Iterator[Problem]:
    tokenizer, target, model = recipe.tokenizer, task.target_tokenizer, recipe.model
    if task.tie_embeddings == "all" and not task.share_vocabulary and not isinstance(recipe.data, SizesData):
        yield Problem(("task", "tie_embeddings"), "`all` makes one matrix of both embeddings, so it needs `task.share_vocabulary: true`")
    if task.share_vocabulary and target is not None:
        yield Problem(("task", "target_tokenizer"), "has no use beside `task.share_vocabulary: true`; leave one of them out")
    if target is not None and not target.ordered:
        yield Problem(("task", "target_tokenizer", "type"), "n-grams have no order, and cannot be written; "
                      "take words, characters, bytes, bpe, unigram or wordpiece")
    if getattr(target, "counted_in", "train") != "train":
        yield Problem(("task", "target_tokenizer", "counted_in"), "`all_splits` looks at the words of the test split; leave it out")
    for path, each in ((("tokenizer",), tokenizer), (("task", "target_tokenizer"), target)):
        if getattr(each, "add_cls", False):
            yield Problem((*path, "add_cls"), "is for a class of a text; an encoder-decoder has no use for [CLS], so leave it out")
    longest = task.decoding.max_length
    if isinstance(model, TransformerSeq2SeqConfig) and longest > model.max_positions:
        yield Problem(("task", "decoding", "max_length"), f"is {longest}, but model.max_positions is {model.max_positions}; "
                      "lower the one or raise the other")


def _training_problems(recipe: Recipe) -> Iterator[Problem]:
    learns = isinstance(recipe.model, NetworkConfig)
    if learns and recipe.training is None and not isinstance(recipe.data, SizesData):
        yield Problem((), f"training: is missing; model.type {recipe.model.type} is a network and needs at least "
                      "`epochs` and `optimizer`")
    if not learns and recipe.training is not None:
        yield Problem(("training",), f"model.type {recipe.model.type} learns by {recipe.model.learns_by}, not by steps; "
                      "leave this section out")
    if recipe.training is not None and recipe.task is not None and recipe.training.best_metric not in recipe.task.metrics:
        known, wanted = ", ".join(recipe.task.metrics), recipe.training.best_metric
        yield Problem(("training", "best_metric"), f"{wanted!r} is not a metric of {recipe.task.type}; take one of {known}")
