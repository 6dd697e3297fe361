"""Averaged structured perceptron (Collins 2002). No torch."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ...configs.schema.models.classical import AveragedPerceptronConfig
from .array_file import checked, packed, words_of
from .rounds import Report
from .tag_features import PAIR_TEMPLATES, TOKEN_TEMPLATES, UNKNOWN_TAG, Arrays, Features, FloatArray, IntArray, Lexicon, Sentences, Weights
from .taggers import Tagger


class AveragedPerceptron(Tagger):
    """Structured perceptron (Collins 2002): wherever the best path through a training sentence is wrong, weights are corrected.

    The score of a path sums, over its tokens, weights of features of the surrounding words with the tag, and of features of the word
    itself with the tag and the previous tag. The model has the average of the weights after each sentence, for frequent features only.
    """

    _PAIR_FEATURE_OFTEN = 5

    def __init__(self, config: AveragedPerceptronConfig, n_tags: int) -> None:
        super().__init__(config, n_tags)
        self.n_iterations, self.min_frequency = config.n_iterations, config.min_frequency
        self._lexicon = Lexicon([])
        self._tokens = self._pairs = Features([], [], [])
        self._token_weights: FloatArray = np.zeros((1, n_tags), dtype=np.float32)
        self._pair_weights: FloatArray = np.zeros((1, n_tags**2), dtype=np.float32)

    def describe(self) -> dict[str, int]:
        """Numbers of tags, and once fitted of token features, tag pair features and weights."""
        return {"tags": self.n_tags, "token_features": self._tokens.unknown, "pair_features": self._pairs.unknown,
                "weights": self._tokens.unknown * self.n_tags + self._pairs.unknown * self.n_tags**2}

    def _learn(self, sentences: Sentences, tags: Sequence[Sequence[int]], seed: int, report: Report) -> None:
        self._lexicon = Lexicon(list(dict.fromkeys(word for sentence in sentences for word in sentence)))
        read = self._lexicon.read(sentences)
        self._tokens = Features.of(TOKEN_TEMPLATES, self._lexicon.sizes, read, self.min_frequency)
        self._pairs = Features.of(PAIR_TEMPLATES, self._lexicon.sizes, read, self._PAIR_FEATURE_OFTEN)
        examples = [(*ids, np.array(gold)) for ids, gold in zip(self._ids(sentences), tags, strict=True) if len(gold)]
        order = np.random.default_rng(seed)
        self._train(examples[number] for number in self._passes(order, len(examples), report))

    def _passes(self, order: np.random.Generator, n_examples: int, report: Report) -> Iterator[int]:
        """The indices of all examples, in a different order for each pass."""
        for number in range(self.n_iterations):
            report("pass", number, self.n_iterations)
            yield from order.permutation(n_examples).tolist()

    def _train(self, examples: Iterable[tuple[IntArray, IntArray, IntArray]]) -> None:
        """Learn from sentences: features of tokens and of pairs of tags (n, n_templates) each, and tags (n,)."""
        tokens, pairs = Weights(self._tokens.unknown, self.n_tags), Weights(self._pairs.unknown, self.n_tags**2)
        for token_ids, pair_ids, gold in examples:
            predicted = np.array(_best_path(tokens.now, pairs.now, token_ids, pair_ids))
            known = (gold[1:] >= 0) & (gold[:-1] >= 0)
            gold_pairs = np.where(known, gold[:-1] * self.n_tags + gold[1:], UNKNOWN_TAG)
            tokens.correct(token_ids, gold, predicted)
            pairs.correct(pair_ids[1:], gold_pairs, predicted[:-1] * self.n_tags + predicted[1:])
        self._tokens, self._token_weights = _used(self._tokens, tokens.average())
        self._pairs, self._pair_weights = _used(self._pairs, pairs.average())

    def _tag(self, sentences: Sentences) -> list[list[int]]:
        return [_best_path(self._token_weights, self._pair_weights, *ids) if len(ids[0]) else [] for ids in self._ids(sentences)]

    def _ids(self, sentences: Sentences) -> Iterator[tuple[IntArray, IntArray]]:
        """For each sentence the feature ids of tokens (n, n_templates) and of tag pairs (n, n_templates)."""
        read, ends = self._lexicon.read(sentences), np.cumsum([len(sentence) for sentence in sentences], dtype=np.int64)
        return zip(np.split(self._tokens.ids(*read), ends)[:-1], np.split(self._pairs.ids(*read), ends)[:-1], strict=True)

    def _arrays(self) -> Arrays:
        return {"words": packed(self._lexicon.words), "token_weights": self._token_weights, "pair_weights": self._pair_weights,
                **{f"token_{name}": array for name, array in self._tokens.arrays().items()},
                **{f"pair_{name}": array for name, array in self._pairs.arrays().items()}}

    def _restore(self, arrays: Arrays) -> None:
        self._lexicon = Lexicon(words_of(arrays))
        self._tokens = Features.restored(TOKEN_TEMPLATES, self._lexicon.sizes, arrays["token_keys"], arrays["token_sizes"])
        self._pairs = Features.restored(PAIR_TEMPLATES, self._lexicon.sizes, arrays["pair_keys"], arrays["pair_sizes"])
        self._token_weights = checked(arrays["token_weights"], np.float32, (self._tokens.unknown + 1, self.n_tags))
        self._pair_weights = checked(arrays["pair_weights"], np.float32, (self._pairs.unknown + 1, self.n_tags**2))
        if not (np.isfinite(self._token_weights).all() and np.isfinite(self._pair_weights).all()):
            raise ValueError("a weight is not finite")


def _best_path(token_weights: FloatArray, pair_weights: FloatArray, token_ids: IntArray, pair_ids: IntArray) -> list[int]:
    """The tags with the highest sum of scores (Viterbi); ties go to the lowest ids. The sentence must have at least one token."""
    tokens = token_weights[token_ids].sum(axis=1)  # (n, n_tags)
    n_tags = tokens.shape[1]
    pairs = pair_weights[pair_ids].sum(axis=1).reshape(-1, n_tags, n_tags)  # (n, before, tag)
    scores, pointers = tokens[0], []
    for token, pair in zip(tokens[1:], pairs[1:], strict=True):
        paths = scores[:, None] + pair
        pointers.append(paths.argmax(axis=0))
        scores = paths.max(axis=0) + token
    tags = [int(scores.argmax())]
    for pointer in reversed(pointers):
        tags.append(int(pointer[tags[-1]]))
    return tags[::-1]


def _used(features: Features, weights: FloatArray) -> tuple[Features, FloatArray]:
    """The features and weights without the features whose weights are all 0."""
    used = np.any(weights[:-1] != 0, axis=1)
    return features.only(used), weights[np.append(used, True)]
