"""How fast a trained encoder-decoder writes: greedy search and a beam of five, and greedy search against one by hand.

The weights decide how long targets become, so they are those of a finished run. The search by hand uses the same layers and keeps keys
and values in tensors that are as long as the longest target from the start; it knows nothing of other searches or other models.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any

import torch
import typer
from nlp.configs.schema.models.transformers import TransformerSeq2SeqConfig
from nlp.configs.schema.tokenizer import BOS, EOS, UNK
from nlp.datasets.build import read_split
from nlp.errors import ConfigError
from nlp.models.decoding import search_by
from nlp.models.networks.transformer_seq2seq import DecoderBlock, TransformerSeq2Seq
from nlp.tasks.sequence_to_sequence import SequenceToSequence
from nlp.training.folder.run_directory import find_run
from nlp.training.open_run import OpenedRun, open_run
from pairs import in_turns, show
from torch import Tensor
from torch.nn import functional

BEAM = 5
Search = Callable[[], list[str]]


@dataclass
class Kept:
    """What one block of the decoder keeps: keys and values of the source, and those of the target with room for all its places."""

    block: DecoderBlock
    source: tuple[Tensor, Tensor]
    keys: Tensor
    values: Tensor

    def cut(self, rows: Tensor) -> None:
        """Go on with some rows alone."""
        self.source = self.source[0][rows], self.source[1][rows]
        self.keys, self.values = self.keys[rows], self.values[rows]


@torch.inference_mode()
def greedy_by_hand(model: TransformerSeq2Seq, tokens: Tensor, lengths: Tensor, most: int) -> list[list[int]]:
    """(batch, src), (batch,) -> the most probable token each time, until [EOS] or `most` tokens; for `pre` norm."""
    real = torch.arange(tokens.shape[1]) < lengths.unsqueeze(1)  # (batch, src)
    embedding, places = model.target_embedding, model.target_embedding.sinusoids
    assert places is not None
    states = model.encoder(model.source_embedding(tokens), real)
    kept = [_begun(block, states, most) for block in model.decoder.blocks]
    written, rows =  torch.full((len(tokens), most), EOS), torch.arange(len(tokens))
    last = torch.full((len(tokens),), BOS)
    for place in range(most):
        x = embedding.words(last) * embedding.scale + places[place]  # (rows, d_model)
        for each in kept:
            x = _after(each, x, real, place)
        scores = model.output.scores(model.decoder.norm(x))
        scores[:, :UNK] = scores[:, UNK + 1 : EOS] = -math.inf  # no text holds these
        last = scores.argmax(dim=1).masked_fill(last == EOS, EOS)
        written[rows, place] = last
        open_ = (last != EOS).nonzero().squeeze(1)
        if not len(open_):
            break
        if len(open_) < 7 / 8 * len(rows):
            rows, last, real = rows[open_], last[open_], real[open_]
            for each in kept:
                each.cut(open_)
    return [ids[: ids.index(EOS)] if EOS in ids else ids for ids in written.tolist()]


def _begun(block: DecoderBlock, states: Tensor, most: int) -> Kept:
    """What a block caches of the encoder's output, (batch, src, d_model), before the first position."""
    key, value = block.source_attention.read(states)  # (batch, n_heads, src, head_size)
    room = key.new_empty(2, len(key), key.shape[1], most, key.shape[3])
    return Kept(block, (key, value), room[0], room[1])


def _after(kept: Kept, x: Tensor, real: Tensor, place: int) -> Tensor:
    """(rows, d_model) -> (rows, d_model): one place of each target through one block"""
    block, n_heads = kept.block, kept.keys.shape[1]
    query, key, value = block.attention.qkv(block.attention_norm(x)).unflatten(1, (3, n_heads, -1)).unbind(1)
    kept.keys[:, :, place], kept.values[:, :, place] = key, value
    past = kept.keys[:, :, : place + 1], kept.values[:, :, : place + 1]
    mixed = functional.scaled_dot_product_attention(query.unsqueeze(2), *past)  # (rows, n_heads, 1, head_size)
    x = x + block.attention.out(mixed.flatten(1))
    query = block.source_attention.query(block.source_norm(x)).unflatten(1, (n_heads, 1, -1))
    mixed = functional.scaled_dot_product_attention(query, *kept.source, real[:, None, None, :])
    x = x + block.source_attention.out(mixed.flatten(1))
    return x + block.feed_forward(block.feed_forward_norm(x))


class Searches:
    """A run's searches over the same batches of a split: each gives the text that is found for each source."""

    def __init__(self, run: OpenedRun, most: int | None) -> None:
        task, model = run.task, run.model
        if not (isinstance(task, SequenceToSequence) and isinstance(model, TransformerSeq2Seq) and _is_covered(model.config)):
            raise ConfigError(f"{run.directory.address} has no search by hand: it covers transformer_seq2seq with `norm: pre` and "
                              "`positions: sinusoidal`. Take a run of such a recipe, for example of multi30k/transformer.")
        split, _ = read_split(run.recipe.data, run.task.preparation, run.encoding, None, run.hashes)
        self.task, self.model = task, model.eval()
        self.batches = [split.batch(rows, model.config.inputs) for rows in split.evaluation_batches(most)]
        self.n_sentences = sum(map(len, self.batches))

    def by_tool(self, beam_size: int) -> list[str]:
        """As `nlp eval` searches."""
        search = search_by(self.task.config.decoding.model_copy(update={"beam_size": beam_size}))
        return [texts[0][0] for batch in self.batches for texts in self.task.generate(self.model, batch, search)]

    def by_hand(self) -> list[str]:
        """Greedily."""
        most, texts = self.task.config.decoding.max_length, []
        for batch in self.batches:
            tokens, lengths = (torch.from_numpy(batch.inputs[name]) for name in ("tokens", "lengths"))
            texts += map(self.task.target.decode, greedy_by_hand(self.model, tokens, lengths, most))
        return texts


def _is_covered(config: TransformerSeq2SeqConfig) -> bool:
    return config.norm == "pre" and config.positions == "sinusoidal"


def compare(run: str, pairs: int = 9, most: int | None = None, threads: int = 1) -> Iterator[dict[str, Any]]:
    """Greedy search against that by hand, then a beam against greedy search, in turns; what each takes in sentences a second."""
    searches = Searches(open_run(find_run(run), "cpu"), most)
    torch.set_num_threads(threads)
    yield _row(f"{run}: greedy, tool against by hand", searches, lambda: searches.by_tool(1), searches.by_hand, pairs)
    yield _row(f"{run}: tool, beam of {BEAM} against greedy", searches, lambda: searches.by_tool(BEAM), lambda: searches.by_tool(1), pairs)


def _row(case: str, searches: Searches, one: Search, other: Search, pairs: int) -> dict[str, Any]:
    """A line of the report: the ratio, sentences a second by each, and the share of sentences for which both give the same."""
    same = [ours == theirs for ours, theirs in zip(one(), other(), strict=True)]
    times = in_turns(one, other, pairs)
    rates = {f"{name}_per_s": searches.n_sentences / median(taken) for name, taken in (("one", times.one), ("other", times.other))}
    return {"case": case, **times.figures(), **rates, "same": sum(same) / len(same), "sentences": searches.n_sentences}


def main(
    run: Annotated[list[str] | None, typer.Argument(help="A run as `nlp eval` takes it; its test split is translated.")] = None,
    pairs: Annotated[int, typer.Option(min=1, help="Searches of each kind.")] = 9,
    most: Annotated[int | None, typer.Option(min=1, help="About how many target tokens; by default the full split.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a run's greedy search with one by hand, and with a beam."""
    show((row for each in run or ["multi30k/transformer"] for row in compare(each, pairs, most, threads)), json)


if __name__ == "__main__":
    typer.run(main)
