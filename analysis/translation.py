"""Texts from an encoder-decoder: what it writes for each source, by which search, and what it looked at."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..configs.schema.networks import TransformerSeq2SeqConfig
from ..datasets.build import questions
from ..datasets.encoded.text_pairs import PairSplit, refuse_longer
from ..errors import ConfigError, DataError
from ..models.decoding import Search, sample, search_by
from ..models.head import Sampling
from ..tasks.sequence_to_sequence import SequenceToSequence
from ..tasks.task import Alignment
from ..training.open_run import FinishedRun

DRAWN_TOKENS = 200


def asked_search(run: FinishedRun, beam_size: int | None, n_best: int, length: int | None, sampling: Sampling | None,
                 attention: bool = False) -> Search:
    """The recipe's search with what is asked for in its place; with `attention`, what it looked at is to be drawn.

    Raises ConfigError for more texts than a search finds, a beam or attention where texts are drawn, and more tokens than a transformer
    has positions.
    """
    task = run.task
    assert isinstance(task, SequenceToSequence)
    given = {"beam_size": beam_size, "max_length": length}
    decoding = task.config.decoding.model_copy(update={key: value for key, value in given.items() if value is not None})
    _refuse_beyond(run, length)
    if sampling is not None and beam_size is not None:
        raise ConfigError(f"--beam-size {beam_size} is for a search, and --temperature, --top-k and --top-p draw instead; "
                          "leave one of them out.")
    if sampling is not None and attention:
        raise ConfigError("--attention draws what a search looked at, and --temperature, --top-k and --top-p draw texts by chance; "
                          "leave one of them out.")
    if n_best > (decoding.beam_size if sampling is None else 1):
        wider = f"set --beam-size {n_best} or more" if sampling is None else "leave --temperature out, or draw again with another --seed"
        raise ConfigError(f"--n-best {n_best} asks for more texts than the search keeps; {wider}.")
    if sampling is None:
        return search_by(decoding, n_best)
    generator = torch.Generator(run.model.device).manual_seed(sampling.seed)
    return lambda decoder, tokens, lengths: [[each] for each in sample(decoder, tokens, lengths, decoding.max_length, sampling, generator)]


def _refuse_beyond(run: FinishedRun, length: int | None) -> None:
    model = run.recipe.model
    if length is not None and isinstance(model, TransformerSeq2SeqConfig) and length > model.max_positions:
        raise ConfigError(f"--length {length:,} asks for more tokens than {run.directory.address} has positions: "
                          f"model.max_positions is {model.max_positions:,}. Ask for so many at most.")


def translated(run: FinishedRun, texts: Sequence[str], search: Search) -> list[dict[str, Any]]:
    """For each text `text`, `prediction`, `score` and the `others` that the search kept; for one without a word, nothing."""
    task = run.task
    assert isinstance(task, SequenceToSequence)
    asked = [text for text in texts if text.strip()]
    batch = _split(run, asked).batch(np.arange(len(asked)), run.recipe.model.takes) if asked else None
    written = iter(task.written(run.model, batch, search) if batch is not None else ())
    return [{"text": text, **(task.told(next(written)) if text.strip() else {"prediction": "", "score": 0.0})} for text in texts]


def looked_at(run: FinishedRun, text: str, search: Search) -> Alignment:
    """What each token of the text that is found looked at.

    Raises ConfigError where the model has no attention, and DataError for more tokens than a picture shows.
    """
    task = run.task
    assert isinstance(task, SequenceToSequence)
    found = task.alignments(run.model, _split(run, [text]), np.arange(1), search)
    if not found:
        raise ConfigError(f"{run.directory.address} keeps one vector of its source and has no attention to draw; "
                          "take a run with model.attention, or a transformer.")
    if (most := max(found[0].weights.shape)) > DRAWN_TOKENS:
        raise DataError(f"A picture of --attention shows {DRAWN_TOKENS} tokens on a side, and this text or what is found for it has "
                        f"{most:,}. Take a shorter text, or a smaller --length.")
    return found[0]


def _split(run: FinishedRun, texts: Sequence[str]) -> PairSplit:
    split = questions(texts, run.recipe.task, run.encoding)
    assert isinstance(split, PairSplit)
    refuse_longer(split, run.recipe.model)
    return split
