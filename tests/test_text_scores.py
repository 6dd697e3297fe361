"""BLEU, chrF and TER from sums over rows equal those that sacrebleu gives for all rows; edits are minimal."""

from functools import cache

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.tasks.scoring.text_scores import EditScores, TranslationScores, edit_distance

SAID = ["the cat sat on the mat .", "A dog runs", "", "Two men are sitting on a green bench outside", "the the the the"]
RIGHT = ["the cat sat on a mat .", "a dog is running fast", "nothing was said", "Two men sit outside on a bench", "The cat"]
OTHERS = ["a cat sat on the mat .", "A dog runs", "nothing", "Two men are sitting outside", "the"]
WORDS = st.lists(st.sampled_from(["a", "b", "A", "cat", "dog."]), min_size=1, max_size=8).map(" ".join)


def by_sacrebleu(printed, streams):
    return {
        "bleu": sacrebleu.corpus_bleu(printed, streams, force=True).score,
        "bleu_lowercase": sacrebleu.corpus_bleu(printed, streams, lowercase=True, force=True).score,
        "chrf": sacrebleu.corpus_chrf(printed, streams).score,
        "ter": sacrebleu.corpus_ter(printed, streams).score,
    }


def test_sums_over_rows_give_the_scores_of_the_corpus():
    scores = TranslationScores()
    sums = scores.sums(SAID, [[each] for each in RIGHT])
    assert scores.figures(sums.sum(axis=0)) == pytest.approx(by_sacrebleu(SAID, [RIGHT]))
    part = [0, 3]
    expected = by_sacrebleu([SAID[row] for row in part], [[RIGHT[row] for row in part]])
    assert scores.figures(sums[part].sum(axis=0)) == pytest.approx(expected)


def test_rows_may_have_different_numbers_of_references():
    scores, predicted = TranslationScores(), ["a small dog runs", "the cat sleeps here"]
    references = [["a small dog runs fast", "a dog runs"], ["the cat sleeps"]]
    alone = sum(scores.sums([text], [refs]).sum(axis=0) for text, refs in zip(predicted, references, strict=True))
    np.testing.assert_allclose(scores.sums(predicted, references).sum(axis=0), alone)


def test_several_references_are_those_of_sacrebleu():
    scores = TranslationScores()
    sums = scores.sums(SAID, list(zip(RIGHT, OTHERS, strict=True)))
    assert scores.figures(sums.sum(axis=0)) == pytest.approx(by_sacrebleu(SAID, [RIGHT, OTHERS]))
    assert "nrefs:2" in scores.signatures()["bleu"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5))
def test_any_corpus_scores_as_by_sacrebleu(pairs):
    printed, right = (list(texts) for texts in zip(*pairs, strict=True))
    scores = TranslationScores()
    parts = [scores.sums([text], [[reference]]) for text, reference in pairs]
    assert scores.figures(np.concatenate(parts).sum(axis=0)) == pytest.approx(by_sacrebleu(printed, [right]))


def test_signatures_are_those_of_sacrebleu():
    scores = TranslationScores()
    scores.sums(SAID, [[each] for each in RIGHT])
    bleu = sacrebleu.BLEU(force=True)
    bleu.corpus_score(SAID, [RIGHT])
    assert scores.signatures()["bleu"] == str(bleu.get_signature())
    assert "case:lc" in scores.signatures()["bleu_lowercase"]
    assert set(scores.signatures()) == {"bleu", "bleu_lowercase", "chrf", "ter"}


def fewest_edits(a, b):
    """By the definition: every way of putting the first unit right, and the rest by itself."""

    @cache
    def fewest(i, j):
        if i == len(a) or j == len(b):
            return len(a) - i + len(b) - j
        return min(fewest(i + 1, j) + 1, fewest(i, j + 1) + 1, fewest(i + 1, j + 1) + (a[i] != b[j]))

    return fewest(0, 0)


@given(st.text("abc", max_size=7), st.text("abc", max_size=7))
def test_edits_are_the_fewest_there_are(a, b):
    assert edit_distance(a, b) == fewest_edits(a, b)


def test_phonemes_by_hand():
    scores = EditScores("phoneme")
    sums = scores.sums(["T AH M EY T OW", "R UW T", "K AE"], [["T AH M AA T OW", "T AH M EY T OW"], ["R AW T"], ["K AE T", "K AE T S AH"]])
    assert sums.tolist() == [[0, 6, 0, 1], [1, 3, 1, 1], [1, 3, 1, 1]]
    assert scores.figures(sums.sum(axis=0)) == pytest.approx({"phoneme_error_rate": 2 / 12, "word_error_rate": 2 / 3})
    assert {name: rows.tolist() for name, rows in scores.counted_rows(sums).items()} == {"word_error_rate": [False, True, True]}


def test_characters_by_hand():
    scores = EditScores("character")
    sums = scores.sums(["1998-03-05", "1998-3-5", ""], [["1998-03-05"], ["1998-03-05"], ["2001-01-01"]])
    assert scores.figures(sums.sum(axis=0)) == pytest.approx({"character_error_rate": 12 / 30})
    assert scores.counted_rows(sums) == {}
