"""Autoencoders of earlier runs, whose codes a model generates or whose decoder it starts from."""

from typing import TYPE_CHECKING

from ...configs.load import load_recipe
from ...configs.schema.tasks.adversarial import CodesConfig, GanConfig, GumbelGanConfig
from ...configs.schema.tasks.autoencoding import AutoencoderConfig, AutoencodingConfig
from ...errors import ConfigError, RunError
from ..folder.checkpoints import checkpoint_path
from ..folder.run_directory import RunDirectory
from ..folder.tensors import load_into, load_matching, load_tensors
from .finished_run import differences, named_by_kind, named_run

if TYPE_CHECKING:
    from ...models.networks.gan import CodeGan
    from ...models.networks.gumbel_gan import GumbelGan


def autoencoder_of(name: str) -> CodesConfig:
    """The architecture of a run's autoencoder. Raises ConfigError if the run has none."""
    source = named_run(name, "model.codes")
    recipe = load_recipe(str(source.config))
    if not isinstance(recipe.task, AutoencodingConfig) or not isinstance(recipe.model, AutoencoderConfig):
        raise ConfigError(f"model.codes: {named_by_kind(source, recipe)}, but codes come from an autoencoder. "
                          "Name a run for task autoencoding, such as one of names/autoencoder.")
    own = recipe.model.model_copy(update={"init_from": None, "vectors": None})  # its weights come from the run
    return CodesConfig(autoencoder=own, tie_embeddings=recipe.task.tie_embeddings, output_bias=recipe.task.output_bias)


def take_autoencoder(source: RunDirectory, model: "CodeGan", config: GanConfig) -> str:
    """Copy the autoencoder's weights, and describe them. Raises ConfigError if its architecture differs from the recipe's."""
    theirs = autoencoder_of(source.address)
    if theirs != config.architecture:
        stated = {} if config.architecture is None else _flat(config.architecture)
        different = differences({key: stated.get(key) for key in _flat(theirs)}, _flat(theirs))
        raise ConfigError(f"model.architecture: {'; '.join(different)} ({source.address}). Leave the section out: training fills it in.")
    load_into(model.autoencoder, load_tensors(checkpoint_path(source, "best") / "model.safetensors"))
    counts = [sum(parameter.numel() for parameter in part.parameters()) for part in (model.autoencoder, model)]
    return f"{counts[0]:,} of {counts[1]:,} parameters of {source.address}, which are not trained; new: generator, discriminator"


def take_decoder(source: RunDirectory, model: "GumbelGan", theirs: AutoencoderConfig) -> str:
    """Copy the decoder of an autoencoder into the generator, whose noise replaces the code, and describe what was copied.

    Raises ConfigError if they do not match.
    """
    mine: GumbelGanConfig = model.config
    keys = ("cell", "d_embedding", "hidden_size", "n_layers")
    own = {"d_noise": mine.d_noise, **{f"generator.{key}": getattr(mine.generator, key) for key in keys}}
    other = {"d_noise": theirs.d_code, **{f"generator.{key}": getattr(theirs, key) for key in keys}}
    if different := differences(own, other, "model."):
        raise ConfigError(f"model.init_from: {'; '.join(different)} ({source.address}; d_noise has the size of a code). Make them equal.")
    try:
        weights = load_tensors(checkpoint_path(source, "best") / "model.safetensors")
        copied = load_matching(model.generator, weights)
    except RunError as error:
        raise ConfigError(f"model.init_from: the decoder of {source.address} does not fit. {error}") from error
    taken, total = sum(weights[name].numel() for name in copied), sum(parameter.numel() for parameter in model.parameters())
    return f"{taken:,} of {total:,} parameters of {source.address}, the decoder; new: discriminator"


def _flat(config: CodesConfig) -> dict[str, object]:
    return {**config.model_dump(exclude={"autoencoder"}), **config.autoencoder.model_dump()}
