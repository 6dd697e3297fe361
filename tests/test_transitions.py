"""The transition-based parser: its oracle against exhaustive search, what it learns, and its file."""

import itertools
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from nlp.configs.schema.models.classical import ParserConfig
from nlp.errors import RunError, TrainingError
from nlp.models.parsing.parser import Parser
from nlp.models.parsing.transitions import LEFT, RIGHT, SHIFT, Configurations
from test_spanning_tree import TREES

EWT = Path(os.environ.get("NLP_DATA", "not-set")) / "ud_english_ewt"


def crosses(heads) -> bool:
    arcs = [tuple(sorted((head, place))) for place, head in enumerate(heads, start=1)]
    return any(a < c < b < d for (a, b), (c, d) in itertools.permutations(arcs, 2))


def successors(stack, first, n):
    """From the definition: the transitions of a configuration, the arc (head, dependent) that each makes, and what follows."""
    waiting = first <= n
    if waiting:
        yield SHIFT, None, ((*stack, first), first + 1)
    if waiting and len(stack) > 1:
        yield LEFT, (first, stack[-1]), (stack[:-1], first)
    if len(stack) > 2 or (len(stack) == 2 and not waiting):
        yield RIGHT, (stack[-2], stack[-1]), (stack[:-1], first)


def best_of(gold):
    """How many arcs of a tree can still be made from a configuration, by trying everything."""

    @cache
    def best(stack, first):
        return max((int(arc is not None and gold[arc[1] - 1] == arc[0]) + best(*then)
                    for _, arc, then in successors(stack, first, len(gold))), default=0)

    return best


def reachable(n):
    """Every configuration of a sentence, with transitions that lead to it."""
    found, waiting = {((0,), 1): ()}, [((0,), 1)]
    while waiting:
        here = waiting.pop()
        for transition, _, then in successors(*here, n):
            if then not in found:
                found[then] = (*found[here], transition)
                waiting.append(then)
    return found


def taken(n, transitions) -> Configurations:
    state = Configurations(np.array([n]))
    for transition in transitions:
        state.take(np.array([transition]), np.zeros(int(transition != SHIFT), dtype=np.int64))
    return state


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_costs_are_the_arcs_that_exhaustive_search_loses(n):
    projective = [heads for heads in TREES[n] if not crosses(heads)]
    for (stack, first), path in reachable(n).items():
        state = taken(n, path)
        assert state.stack[0, : int(state.depth[0])].tolist() == list(stack)
        ways = {transition: (arc, then) for transition, arc, then in successors(stack, first, n)}
        assert np.flatnonzero(state.legal()[0]).tolist() == sorted(ways)
        for heads in projective:
            best = best_of(heads)
            costs = state.costs(np.array([[-1, *heads, -1]]))[0]
            for transition, (arc, then) in ways.items():
                gained = int(arc is not None and heads[arc[1] - 1] == arc[0])
                assert costs[transition] == best(stack, first) - gained - best(*then), (heads, stack, first, transition)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_a_path_of_no_cost_gives_the_gold_tree(n):
    for heads in TREES[n]:
        if crosses(heads):
            continue
        state, gold = Configurations(np.array([n])), np.array([[-1, *heads, -1]])
        for _ in range(2 * n):
            costs = np.where(state.legal(), state.costs(gold), 99)
            assert costs.min() == 0
            state.take(costs.argmin(axis=1), np.zeros(int(costs.argmin() != SHIFT), dtype=np.int64))
        assert state.heads[0, 1:-1].tolist() == list(heads)


def made_up(n, seed=0):
    """Sentences in which adjectives precede their noun, and nouns stand around their verb."""
    random = np.random.default_rng(seed)
    sentences, heads, relations = [], [], []
    for _ in range(n):
        before, after = random.integers(0, 3, 2)
        words = [*["old"] * before, "man", "saw", *["big"] * after, "dogs"]
        noun, verb, last = before + 1, before + 2, before + after + 3
        sentences.append([(word, {"old": "ADJ", "big": "ADJ", "saw": "VERB"}.get(word, "NOUN")) for word in words])
        heads.append([*[noun] * before, verb, 0, *[last] * after, verb])
        relations.append([*[0] * before, 1, 2, *[0] * after, 3])
    return sentences, heads, relations


def fitted(sentences, heads, relations, seed=1, **settings) -> Parser:
    parser = Parser(ParserConfig(type="perceptron_parser", hash_bits=14, **settings), 4)
    parser.fit(sentences, {"heads": padded(heads), "relations": padded(relations)}, seed)
    return parser


def padded(rows):
    ids = np.full((len(rows), max(map(len, rows))), -1)
    for row, each in zip(ids, rows, strict=True):
        row[: len(each)] = each
    return ids, ids >= 0


def plain(found):
    return [[each.tolist() for each in rows] for rows in found]


def test_learns_what_is_there_to_learn():
    parser = fitted(*made_up(60), n_iterations=4)
    sentences, heads, relations = made_up(40, seed=5)
    assert plain(parser.parse(sentences)) == [heads, relations]
    assert parser.describe()["words"] == 5


def test_a_sentence_does_not_depend_on_its_neighbours():
    sentences, heads, relations = made_up(30)
    parser = fitted(sentences, heads, relations, n_iterations=1)
    sentences = [*sentences, [], [("new", "X")], [("saw", "VERB")] * 40]
    together = parser.parse(sentences)
    alone = [parser.parse([one]) for one in sentences]
    assert plain(together) == [[found[part][0].tolist() for found in alone] for part in (0, 1)]
    assert all((heads == 0).sum() == 1 for heads in together[0] if len(heads))


def test_the_seed_decides():
    data = made_up(40)
    one, same, other = (fitted(*data, seed=seed, n_iterations=2)._transitions for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_further_columns_are_read_and_words_alone_are_enough():
    sentences, heads, relations = made_up(60)
    alone = [[word[:1] for word in sentence] for sentence in sentences]
    more = [[(*word, word[1].lower(), "f") for word in sentence] for sentence in sentences]
    for read in (alone, more):
        assert plain(fitted(read, heads, relations, n_iterations=4).parse(read)) == [heads, relations]


def test_saved_and_loaded_it_parses_the_same(tmp_path):
    data = made_up(40)
    parser = fitted(*data, n_iterations=2)
    parser.save(tmp_path)
    again = Parser(parser.config, 4)
    again.load(tmp_path)
    assert plain(again.parse(data[0])) == plain(parser.parse(data[0]))
    assert again.describe() == parser.describe()
    with pytest.raises(RunError, match="hash_bits 14, and the recipe specifies"):
        Parser(ParserConfig(type="perceptron_parser", hash_bits=15), 4).load(tmp_path)
    (tmp_path / "model.npz").write_bytes((tmp_path / "model.npz").read_bytes()[:-30])
    with pytest.raises(RunError, match="is damaged"):
        again.load(tmp_path)


def test_what_cannot_be_learned_from_is_named():
    with pytest.raises(TrainingError, match="have none, or relation ids outside 0 to 3"):
        fitted(*made_up(3)[:2], [[9] * 9] * 3)
    with pytest.raises(RunError, match="not been fitted"):
        Parser(ParserConfig(type="perceptron_parser"), 4).parse([[("a", "X")]])
