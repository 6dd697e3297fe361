"""The best tree by the scores of its arcs, against all trees that there are."""

import itertools

import numpy as np
import pytest
from nlp.models.parsing.spanning_tree import best_tree


def leads_to_root(heads) -> bool:
    for place in range(1, len(heads) + 1):
        word = place
        for _ in heads:
            word = heads[word - 1] if word else 0
        if word:
            return False
    return True


def trees(n):
    """Every tree of n words with a single root."""
    return [heads for heads in itertools.product(range(n + 1), repeat=n) if heads.count(0) == 1 and leads_to_root(heads)]


TREES = {n: trees(n) for n in range(1, 6)}


def total(scores, heads) -> float:
    return float(sum(row[head] for row, head in zip(scores, heads, strict=True)))


def test_there_are_as_many_trees_as_cayley_counts():
    assert [len(each) for each in TREES.values()] == [n ** (n - 1) for n in TREES]


@pytest.mark.parametrize("n", TREES)
@pytest.mark.parametrize("spread", [1, 1000])
def test_the_best_of_all_trees_is_found(n, spread):
    random = np.random.default_rng(n)
    for _ in range(120):
        scores = random.normal(size=(n, n + 1)) * spread
        found = best_tree(scores)
        assert found.tolist() == list(max(TREES[n], key=lambda heads: total(scores, heads)))


@pytest.mark.parametrize("n", TREES)
def test_where_several_are_best_one_of_them_is_found(n):
    random = np.random.default_rng(n)
    for _ in range(120):
        scores = random.integers(0, 3, size=(n, n + 1)).astype(float)
        found = tuple(best_tree(scores).tolist())
        assert found in TREES[n]
        assert total(scores, found) == max(total(scores, heads) for heads in TREES[n])


def test_a_root_that_every_word_wants_is_given_to_one():
    scores = np.full((4, 5), 0.0)
    scores[:, 0] = 50
    scores[2, 0] = 51
    assert best_tree(scores).tolist().count(0) == 1
    assert best_tree(scores)[2] == 0


def test_no_words_and_long_sentences():
    assert best_tree(np.zeros((0, 1))).tolist() == []
    found = best_tree(np.random.default_rng(0).normal(size=(200, 201)))
    assert found.tolist().count(0) == 1
    assert leads_to_root(found.tolist())


def test_circles_within_circles_of_a_long_text_are_opened_without_recursion():
    """Each word wants the one before or after it, by a score that falls with its place: one circle after another, each around the last."""
    n = 1500
    scores = np.full((n, n + 1), -1e6)
    for word in range(1, n + 1):
        scores[word - 1, word - 1 if word > 1 else 2] = -word
        scores[word - 1, 0] -= word
    heads = best_tree(scores)
    assert heads.tolist() == [0, *range(1, n)]
