"""Start of a network: the tokenizers and weights of an earlier run (`model.init_from`), or word vectors (`model.vectors`)."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...configs.load import load_recipe
from ...configs.schema.model import ModelConfig
from ...configs.schema.models.networks import NetworkConfig
from ...configs.schema.models.neural_symbolic import NeuralSymbolicConfig
from ...configs.schema.models.pretrained import PretrainedNetworkConfig
from ...configs.schema.models.transformers import TransformerConfig
from ...configs.schema.recipe import Recipe
from ...configs.schema.tasks.adversarial import GanConfig, GumbelGanConfig
from ...configs.schema.tasks.autoencoding import AutoencoderConfig
from ...configs.schema.tasks.parsing import ParsingConfig
from ...configs.schema.tokenizer import SPECIAL_TOKENS, NgramTokenizer
from ...datasets.build import build_data
from ...datasets.encoded.split import Data, Encoding
from ...datasets.tokenizers.clusters import KEY as CLUSTERS
from ...datasets.tokenizers.tagger import SYNTAX
from ...datasets.tokenizers.tokenizer import Tokenizer
from ...errors import ConfigError, RunError
from ...tasks.build import build_task, preparation
from ...tasks.task import Task
from ..folder.checkpoints import checkpoint_path, has_checkpoint
from ..folder.data_file import load_encoding
from ..folder.run_directory import RunDirectory, find_run
from ..folder.tensors import load_matching, load_tensors
from ..log.display import announce
from .codes import autoencoder_of, take_autoencoder, take_decoder
from .finished_run import differences, named_by_kind, named_run
from .published import PublishedStart, can_start_published, published_start
from .tagger import open_tagger
from .vectors import has_vectors, open_vectors, vectors_run

if TYPE_CHECKING:
    from torch import Tensor

VECTORS = "model.vectors"
"""The key that names word vectors."""
MAY_DIFFER: dict[str, Any] = {
    **dict.fromkeys(("init_from", "vectors", "dropout", "attention_dropout", "token_dropout", "pooling", "pooler", "causal",
                     "max_positions", "n_layers", "path", "variational"), True),
    "generator": {"dropout", "temperature", "final_temperature", "annealing_steps", "sampling_temperature", "hard", "optimizer"},
    "discriminator": {"dropout", "optimizer"},
}
"""Model keys that may differ from the earlier run's, since weights keep their meaning; other sizes show in the weights' shapes."""
TOKEN_TABLES = ("embedding.weight", "embedding.tokens.weight", "embedding.words.tokens.weight")
"""Names of the token embedding in recurrent language models, in other networks, and in transformers."""
WORD_TABLES = (*TOKEN_TABLES, "embedding.bag.weight", "source_embedding.weight")
"""Names of the embedding in all networks that can start from word vectors."""


@dataclass(frozen=True)
class Start:
    """An earlier run that a new one starts from, or the new run itself, which continues with its own tokenizers and weights."""

    directory: RunDirectory
    recipe: Recipe
    encoding: Encoding
    resumed: bool = False

    @property
    def tokenizers(self) -> Mapping[str, Tokenizer]:
        """The tokenizers of the earlier run, by role."""
        return self.encoding.tokenizers

    def fill(self, model: Any, task: Task, config: ModelConfig) -> str:
        """Copy the weights that both models have; describes which were copied, which are new, and which are unused.

        The output layer is copied if both tasks have the same outputs. Raises ConfigError if the models do not match.
        """
        if isinstance(config, GanConfig):
            return take_autoencoder(self.directory, model, config)
        if isinstance(config, GumbelGanConfig) and isinstance(self.recipe.model, AutoencoderConfig):
            return take_decoder(self.directory, model, self.recipe.model)
        prefix, started = "", model
        if isinstance(config, NeuralSymbolicConfig) and not isinstance(self.recipe.model, NeuralSymbolicConfig):
            prefix, started, config = "network.", model.network, config.network  # rules and fusion are new
        self._refuse_other_model(config)
        tensors = _weights_for(self.directory, started)
        same_output = build_task(self.recipe.task, self.encoding).head == task.head
        try:
            loaded = load_matching(started, tensors if same_output else _below_output(tensors))
        except RunError as error:
            raise ConfigError(f"model.init_from: the model of {self.directory.address} does not fit. {error}") from error
        if not loaded:
            raise ConfigError(f"model.init_from: the model of {self.directory.address}, a {self.recipe.model.type}, has no weight that "
                              f"this {config.type} could start from.")
        return self._report(model, {f"{prefix}{name}" for name in loaded}, tensors.keys() - loaded)

    def _refuse_other_model(self, config: ModelConfig) -> None:
        """Raises ConfigError if settings differ under which weights of the same shapes compute something else, such as heads."""
        source = self.recipe.model
        if source.type != config.type:
            return
        mine, theirs = config.model_dump(exclude=MAY_DIFFER), source.model_dump(exclude=MAY_DIFFER)
        if different := differences(mine, theirs, "model."):
            raise ConfigError(f"model.init_from: {'; '.join(different)} ({self.directory.address}). Make them equal.")

    def _report(self, model: Any, loaded: Collection[str], left: Collection[str]) -> str:
        parameters = dict(model.named_parameters())
        new = [name for name in parameters if name not in loaded]
        taken, total = (sum(parameters[name].numel() for name in names) for names in (parameters.keys() - set(new), parameters))
        parts = [f"{taken:,} of {total:,} parameters of {self.directory.address}", f"new: {_parts(new)}"]
        return "; ".join([*parts, *([f"unused: {_parts(left)}"] if left else [])])


def start_of(recipe: Recipe, directory: RunDirectory | None = None) -> Start | PublishedStart | None:
    """The run or weights that `model.init_from`, `model.codes` or the `model.path` of a published network names, or the run in
    `directory` itself if it has a checkpoint. None without these keys.
    """
    (key, name), model = _source_name(recipe), recipe.model
    if name is None and not isinstance(model, PretrainedNetworkConfig):
        return None
    if directory is not None and has_checkpoint(directory):
        return Start(directory, recipe, load_encoding(directory)[0], resumed=True)
    if name is None:
        assert isinstance(model, PretrainedNetworkConfig)
        return published_start(recipe, model)
    source = named_run(name, key)
    theirs = load_recipe(str(source.config))
    if not isinstance(theirs.model, NetworkConfig):
        raise ConfigError(f"{key}: {named_by_kind(source, theirs)}, which has no weights that a network could start from. Name a run "
                          "of a network.")
    if not has_checkpoint(source):
        raise ConfigError(f"{key}: {source.address} has no checkpoint to start from. Train it first, or name another run.")
    start = Start(source, theirs, load_encoding(source)[0])
    _refuse_other_tokenizer(recipe, start, key)
    return start


def first_weights(recipe: Recipe, start: Start | PublishedStart | None, directory: RunDirectory | None, model: Any, task: Task,
                  encoding: Encoding) -> str | None:
    """Replace random weights by those that the recipe starts from, and describe them; None if there are none, or on resuming."""
    if start is not None:
        return None if start.resumed else start.fill(model, task, recipe.model)
    vectors = recipe.model.vectors if isinstance(recipe.model, NetworkConfig) else None
    if vectors is None or (directory is not None and has_checkpoint(directory)):
        return None
    return _take_vectors(model, encoding, vectors)


def _take_vectors(model: Any, encoding: Encoding, name: str) -> str:
    """Copy word vectors into the embedding, scaled by one factor to its standard deviation; describes how many words have one.

    Raises ConfigError if the model has no such embedding, or one of another size; and the errors of `open_vectors`.
    """
    import torch

    table = next((tensor for name, tensor in model.state_dict().items() if name.removeprefix("network.") in WORD_TABLES), None)
    if table is None or encoding.tokenizer is None:
        raise ConfigError(f"model.vectors: this {model.config.type} has no embedding of words; set model.d_embedding, or leave it out.")
    n_words = encoding.tokenizer.vocab_size - len(SPECIAL_TOKENS)
    words = encoding.tokenizer.tokens(range(len(SPECIAL_TOKENS), encoding.tokenizer.vocab_size))
    values, found = open_vectors(name, VECTORS).read(words)
    if not found.any():
        raise ConfigError(f"model.vectors: {name} has none of the {n_words:,} words of the vocabulary. Check the language of the "
                          "vectors, and tokenizer.lowercase.")
    if values.shape[1] != table.shape[1]:
        raise ConfigError(f"model.vectors: {name} has vectors of size {values.shape[1]}, but the embedding has size {table.shape[1]}. Make "
                          "them equal: set model.d_embedding, or model.d_model in a transformer without it.")
    rows = np.flatnonzero(found)
    chosen = torch.from_numpy(values[rows]).to(table)
    table[torch.from_numpy(rows + len(SPECIAL_TOKENS)).to(table.device)] = chosen * (table.std() / chosen.std().clamp(min=1e-12))
    return f"vectors of {len(rows):,} of {n_words:,} words ({len(rows) / n_words:.1%}) of {name}"


def can_start(recipe: Recipe) -> bool:
    """Whether the runs and published weights that the recipe needs are available."""
    path = getattr(recipe.model, "path", None)
    if (path is not None and not can_start_published(path)) or not all(has_vectors(name) for name in _vectors(recipe)):
        return False
    try:
        return all(has_checkpoint(find_run(name)) for name in (*recipe.model.sources.values(), *_taggers(recipe)))
    except RunError:
        return False


def pinned(recipe: Recipe) -> Recipe:
    """The recipe with the addresses of the runs that `model.init_from` and the like name now, so that later runs do not replace them;
    and with the sizes of a published network, so that they are known without its folder.
    """
    if isinstance(recipe.task, ParsingConfig) and recipe.task.tagger is not None:
        address = open_tagger(recipe.task.tagger, "task.tagger").run.directory.address
        recipe = recipe.model_copy(update={"task": recipe.task.model_copy(update={"tagger": address})})
    if isinstance(recipe.tokenizer, NgramTokenizer):
        recipe = recipe.model_copy(update={"tokenizer": _pinned_tokenizer(recipe.tokenizer)})
    changes: dict[str, Any] = {key: named_run(name, f"model.{key}").address for key, name in recipe.model.sources.items()}
    if (vectors := getattr(recipe.model, "vectors", None)) is not None:
        changes["vectors"] = _pinned_vectors(vectors, VECTORS)
    if isinstance(recipe.model, PretrainedNetworkConfig) and recipe.model.architecture is None:
        from ...models.pretrained.architecture import stated_architecture

        changes["architecture"] = stated_architecture(recipe.model)
    if isinstance(recipe.model, GanConfig) and recipe.model.architecture is None:
        changes["architecture"] = autoencoder_of(changes["codes"])
    return recipe.model_copy(update={"model": recipe.model.model_copy(update=changes)}) if changes else recipe


def _pinned_tokenizer(config: NgramTokenizer) -> NgramTokenizer:
    if config.tagger is not None:
        config = config.with_tagger(open_tagger(config.tagger).run.directory.address)
    if config.parser is not None:
        config = config.with_parser(open_tagger(config.parser, SYNTAX).run.directory.address)
    return config if config.clusters is None else config.with_vectors(_pinned_vectors(config.clusters.vectors, f"{CLUSTERS}.vectors"))


def _pinned_vectors(name: str, key: str) -> str:
    """The name, or its address if it is a run. Raises ConfigError for a run without word vectors, or one that is not finished."""
    if (source := vectors_run(name)) is None:
        return name
    open_vectors(name, key)
    return source.address


def _vectors(recipe: Recipe) -> list[str]:
    """The sources of word vectors that a recipe names."""
    clusters = recipe.tokenizer.clusters if isinstance(recipe.tokenizer, NgramTokenizer) else None
    names = [getattr(recipe.model, "vectors", None), None if clusters is None else clusters.vectors]
    return [name for name in names if name is not None]


def _taggers(recipe: Recipe) -> list[str]:
    """The runs that provide parts of speech and parse trees."""
    names = [recipe.task.tagger if isinstance(recipe.task, ParsingConfig) else None]
    if isinstance(recipe.tokenizer, NgramTokenizer):
        names += [recipe.tokenizer.tagger, recipe.tokenizer.parser]
    return [name for name in names if name is not None]


def _source_name(recipe: Recipe) -> tuple[str, str | None]:
    """The key that names the run that a network starts from, and the run."""
    if isinstance(recipe.model, GanConfig):
        return "model.codes", recipe.model.codes
    return "model.init_from", recipe.model.init_from if isinstance(recipe.model, NetworkConfig) else None


def _refuse_other_tokenizer(recipe: Recipe, start: Start, key: str) -> None:
    """Raises ConfigError if the recipe has another tokenizer than the run, or needs [CLS], which the run's tokenizer does not add."""
    own = start.encoding.tokenizer
    if recipe.tokenizer is not None and own is not None and recipe.tokenizer != own.config:
        raise ConfigError(f"tokenizer: differs from that of {start.directory.address}, whose weights are for its own tokens. "
                          f"Leave this section out: the tokenizer comes with {key}.")
    if isinstance(recipe.model, TransformerConfig) and recipe.model.pooling == "cls" and not (
            own is not None and getattr(own.config, "add_cls", False)):
        raise ConfigError(f"model.pooling: `cls` reads the state of [CLS], which the tokenizer of {start.directory.address} does not add. "
                          "Use `mean` or `max`, or train that run with `tokenizer.add_cls: true`.")


def build_recipe_data(recipe: Recipe, start: Start | PublishedStart | None = None) -> Data:
    """The encoded splits of a recipe, with the tokenizers of the run that it starts from, if any."""
    given: Mapping[str, Tokenizer] = {} if start is None else start.tokenizers
    return build_data(recipe.data, recipe.tokenizer, preparation(recipe.task), report=announce, given=given, open_tagger=open_tagger,
                      open_vectors=open_vectors)


def lend_encoder(lender: RunDirectory, model: Any, encoding: Encoding) -> None:
    """Replace a model's embedding and hidden layers by those of a run; its output layer stays. Raises ConfigError if they do not match."""
    theirs, mine = load_encoding(lender)[0].tokenizer, encoding.tokenizer
    if theirs is None or mine is None or theirs.fingerprint() != mine.fingerprint():
        raise ConfigError(f"{lender.address} has another tokenizer, so this output layer cannot use its encoder. Name a run that "
                          "started from the other with model.init_from.")
    encoder = {name: tensor for name, tensor in _weights_for(lender, model).items() if _part(name) != "output"}
    wanted = {name for name in model.state_dict() if _part(name) != "output"}
    try:
        loaded = load_matching(model, encoder)
    except RunError as error:
        raise ConfigError(f"The encoder of {lender.address} does not fit. {error}") from error
    if loaded != wanted:
        raise ConfigError(f"{lender.address} lacks {_parts(wanted - loaded)} of the other model; name a run that started from it.")


def _weights_for(source: RunDirectory, model: Any) -> "dict[str, Tensor]":
    """The weights of a run's best checkpoint, with the token embedding named as in this model."""
    tensors = load_tensors(checkpoint_path(source, "best") / "model.safetensors")
    mine = next((name for name in TOKEN_TABLES if name in model.state_dict()), None)
    return {mine if mine is not None and name in TOKEN_TABLES else name: tensor for name, tensor in tensors.items()}


def _below_output(tensors: "Mapping[str, Tensor]") -> "dict[str, Tensor]":
    """The weights without the output layer. Layers between encoder and output, such as a pooler, may belong to one of several outputs."""
    shared: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        below = re.fullmatch(r"output\.(?:\w+\.)?((?:hidden|pooling)\..+)", name)
        if below is not None or _part(name) != "output":
            shared[f"output.{below[1]}" if below is not None else name] = tensor
    return shared


def _part(name: str) -> str:
    """The part of a network that a weight belongs to: `embedding`, `hidden`, `output`."""
    return name.partition(".")[0]


def _parts(names: Collection[str]) -> str:
    return ", ".join(dict.fromkeys(map(_part, names))) or "nothing"
