"""Log-likelihoods of label words after prompts: the prompts' shared prefix is run once, and each text once for all labels if possible."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...configs.schema.models.prompting import PromptingConfig
from ...errors import ConfigError
from .language_model import Ids, LanguageModel, as_rows
from .prompt import Prompt, check_label_tokens, label_words

BATCH_TOKENS, BATCH_ROWS = 8_192, 64
"""Maximum number of tokens (shared prefix and padding included) and of rows in a batch."""


class LabelScorer:
    """Scores each class of a text by the likelihood of its label words after the prompt.

    A label of one token is scored from the logits at the prompt's last position. For a longer label, all its tokens but the last are
    appended to the prompt. So each prompt is run once per label prefix that does not begin another: once if all labels have one token.
    """

    def __init__(self, model: LanguageModel, prompt: Prompt, config: PromptingConfig, labels: Sequence[str]) -> None:
        self.model, self.prompt, self.by_mean = model, prompt, config.score == "mean"
        words = label_words(config)
        self.label_ids = [_continuation(model, prompt, words[label]) for label in labels]
        check_label_tokens(config, dict(zip(labels, self.label_ids, strict=True)), model.unknown, model.name)
        self.beginnings = _beginnings(self.label_ids)
        # The first token of the text may merge with the characters before it, so the last token before the text is not shared.
        self.shared = model.ids([prompt.before])[0][:-1] if prompt.before else []
        self.tail = model.ids([prompt.after], begin=False)[0] if prompt.after else []
        self.kept: Any = None
        self.n_cut = 0
        self._refuse_if_too_long()

    @property
    def room(self) -> int | None:
        """The maximum number of tokens of a prompt with its text."""
        context = self.model.context
        return None if context is None else context - max(map(len, self.label_ids)) + 1

    @property
    def n_tokens(self) -> int:
        """Tokens of the prompt without a text."""
        return len(self.model.ids([self.prompt.of("")])[0])

    def _refuse_if_too_long(self) -> None:
        if self.room is not None and self.n_tokens >= self.room:
            raise ConfigError(f"The prompt alone has {self.n_tokens:,} tokens, which leaves no room for a text: {self.model.name} reads "
                              f"{self.model.context:,} tokens, including the label words. Shorten model.instruction or model.template, "
                              "reduce model.shots, or use a model with a longer context.")

    def ids(self, texts: Sequence[str]) -> list[Ids]:
        """The token ids of each prompt; if it is too long, the end of the text is cut."""
        prompts = self.model.ids([self.prompt.of(text) for text in texts])
        too_long = [number for number, ids in enumerate(prompts) if self.room is not None and len(ids) > self.room]
        self.n_cut += len(too_long)
        for number in too_long:
            assert self.room is not None
            prompts[number] = [*prompts[number][: self.room - len(self.tail)], *self.tail]
        return prompts

    def of_prompts(self, prompts: Sequence[Ids], kept: Any = None) -> Tensor:
        """Token ids of each prompt after the cached prefix -> (batch, n_labels) scores, with gradient"""
        rows = [[*prompt, *beginning] for prompt in prompts for beginning in self.beginnings]
        device, longest = next(self.model.parameters()).device, max(map(len, self.label_ids))
        ends = torch.tensor([len(prompt) - 1 for prompt in prompts for _ in self.beginnings], device=device)
        last = torch.tensor([len(row) - 1 for row in rows], device=device)
        asked = torch.minimum(ends[:, None] + torch.arange(longest, device=device), last[:, None])  # (rows, longest)
        logits = self.model(as_rows(rows, device), asked, kept).float()
        normalised = (logits - logits.logsumexp(dim=2, keepdim=True)).unflatten(0, (len(prompts), len(self.beginnings)))
        columns = [self._of_label(normalised, ids) for ids in self.label_ids]
        return torch.stack(columns, dim=1)

    def _of_label(self, normalised: Tensor, ids: Ids) -> Tensor:
        """(batch, prefixes, longest, vocab) log-probabilities -> (batch,) sum or mean over a label's tokens"""
        row = next(number for number, each in enumerate(self.beginnings) if each[: len(ids) - 1] == ids[:-1])
        log_probs = normalised[:, row, torch.arange(len(ids)), torch.tensor(ids)]  # (batch, len(ids))
        return log_probs.mean(dim=1) if self.by_mean else log_probs.sum(dim=1)

    @torch.inference_mode()
    def in_batches(self, texts: Sequence[str], *, keep: bool = False) -> Tensor:
        """(batch, n_labels) scores of any number of texts; with `keep` the shared prefix stays cached for the next call."""
        scores = torch.empty(len(texts), len(self.label_ids))
        prompts, n_shared = self.ids(texts), len(self.shared)
        begins = np.array([ids[:n_shared] == self.shared and len(ids) > n_shared > 0 for ids in prompts], dtype=bool)
        kept = self._read_shared() if begins.any() else None
        self.kept = kept if keep else None
        for alike, start, past in ((True, n_shared, kept), (False, 0, None)):
            for places in self._batches(np.flatnonzero(begins == alike), prompts):
                scores[places] = self.of_prompts([prompts[place][start:] for place in places], past).cpu()
        return scores

    def _read_shared(self) -> Any:
        if self.kept is not None:
            return self.kept
        return self.model.read(torch.tensor([self.shared], device=next(self.model.parameters()).device))

    def _batches(self, places: Any, prompts: Sequence[Ids]) -> Iterator[list[int]]:
        """Row numbers of prompts of similar length."""
        order = sorted(places.tolist(), key=lambda place: len(prompts[place]))
        n_rows, longest = len(self.beginnings), max(map(len, self.beginnings))
        batch: list[int] = []
        for place in order:
            n_tokens = n_rows * (len(prompts[place]) + longest)
            if batch and (len(batch) == BATCH_ROWS or n_tokens * (len(batch) + 1) > BATCH_TOKENS):
                yield batch
                batch = []
            batch.append(place)
        if batch:
            yield batch


def _continuation(model: LanguageModel, prompt: Prompt, words: str) -> Ids:
    """The token ids of label words after a prompt; tokenized alone if they would change the prompt's own tokens."""
    prompt_ids, all_ids = model.ids([prompt.of("x"), prompt.of("x") + words])
    return all_ids[len(prompt_ids) :] if all_ids[: len(prompt_ids)] == prompt_ids else model.ids([words], begin=False)[0]


def _beginnings(label_ids: Sequence[Ids]) -> list[Ids]:
    """The label prefixes to append to a prompt: all tokens of each label but the last, without those that begin another."""
    longest_first = sorted((ids[:-1] for ids in label_ids), key=len, reverse=True)
    found: list[Ids] = []
    for each in longest_first:
        if not any(other[: len(each)] == each for other in found):
            found.append(each)
    return found
