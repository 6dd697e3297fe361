"""`nlp compare`: on made-up row scores whose verdicts are worked by hand, and on small real runs."""

import csv
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from math import inf
from statistics import NormalDist

import numpy as np
import pytest
import tiny_runs
import yaml
from command import nlp, nlp_process, write_names, write_recipe
from made_runs import CLASSES, classified, made_run
from nlp.analysis.comparison.choice import choose, names_of
from nlp.analysis.comparison.comparison import Settings, compare
from nlp.analysis.comparison.disagreement import clearest, disagreement
from nlp.analysis.comparison.estimates import interval
from nlp.analysis.comparison.from_runs import Wanted, compare_runs, examples
from nlp.analysis.comparison.methods import MeasuredRows, MeasuredRun, Method
from nlp.analysis.comparison.output.grids import slices_grid
from nlp.analysis.comparison.output.plots import Bar, Point, front, intervals
from nlp.analysis.comparison.output.sentences import cautions, headline, power
from nlp.analysis.comparison.prospects import expected_disagreements, prospects
from nlp.analysis.comparison.ranking import front as pareto
from nlp.analysis.comparison.reading import examples_of
from nlp.analysis.comparison.slices import by_class, by_length, by_words
from nlp.analysis.comparison.units import p_figure, probability, unit_of
from nlp.analysis.comparison.verdicts import Test as Kind
from nlp.analysis.comparison.verdicts import detectable, judge, rows_for
from nlp.analysis.statistics.influence import influences
from nlp.analysis.statistics.methods import compare_methods
from nlp.analysis.statistics.power import smallest_difference
from nlp.analysis.statistics.proportions import newcombe_interval, wilson_interval
from nlp.analysis.statistics.sums import ratio
from nlp.configs.load import load_recipe
from nlp.configs.schema.model import differs_by_seed
from nlp.errors import DataError, RunError
from nlp.tasks.scoring.row_scores import pooled
from scipy import stats


def method(name, *runs, metric="accuracy", chance=True, cost=None):
    """From one list of right (1) and wrong (0) rows for each run; the gold class is the first one."""
    measured = []
    for seed, right in enumerate(runs, 1):
        scores = classified([0] * len(right), [1 - each for each in right])
        figures = {each: rows.value() for each, rows in scores.metrics.items()}
        measured.append(MeasuredRun(f"{name}/{seed}", seed, MeasuredRows.of(scores.metrics[metric]), scores.right, scores.predicted,
                                    figures, cost or {}))
    return Method(name, tuple(measured), chance)


def rows(*counts):
    """Rows that are right by a and b: both, only a, only b, neither."""
    kinds = [(1, 1), (1, 0), (0, 1), (0, 0)]
    pairs = [kind for kind, count in zip(kinds, counts, strict=True) for _ in range(count)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def drawn(seed, shares, n=400):
    """Runs of a method: each with its own share of right rows."""
    generator = np.random.default_rng(seed)
    return [(generator.random(n) < share).astype(int).tolist() for share in shares]


def test_the_influences_of_equal_rows_are_those_of_all_rows():
    generator = np.random.default_rng(0)
    gold, predicted = generator.integers(3, size=90), generator.integers(3, size=90)
    metric = classified(gold, predicted).metrics["f1"]
    compact = MeasuredRows.of(metric)
    assert len(compact.different) == 9
    assert compact.influences() == pytest.approx(influences(metric.figure, metric.sums))
    assert compact.value() == pytest.approx(metric.value())
    part = compact.take(gold > 0)
    assert part.value() == pytest.approx(classified(gold[gold > 0], predicted[gold > 0]).metrics["f1"].value())
    two = MeasuredRows.of(classified([1, 0], [1, 2]).metrics["f1"]).take(np.array([True, False]))
    assert two.value() == 1, "rows that are all different come in another order"


def test_a_pattern_means_the_task_that_most_recipes_have(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "runs"))
    for size, recipe in enumerate(("names/cnn", "names/lstm", "names/masked-lm"), 1):
        made_run(tmp_path, recipe, classified([0, 1], [0, 0]), size=size)
    config = tmp_path / "runs/names/masked-lm/made-seed-1/config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("classification", "masked_language_modeling"), encoding="utf-8")
    chosen = choose(["names/*"], "test")
    assert [group.latest.recipe for group in chosen.groups] == ["names/cnn", "names/lstm"]
    assert chosen.notices == ["Left out: names/masked-lm/made-seed-1: another task, masked_language_modeling."]
    assert len(choose(["names/lstm", "names/masked-lm"], "test").groups) == 2, "what is named is meant; its rows are refused later"
    assert len(choose(["names/[lm]*"], "test").groups) == 2, "neither task has more recipes"


def test_two_runs_by_accuracy_are_compared_by_mcnemar_and_newcombe():
    a, b = rows(0, 6, 2, 0)
    pair = judge(method("a", a), method("b", b))
    assert pair.test == Kind.MCNEMAR
    assert pair.value == pytest.approx(0.5)
    assert pair.p == pytest.approx(0.289062, abs=1e-6)
    assert pair.interval == newcombe_interval(pair.counts)
    assert pair.only_run == ("a", "b")


def test_each_metric_of_two_runs_has_its_test():
    a, b = rows(20, 9, 1, 10)
    assert judge(method("a", a, metric="f1"), method("b", b, metric="f1")).test == Kind.RANDOMISATION
    lower = judge(method("a", a, metric="loss"), method("b", b, metric="loss"))
    assert lower.test == Kind.SIGN_FLIPS
    assert lower.value == pytest.approx(8 * 1.9 / 40), "a has the lower loss, so it is better"
    assert lower.p == pytest.approx(22 / 1024), "10 rows differ by the same, 9 of them one way: 2 (1 + 10) of 2^10 signs"
    assert judge(method("a", a, a), method("b", b)).test == Kind.COMPONENTS


def test_randomisation_does_not_depend_on_rows_in_which_both_are_equal():
    from nlp.analysis.statistics.permutation import randomisation_p

    a, b = rows(25, 7, 1, 9)
    one, other = method("a", a, metric="f1"), method("b", b, metric="f1")
    assert judge(one, other).p == pytest.approx(randomisation_p(one.rows.figure, one.rows.sums, other.rows.sums))


def test_several_seeds_are_compared_by_components_of_variance():
    a, b = method("a", *drawn(0, [0.8, 0.85, 0.82])), method("b", *drawn(1, [0.7, 0.72, 0.75]))
    pair, expected = judge(a, b), compare_methods(a.scores, b.scores)
    assert pair.difference == expected.difference
    assert pair.interval == expected.difference.interval()
    assert (pair.seed_share, pair.test_set_share) == (expected.seed_share, expected.test_set_share)
    assert pair.of_methods


def test_perfect_tokens_are_as_sure_as_so_many_perfect_sentences():
    """Neither the bootstrap nor a standard error of 0 says that the method may be wrong on the next sentence."""
    perfect, losses = np.tile([5.0, 5.0], (40, 1)), np.tile([0.0, 3.0], (40, 1))
    for sums, lower, expected in ((perfect, False, wilson_interval(40, 40)), (losses, True, wilson_interval(0, 40))):
        metric = MeasuredRows("ratio", ratio, sums, np.arange(40), lower)
        run = MeasuredRun("a/1", 1, metric, np.ones(40, dtype=bool), np.zeros(40, dtype=np.uint64), {})
        assert interval(Method("a", (run, run))) == expected == interval(Method("a", (run,)))


@pytest.mark.parametrize(("runs_a", "chance_a", "runs_b", "chance_b", "limited"), [
    (1, True, 1, True, ("a", "b")), (1, True, 1, False, ("a",)), (1, False, 1, False, ()), (3, True, 1, True, ("b",)),
    (3, True, 1, False, ()), (2, True, 2, True, ()),
])
def test_a_verdict_on_a_method_with_chance_needs_several_runs(runs_a, chance_a, runs_b, chance_b, limited):
    a, b = method("a", *drawn(0, [0.8] * runs_a), chance=chance_a), method("b", *drawn(1, [0.5] * runs_b), chance=chance_b)
    assert judge(a, b).only_run == limited
    found = compare([a, b], "accuracy", "test")
    assert ("of these two runs" in headline(found).lower()) == (len(limited) == 2)
    assert ("this run of" in headline(found).lower()) == (len(limited) == 1)
    assert any("Train several" in text or "train several" in text for text in cautions(found)) == bool(limited)


def test_two_seeds_that_make_most_of_the_variance_are_warned_of():
    a, b = method("a", *drawn(0, [0.5, 0.9])), method("b", *drawn(1, [0.5]), chance=False)
    assert any("up to 8 %" in text for text in cautions(compare([a, b], "accuracy", "test")))
    three = method("a", *drawn(0, [0.5, 0.9, 0.7]))
    assert not any("up to 8 %" in text for text in cautions(compare([three, b], "accuracy", "test")))


@pytest.mark.parametrize(("model", "chance"), [
    *(({"type": kind}, False) for kind in ("rules", "naive_bayes", "logistic_regression", "linear_svm", "knn", "ngram", "hmm",
                                           "most_frequent_tag")),
    *(({"type": kind}, True) for kind in ("random_forest", "decision_tree", "averaged_perceptron", "lstm", "mlp", "transformer", "seq2seq",
                                          "a later model")),
    ({"type": "prompt"}, False), ({"type": "prompt", "shots": 0}, False), ({"type": "prompt", "shots": 4}, True),
])
def test_which_models_have_chance(model, chance):
    assert differs_by_seed(model) == chance


def test_intervals_of_shares_are_wilsons_also_for_perfect_methods():
    right = [1] * 45 + [0] * 5
    assert interval(method("a", right)) == wilson_interval(45, 50)
    assert interval(method("a", [1] * 50, [1] * 50))[0] == pytest.approx(wilson_interval(50, 50)[0], abs=0.01)
    low, high = interval(method("a", right, right))
    assert (low, high) == pytest.approx(wilson_interval(45, 50), abs=0.01), "equal runs are worth as much as one"
    wide = interval(method("a", [1] * 50, [1] * 30 + [0] * 20))
    assert wide[0] < 0.3
    assert wide[1] <= 1


def test_the_interval_over_seeds_holds_the_mean_as_often_as_it_says():
    """Runs whose accuracy varies between seeds and rows: the true mean of both is inside in 93 to 99 % of 400 samples."""
    generator, inside = np.random.default_rng(3), 0
    for _ in range(400):
        hard = generator.normal(size=150)
        runs = [(hard + generator.normal() * 0.15 + generator.normal(size=150) < 1.2).astype(int) for _ in range(4)]
        low, high = interval(method("a", *(run.tolist() for run in runs)))
        inside += low <= NormalDist().cdf(1.2 / (2 + 0.15**2) ** 0.5) <= high
    assert 0.93 <= inside / 400 <= 0.99


def test_the_interval_of_another_metric_of_one_run_is_the_bootstraps():
    a, _ = rows(60, 0, 0, 40)
    low, high = interval(method("a", a, metric="loss"))
    assert 0.1 < low < 0.86 < high < 2
    assert high - low == pytest.approx(2 * 1.96 * 1.9 * (0.24 / 100) ** 0.5, rel=0.1)


def test_what_a_test_could_have_shown():
    a, b = rows(80, 12, 8, 100)
    pair = judge(method("a", a), method("b", b))
    assert detectable(pair, 0.05) == smallest_difference(0.1, 200)
    assert detectable(judge(method("a", a), method("b", a)), 0.05) == inf
    several = judge(method("a", *drawn(0, [0.8] * 5)), method("b", *drawn(1, [0.8] * 5)))
    gap = detectable(several, 0.05)
    degrees = several.difference.degrees_of_freedom
    assert gap == pytest.approx((stats.t.ppf(0.975, degrees) + stats.t.ppf(0.8, degrees)) * several.difference.standard_error)
    assert rows_for(several, gap, 0.05) == pytest.approx(several.n, abs=1), "as many rows as there are show just that"


def test_no_number_of_rows_helps_where_seeds_hide_the_difference():
    a, b = method("a", *drawn(0, [0.5, 0.9, 0.7])), method("b", *drawn(1, [0.6, 0.8, 0.7]))
    assert rows_for(judge(a, b), 0.01, 0.05) == inf
    found = compare([a, b], "accuracy", "test")
    assert "needs more seeds" in power(found.pairs[0], found)


def test_where_two_methods_disagree():
    a, b = method("a", [1, 1, 0, 0], [1, 0, 0, 0]), method("b", [1, 0, 1, 0])
    found = disagreement(a, b)
    assert found.only_first == pytest.approx(0.5 / 4)
    assert found.only_second == pytest.approx(1 / 4)
    assert found.oracle == pytest.approx(2.5 / 4)
    assert found.agreement == pytest.approx((2 + 3) / 8)
    assert (found.better, found.worse) == (pytest.approx(1 / 8), pytest.approx(1 / 4))
    assert found.superiority == pytest.approx(1 / 8 + 5 / 16)
    assert found.odds == pytest.approx(0.5)
    assert clearest(a, b, 9).tolist() == [1]
    assert clearest(b, a, 9).tolist() == [2]


def test_one_that_is_never_worse_has_endless_odds_and_equal_ones_even_odds():
    assert disagreement(method("a", [1, 1]), method("b", [1, 0])).odds == inf
    assert disagreement(method("a", [1, 0]), method("b", [1, 0])).odds == 1


def test_many_methods_are_corrected_and_lettered():
    runs = {"good": [1] * 90 + [0] * 10, "same": [0] + [1] * 89 + [0] * 10, "bad": [1] * 50 + [0] * 50}
    found = compare([method(name, right, chance=False) for name, right in runs.items()], "accuracy", "test")
    assert [(each.method.name, each.letters) for each in found.standings] == [("good", "a"), ("same", "a"), ("bad", "b")]
    p = {(each.pair.first, each.pair.second): (each.pair.p, each.pair.adjusted) for each in found.pairs}
    assert p["good", "same"][1] == p["good", "same"][0] == 1
    assert p["good", "bad"][1] == pytest.approx(3 * p["good", "bad"][0])
    assert headline(found).startswith("good and same cannot be told apart: 100 texts and so few disagreements")
    assert "same beats bad by 39.0 points (95 % interval" in headline(found)
    assert "after Holm over 3 pairs" in headline(found)


def test_the_ends_are_compared_where_neighbours_cannot_be_told_apart():
    best, middle, last = [1] * 70 + [0] * 30, [1] * 66 + [0] * 34, [1] * 62 + [0] * 38
    found = compare([method(name, right, chance=False) for name, right in (("c", last), ("b", middle), ("a", best))], "accuracy", "test")
    assert [each.pair.is_different(0.05) for each in found.pairs] == [False, True, False]
    assert headline(found).startswith("a beats c by 8.0 points")


def test_of_more_than_three_methods_only_the_best_is_compared_in_words():
    shares = {"a": 95, "b": 94, "c": 60, "d": 30}
    found = compare([method(name, [1] * right + [0] * (100 - right), chance=False) for name, right in shares.items()], "accuracy", "test")
    text = headline(found)
    assert text.startswith("a beats c by 35.0 points")
    assert "it also beats d; a and b cannot be told apart" in text


def test_equivalence_within_a_margin():
    generator = np.random.default_rng(0)
    a = (generator.random(4000) < 0.9).astype(int)
    b = a.copy()
    b[:4] = 1 - b[:4]
    found = compare([method("a", a.tolist(), chance=False), method("b", b.tolist(), chance=False)], "accuracy", "test",
                    settings=Settings(margin=0.01))
    (each,) = found.pairs
    assert each.equivalence < 0.001
    assert sum(each.practical) == pytest.approx(1)
    assert "are the same in practice: they differ by less than 1.0 points" in headline(found)


def test_slices_by_class_and_length():
    assert [(each.name, each.rows.tolist()) for each in by_class(["b", "a"])] == [("a", [False, True]), ("b", [True, False])]
    assert by_class(["a"] * 9) == []
    assert by_class([str(number) for number in range(300)]) == []
    thirds = by_length(np.array([5, 1, 3, 2, 4, 6]))
    assert [each.name for each in thirds] == ["1 to 2 characters", "3 to 4 characters", "5 to 6 characters"]
    assert sum(each.rows.astype(int) for each in thirds).tolist() == [1] * 6
    assert by_length(np.array([7, 7, 7])) == []
    assert [each.name for each in by_length(np.array([1, 1, 1, 1, 9]))] == ["1 to 1 characters", "2 to 9 characters"]


def test_slices_of_macro_f1_are_judged_by_accuracy():
    """One wrong row in a class would halve the F1 of a slice of this class, since the class that is predicted there counts too."""
    gold = np.repeat([0, 1, 2], 20)
    wrong = gold.copy()
    wrong[:2] = 1
    runs = [classified(gold, predicted, ("a", "b", "c")) for predicted in (gold, wrong)]
    first, second = (Method(name, (MeasuredRun(name, 1, MeasuredRows.of(scores.metrics["f1"]), scores.right, scores.predicted, {}),), False)
                     for name, scores in zip("xy", runs, strict=True))
    result = compare([first, second], "f1", "test", by_class([str(each) for each in gold]))
    assert result.slice_metric == "accuracy" and result.unit.metric == "f1"
    values = {each.name: each.values for each in result.slices}
    assert values == {"0": (1.0, 0.9), "1": (1.0, 1.0), "2": (1.0, 1.0)}
    assert all(-1 <= end <= 1 for each in result.slices for end in each.pair.interval)
    assert slices_grid(result).title.startswith("x and y by class, accuracy")


def test_slices_by_unknown_words_and_by_frequency():
    train = ["the cat", "the Dog", "the owl"]
    found = {part.name: part.rows.tolist() for part in by_words([(["The dog", "a dog", "a lion", "the the the", ""], train)])}
    assert found == {"no unknown word": [True, False, False, True, True], "one unknown word": [False, True, False, False, False],
                     "more unknown words": [False, False, True, False, False], "rarest words": [False, False, True, False, True],
                     "words in between": [False, True, False, False, False], "most frequent words": [True, False, False, True, False]}
    assert by_words([(["the", "the"], train)]) == []
    pooled = {part.name: part.rows.tolist() for part in by_words([(["the cat"], train), (["the cat"], ["a cat", "cat cat"])])}
    assert pooled == {"no unknown word": [True, False], "one unknown word": [False, True],
                      "rarest words": [False, True], "most frequent words": [True, False]}


def test_slices_are_corrected_and_those_of_few_rows_left_out():
    a, b = rows(20, 20, 0, 20)
    labels = ["x"] * 20 + ["y"] * 20 + ["z"] * 17 + ["w"] * 3
    found = compare([method("a", a, chance=False), method("b", b, chance=False)], "accuracy", "test", by_class(labels))
    assert {each.name: each.n for each in found.slices} == {"x": 20, "y": 20, "z": 17}
    there = next(each for each in found.slices if each.name == "y")
    assert there.values == (1, 0)
    assert there.pair.p == pytest.approx(2 * 0.5**20)
    assert there.pair.adjusted == pytest.approx(3 * there.pair.p)


def test_the_front_of_quality_against_cost():
    costs = {"a": (90, 100), "b": (85, 10), "c": (84, 20), "d": (80, 2)}
    ranked = [method(name, [1] * right + [0] * (100 - right), cost={"seconds": price}) for name, (right, price) in costs.items()]
    assert [(offer.name, offer.cost) for offer in pareto(ranked, "seconds", 0.01)] == [("d", 2), ("b", 10), ("a", 100)]
    assert [offer.of_a_point for offer in pareto(ranked, "seconds", 0.01)] == [None, pytest.approx(8 / 5), pytest.approx(90 / 5)]
    assert pareto(ranked, "dollars", 0.01) == []


def test_clusters_of_rows_count_as_one():
    right_a, right_b = [1] * 60 + [0] * 40, [0] * 20 + [1] * 40 + [0] * 40
    clusters = np.arange(100) // 20
    plain = compare([method("a", right_a, chance=False), method("b", right_b, chance=False)], "accuracy", "test")
    drawn_together = compare([method("a", right_a, chance=False), method("b", right_b, chance=False)], "accuracy", "test",
                             settings=Settings(clusters=clusters))
    assert plain.pairs[0].pair.p < 0.001
    assert drawn_together.pairs[0].pair.value == pytest.approx(0.2)
    assert drawn_together.pairs[0].pair.p == 1, "one of five clusters differs"
    assert drawn_together.standings[0].interval[0] < plain.standings[0].interval[0]


def test_figures_in_the_words_of_their_metric():
    share, loss, score = unit_of("accuracy", "share"), unit_of("loss", "ratio"), unit_of("bleu", "bleu")
    assert (share.value(0.784), share.difference(0.0241), share.interval((0.009, 0.039))) == ("78.4 %", "2.4 points", "0.9 to 3.9")
    assert (loss.value(0.31266), loss.difference(0.02)) == ("0.3127", "0.0200")
    assert (score.value(34.23), score.difference(1.26)) == ("34.2", "1.3 points")
    assert unit_of("accuracy", "ratio").value(0.5) == unit_of("phoneme_error_rate", "ratio").value(0.5) == "50.0 %"
    assert share.plain(-0.00001) == "-0.001"
    assert share.plain(-0.0) == "0.0"
    assert share.difference(inf) == "unknown points"


def test_a_p_is_never_rounded_to_nothing():
    assert [p_figure(p) for p in (1.0, 0.62, 0.0231, 0.00042, 1e-9, 0.0503)] == ["1", "0.62", "0.023", "0.0004", "<0.0001", "0.0503"]
    assert probability(1e-9) == "p < 0.0001"


def test_prospects_before_any_training():
    (found,) = prospects(1500, [("as stated", 0.1)], 0.05)
    assert found.smallest == smallest_difference(0.1, 1500)
    assert dict(expected_disagreements(0.9))["independent mistakes"] == pytest.approx(0.18)


def test_pictures_hold_for_odd_values():
    assert intervals([], "nothing", str) == ""
    assert intervals([Bar("a", 1.0, -inf, inf)], "unknown", str) == ""
    same = intervals([Bar("<b>", 1.0, 1.0, 1.0)], "equal", str)
    assert "&lt;b&gt;" in same
    assert "<b>" not in same
    assert front([Point("a", 0.0, 1.0, True)], "t", "cost", str, str) == ""
    assert "nan" not in front([Point("a", 5.0, 1.0, True), Point("b", 5.0, 1.0, False)], "t", "cost", str, str)


GOLD = [0, 1, 2] * 20
WORSE = [0, 1, 0] * 20
"""Right on two of three classes."""


def some(right, seed=0):
    """Predictions for GOLD of which so many are right."""
    order = np.random.default_rng(seed).permutation(len(GOLD))
    return [gold if place < right else (gold + 1) % 3 for gold, place in zip(GOLD, order.tolist(), strict=True)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("NLP_RUNS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_runs_of_one_recipe_are_one_method(folder):
    for seed in (1, 2, 3):
        made_run(folder, "names/lstm", classified(GOLD, some(50, seed)), seed=seed)
    made_run(folder, "names/bayes", classified(GOLD, GOLD), model="naive_bayes", name="first")
    made_run(folder, "names/bayes", classified(GOLD, GOLD), model="naive_bayes", name="second", started="2026-01-02T10:00:00")
    for text in ("names/lstm", "names/lstm/made", "runs/names/lstm", "names/l*", "names/lstm/made-seed-?"):
        (group,) = choose([text], "test").groups
        assert [each.seed for each in group.runs] == [1, 2, 3], text
    (group,) = choose(["names/lstm/made-seed-2"], "test").groups
    assert [each.seed for each in group.runs] == [2]
    both = choose(["names/*"], "test").groups
    assert names_of(both) == ["bayes", "lstm"]
    assert [each.run.name for each in both[0].runs] == ["second"], "without chance all runs are equal"
    assert not both[0].has_chance


def test_of_a_recipe_the_latest_method_counts_and_of_a_seed_the_latest_run(folder):
    made_run(folder, "names/lstm", classified(GOLD, GOLD), name="old", size=4)
    made_run(folder, "names/lstm", classified(GOLD, GOLD), name="new", size=8, started="2026-02-01T10:00:00")
    made_run(folder, "names/lstm", classified(GOLD, GOLD), name="newer", size=8, started="2026-03-01T10:00:00")
    chosen = choose(["names/lstm"], "test")
    assert [each.run.name for group in chosen.groups for each in group.runs] == ["newer"]
    assert "names/lstm/new (seed 1, run again as names/lstm/newer)" in chosen.notices[0]
    old_and_new = choose(["names/lstm/old", "names/lstm/new", "names/lstm/new"], "test")
    assert names_of(old_and_new.groups) == ["lstm (hidden_size=4)", "lstm (hidden_size=8)"]
    assert "named twice" in old_and_new.notices[0]


def test_a_run_of_an_earlier_version_is_of_the_same_method(folder):
    new = load_recipe("names/lstm").model_dump(mode="json")
    old = new | {"model": {key: value for key, value in new["model"].items() if key not in ("init_from", "pooling")}}
    for seed, recipe in enumerate((old, new), 1):
        run = made_run(folder, "names/lstm", classified(GOLD, some(50, seed)), seed=seed)
        (run / "config.yaml").write_text(yaml.safe_dump(recipe | {"seeds": [seed]}), encoding="utf-8")
    (group,) = choose(["names/lstm"], "test").groups
    assert [each.seed for each in group.runs] == [1, 2]


def test_points_of_a_learning_curve_are_no_methods_of_their_recipe(folder):
    made_run(folder, "names/lstm", classified(GOLD, GOLD), name="whole")
    part = made_run(folder, "names/lstm", classified(GOLD, GOLD), name="part", started="2026-02-01T10:00:00")
    (part / "config.yaml").write_text("data:\n  train_rows: 9\nmodel:\n  type: lstm\nseeds: [1]\n", encoding="utf-8")
    for text in ("names/lstm", "names/*"):
        assert [each.run.name for group in choose([text], "test").groups for each in group.runs] == ["whole"]
    assert choose(["names/lstm/part"], "test").groups[0].latest.name == "part"
    (folder / "runs/names/lstm/whole/results.json").unlink()
    assert choose(["names/lstm"], "test").groups[0].latest.name == "part"


def made_folds(folder, recipe, predicted, *, seed=1, folds=(0, 1), model="lstm"):
    """Runs that were tested on every other row each, as two folds of one deal."""
    for fold in folds:
        rows = np.arange(fold, len(GOLD), 2)
        run = made_run(folder, recipe, classified(GOLD, predicted).take(rows), seed=seed, name=f"fold-{fold}-seed-{seed}",
                       texts=[f"text {row}" for row in rows])
        (run / "config.yaml").write_text(f"data: {{type: named, name: digits, folds: 2, split_seed: {fold}}}\n"
                                         f"task: {{type: classification}}\nmodel: {{type: {model}}}\nseeds: [{seed}]\n", encoding="utf-8")


def test_the_folds_of_a_deal_are_one_test(folder):
    better, worse = some(54, 1), some(24, 2)
    for seed in (1, 2):
        made_folds(folder, "digits/mlp", better, seed=seed)
    made_folds(folder, "digits/rules", worse, model="rules")
    groups = choose(["digits/*"], "test").groups
    assert [[len(each.runs) for each in group.runs] for group in groups] == [[2, 2], [2]]
    outcome = compare_runs(["digits/*"], [], Wanted())
    values = {method.name: method.value for method in outcome.found.methods}
    assert values == {"mlp": np.mean(np.equal(GOLD, better)), "rules": np.mean(np.equal(GOLD, worse))}
    shown = examples(outcome, 3)
    assert {each.text for each in shown} <= {f"text {row}" for row in np.flatnonzero(np.equal(GOLD, better) != np.equal(GOLD, worse))}
    assert len(shown) >= 3
    assert all(each.row < len(GOLD) for each in shown)


def test_a_seed_without_all_folds_is_left_out(folder):
    made_folds(folder, "digits/mlp", some(50, 1))
    made_folds(folder, "digits/mlp", some(50, 1), seed=2, folds=(0,))
    chosen = choose(["digits/mlp"], "test")
    assert [each.seed for each in chosen.groups[0].runs] == [1]
    assert "digits/mlp/fold-0-seed-2" in chosen.notices[0]
    made_folds(folder, "digits/rules", some(50, 3), folds=(0,), model="rules")
    with pytest.raises(DataError, match="digits/mlp/fold-0-seed-1 has 60 rows and digits/rules/fold-0-seed-1 30"):
        compare_runs(["digits/*"], [], Wanted())


def test_folds_are_joined_row_by_row():
    first, second = classified([0, 1], [0, 2], ("cat", "dog", "owl")), classified([1, 0], [1, 1], ("owl", "cat"))
    both = pooled([first, second])
    assert both.labels == ("cat", "dog", "owl")
    assert both.metrics["accuracy"].value() == 0.5
    assert both.metrics["f1"].value() == pytest.approx(classified([0, 1, 0, 2], [0, 2, 0, 0]).metrics["f1"].value())


def test_names_are_as_short_as_tells_them_apart(folder):
    for recipe in ("names/lstm", "trec/lstm"):
        made_run(folder, recipe, classified(GOLD, GOLD), model="gru" if recipe == "trec/lstm" else "lstm")
    assert names_of(choose(["names/lstm", "trec/lstm"], "test").groups) == ["names/lstm", "trec/lstm"]


def test_runs_that_cannot_be_compared_are_named_with_what_to_do(folder):
    made_run(folder, "names/lstm", classified(GOLD, GOLD), seed=1)
    (made_run(folder, "names/lstm", classified(GOLD, GOLD), seed=2) / "results.json").unlink()
    (made_run(folder, "names/lstm", classified(GOLD, GOLD), seed=3) / "failure.json").write_text("{}", encoding="utf-8")
    made_run(folder, "names/lstm", None, seed=4)
    chosen = choose(["names/lstm"], "test")
    assert [each.seed for each in chosen.groups[0].runs] == [1]
    (notice,) = chosen.notices
    for part in ("made-seed-2: not finished; `nlp train --resume RUN`", "made-seed-3: failed",
                 "made-seed-4: no row scores for the split test; `nlp eval"):
        assert part in notice
    with pytest.raises(RunError, match=r"No run of names/lstm/made-seed-4 can be compared.*nlp eval RUN --split test.*--split validation"):
        choose(["names/lstm/made-seed-4"], "test")
    with pytest.raises(RunError, match="No recipe and no run"):
        choose(["trec/*"], "test")


def test_a_run_under_way_is_named(folder):
    from nlp.training.folder.run_lock import RunLock

    run = made_run(folder, "names/lstm", classified(GOLD, GOLD))
    with RunLock(run / ".lock", "names/lstm"), pytest.raises(RunError, match="still training; wait for it"):
        choose(["names/lstm"], "test")


def test_the_sentence_comes_first_and_json_holds_everything(folder):
    for seed in (1, 2, 3):
        made_run(folder, "names/lstm", classified(GOLD, some(54, seed)), seed=seed)
    made_run(folder, "names/rules", classified(GOLD, some(25, 9)), model="rules", cost={"train_seconds": 0.0})
    done = nlp("compare", "names/lstm", "names/rules", "--margin", "1", cwd=folder)
    first = done.stdout.splitlines()[0]
    assert re.fullmatch(r"lstm beats rules by 48\.3 points \(95 % interval 3\d\.\d to 6\d\.\d, p < 0\.0001\)\.", first)
    assert "*" not in done.stdout
    found = json.loads(nlp("compare", "names/lstm", "names/rules", "--json", cwd=folder).stdout)
    assert found["sentence"] == first
    assert [each["name"] for each in found["methods"]] == ["lstm", "rules"]
    assert [run["seed"] for run in found["methods"][0]["runs"]] == [1, 2, 3]
    (pair,) = found["pairs"]
    assert pair["of"] == "methods"
    assert pair["difference"] == pytest.approx(29 / 60)
    assert {each["name"] for each in found["slices"] if each["by"] == "class"} == set(CLASSES)
    assert [offer["name"] for offer in found["fronts"]["train_seconds"]] == ["rules", "lstm"]


def test_files_are_written_and_the_page_needs_nothing_else(folder):
    for recipe, right in (("names/<b>&bold", 50), ("names/lstm", 30)):
        made_run(folder, recipe, classified(GOLD, some(right)), size=right, texts=["<script>alert(1)</script>"] * 60)
    nlp("compare", "names/*", "--csv", "a.csv", "--markdown", "a.md", "--latex", "a.tex", "--html", "a.html", "--examples", "2", cwd=folder)
    with (folder / "a.csv").open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["method"] for line in lines] == ["<b>&bold", "lstm"]
    assert float(lines[0]["accuracy"]) == pytest.approx(50 / 60)
    assert "&lt;b&gt;&amp;bold" in (folder / "a.md").read_text(encoding="utf-8")
    assert r"\textless{}b\textgreater{}\&bold" in (folder / "a.tex").read_text(encoding="utf-8")
    page = (folder / "a.html").read_text(encoding="utf-8")
    tags, addresses = parsed(page)
    assert {"svg", "table", "circle", "polyline", "h1"} <= tags
    assert not tags & {"script", "link", "img", "iframe", "b"}
    assert addresses == []
    assert "url(" not in page
    assert "&lt;script&gt;alert(1)" in page


def parsed(page):
    """The tags of a page, each closed where it has to be, and what its attributes refer to."""
    tags, addresses, open_ = set(), [], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.add(tag)
            addresses.extend(value for name, value in attrs if name in ("src", "href", "onload", "onclick", "xlink:href"))
            if tag != "meta":
                open_.append(tag)

        def handle_startendtag(self, tag, attrs):
            tags.add(tag)

        def handle_endtag(self, tag):
            assert open_.pop() == tag

    Reader().feed(page)
    assert open_ == []
    return tags, addresses


def test_examples_are_shown_on_one_line_without_control_characters(folder):
    texts = [f"text {row}\x1b[2J\nsecond line" for row in range(60)]
    made_run(folder, "names/a", classified(GOLD, some(50)), size=1, texts=texts)
    made_run(folder, "names/b", classified(GOLD, some(40, 1)), size=2, texts=texts)
    done = nlp_process("compare", "names/a", "names/b", "--examples", "2", cwd=folder)
    assert "\x1b" not in done.stdout
    assert len(re.findall(r"text \d+\\x1b\[2J\\nsecond line", done.stdout)) == 4


@pytest.mark.parametrize(("other", "says"), [
    (classified(GOLD, GOLD), "score the same on every row"),
    (classified([0, 1], [0, 1]), "test sets differ"),
    (classified([*GOLD[:-1], 0], GOLD), "answers differ"),
])
def test_equal_runs_and_unequal_tests(folder, other, says):
    made_run(folder, "names/a", classified(GOLD, GOLD), size=1)
    made_run(folder, "names/b", other, size=2)
    done = nlp("compare", "names/a", "names/b", cwd=folder, code=0 if "score the same" in says else 2)
    assert re.search(says, done.stdout + done.stderr)
    assert "Traceback" not in done.stderr


def test_two_rows_are_enough_for_an_answer(folder):
    made_run(folder, "names/a", classified([0, 1], [0, 1]), size=1)
    made_run(folder, "names/b", classified([0, 1], [1, 0]), size=2)
    for metric in ("accuracy", "f1", "macro_f1", "loss"):
        done = nlp("compare", "names/a", "names/b", "--metric", metric, cwd=folder)
        assert "cannot be told apart" in done.stdout.splitlines()[0]
        assert "2 texts are few" in done.stdout
        assert "nan" not in done.stdout
        assert json.loads(nlp("compare", "names/a", "names/b", "--metric", metric, "--json", cwd=folder).stdout)["pairs"][0]["p"] <= 1


def test_one_method_alone_has_its_interval(folder):
    made_run(folder, "names/a", classified(GOLD, GOLD))
    done = nlp("compare", "names/a", "names/a", cwd=folder)
    assert done.stdout.startswith("a reaches accuracy 100.0 % on test (95 % interval 94.0 to 100.0, one run); there is nothing to compare")
    assert "named twice" in done.stderr
    assert "disagree on" in nlp("compare", "names/a", "--power", cwd=folder).stdout


def test_damage_and_odd_wishes_are_told_in_one_paragraph(folder):
    run = made_run(folder, "names/a", classified(GOLD, GOLD), size=1)
    made_run(folder, "names/b", classified(GOLD, some(30)), size=2)
    wishes = [("names/a", "--split", "dev"), ("names/a", "names/b", "--metric", "bleu"), ("names/a", "--confidence", "95"), (),
              ("--power",), ("--power", "--rows", "100"), ("names/a", "--rows", "100"), ("names/c",)]
    for wish in wishes:
        done = nlp("compare", *wish, cwd=folder, code=2)
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1, wish
    (run / "predictions" / "test.safetensors").write_bytes(b"no tensors")
    assert "is damaged" in nlp("compare", "names/a", "names/b", cwd=folder, code=2).stderr
    (run / "config.yaml").write_text("- 1", encoding="utf-8")
    assert "is damaged" in nlp("compare", "names/a", "names/b", cwd=folder, code=2).stderr


def test_a_loss_that_is_not_finite_is_refused(folder):
    made_run(folder, "names/a", classified(GOLD, GOLD, losses=[inf] * 60), size=1)
    made_run(folder, "names/b", classified(GOLD, some(30)), size=2)
    assert "not finite" in nlp("compare", "names/a", "names/b", "--metric", "loss", cwd=folder, code=2).stderr
    assert nlp("compare", "names/a", "names/b", cwd=folder).stdout


def test_predictions_from_elsewhere_are_a_method_with_one_run(folder):
    for seed in (1, 2):
        made_run(folder, "names/lstm", classified(GOLD, some(54, seed)), seed=seed)
    mixed = np.random.default_rng(5).permutation(60).tolist()
    lines = [f"text {row},{CLASSES[GOLD[row]]},{CLASSES[some(30, 7)[row]]}\n" for row in mixed]
    (folder / "other.csv").write_text("text,gold,prediction\n" + "".join(lines), encoding="utf-8")
    done = nlp("compare", "names/lstm", "--predictions", "other.csv", "--examples", "1", cwd=folder)
    assert done.stdout.startswith("lstm beats this run of other by 40.0 points")
    found = json.loads(nlp("compare", "names/lstm", "--predictions", "other.csv", "--json", "--metric", "f1", cwd=folder).stdout)
    assert found["methods"][1]["runs"][0]["run"] == "other.csv"
    assert found["methods"][1]["value"] == pytest.approx(classified(GOLD, some(30, 7)).metrics["f1"].value())
    alone = nlp("compare", "--predictions", "other.csv", cwd=folder)
    assert "other reaches accuracy 50.0 %" in alone.stdout
    for wish in (("--cluster", "name"), ("--predictions", "other.csv", "--examples", "1")):
        nlp("compare", "--predictions", "other.csv", *wish, cwd=folder, code=2)


def test_power_without_runs(folder):
    done = nlp("compare", "--power", "--rows", "1500", "--disagreement", "0.1", cwd=folder)
    assert "1,500 examples detect a difference of 2.3 points or more with 80 % power" in done.stdout
    found = json.loads(nlp("compare", "--power", "--rows", "1500", "--accuracy", "0.9", "--json", cwd=folder).stdout)
    assert [each["disagreement"] for each in found["prospects"]] == pytest.approx([0.045, 0.09, 0.18])


def test_two_runs_by_accuracy_load_neither_torch_nor_scipy(folder):
    made_run(folder, "names/a", classified(GOLD, GOLD), size=1)
    made_run(folder, "names/b", classified(GOLD, some(30)), size=2)
    script = ("import sys; from nlp.cli.main import run\nassert run(['compare', 'names/a', 'names/b', '--html', 'a.html']) == 0\n"
              "print('\\n' + ' '.join(sys.modules))")
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, encoding="utf-8", check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "nlp.analysis.comparison.output.page" in loaded
    assert not loaded & {"torch", "sklearn", "scipy.special", "tensorboard", "matplotlib"}


def test_real_runs(folder):
    write_names(folder)
    for kind in ("rules", "naive_bayes"):
        nlp("train", "--config", write_recipe(folder, kind), cwd=folder)
    nlp("train", "--config", write_recipe(folder, "mlp"), "--set", "seeds=[1, 2]", "--set", "training.epochs=1", cwd=folder)
    done = nlp_process("compare", "rules", "naive_bayes", "mlp", "--examples", "1", "--html", "page.html", cwd=folder)
    assert re.match(r"\w+ (beats|and) ", done.stdout)
    assert "p after Holm over 3 pairs" in done.stdout
    timed = json.loads(nlp("compare", "rules", "mlp", "--latency", "--json", cwd=folder).stdout)
    assert all(method["runs"][0]["cost"][cost] > 0 for method in timed["methods"] for cost in ("latency_1", "latency_64"))
    assert {"latency_1", "latency_64"} <= timed["fronts"].keys()
    clustered = json.loads(nlp("compare", "rules", "naive_bayes", "--cluster", "language", "--json", cwd=folder).stdout)
    assert clustered["clusters"] == 3
    costs = {method["name"]: method["runs"][0]["cost"] for method in clustered["methods"]}
    assert costs["naive_bayes"]["parameters"] == costs["naive_bayes"]["coefficients"] > 0
    assert "parameters" not in costs["rules"]
    assert ("no column `lang`; it has `name`, `language`. Did you mean `language`? Name a column of the data of the runs with --cluster."
            in nlp("compare", "rules", "mlp", "--cluster", "lang", cwd=folder, code=2).stderr)


def test_words_are_those_of_the_data_of_the_runs(folder):
    tiny_runs.write_data(folder)
    for kind in ("rules", "naive_bayes"):
        nlp("train", "--config", tiny_runs.write_recipe(folder, kind), cwd=folder)
    found = json.loads(nlp("compare", "rules", "naive_bayes", "--words", "--json", cwd=folder).stdout)
    assert {part["by"] for part in found["slices"]} >= {"class", "frequency"}
    with (folder / "texts.csv").open("a", encoding="utf-8") as file:
        file.write("the big cat runs,cat\n")
    assert "cannot match texts to rows" in nlp("compare", "rules", "naive_bayes", "--words", cwd=folder, code=2).stderr


def test_words_and_clusters_of_the_folds_of_a_deal(folder):
    rows = [(f"{name} {number}", number % 7, "ab"[number % 3 == 0]) for number, name in enumerate(["big cat", "old old dog", "sad"] * 14)]
    (folder / "t.csv").write_text("text,author,label\n" + "".join(f"{text},{author},{label}\n" for text, author, label in rows))
    for name, model in (("bayes", "{type: naive_bayes}"), ("regression", "{type: logistic_regression}")):
        (folder / f"{name}.yaml").write_text("data: {type: files, train: t.csv, folds: 3}\ntask: {type: classification}\n"
                                             f"tokenizer: {{type: ngrams, words: [1, 1]}}\nmodel: {model}\n")
    nlp("train", "bayes.yaml", "regression.yaml", "--splits", "3", cwd=folder)
    found = json.loads(nlp("compare", "bayes", "regression", "--cluster", "author", "--words", "--json", cwd=folder).stdout)
    assert (found["examples"], found["clusters"]) == (42, 7)
    assert sum(part["examples"] for part in found["slices"] if part["by"] == "frequency") == 42
    outcome = compare_runs(["bayes", "regression"], [], Wanted(cluster="author"))
    authors = {text: author for text, author, _ in rows}
    texts = [line["text"] for line in examples_of(next(iter(outcome.tests.values())), "test")]
    clusters = outcome.found.settings.clusters.tolist()
    assert sorted(texts) == sorted(authors)
    assert len({(authors[text], cluster) for text, cluster in zip(texts, clusters, strict=True)}) == 7


def outcome_of(folder, *options, code=0):
    return nlp("compare", "names/a", "names/b", *options, cwd=folder, code=code)


def a_and_b(folder, *, seeds=(1,), classes=CLASSES, right=(50, 30)):
    for size, (name, count) in enumerate(zip("ab", right, strict=True), 1):
        for seed in seeds:
            made_run(folder, f"names/{name}", classified(GOLD, some(count, seed), classes), seed=seed, size=size)


@pytest.mark.parametrize(("options", "says"), [
    (("--html", "."), "is a folder"), (("--csv", "no/such/x.csv"), "there is no folder .*no/such"),
    (("--csv", "x", "--latex", "./x"), "--csv and --latex would both be written"),
    (("--margin", "inf"), "--margin inf"), (("--margin", "100"), "points below 100"), (("--predictions", ""), "not a file of predictions"),
])
def test_outputs_and_margins_that_make_no_sense_are_refused(folder, options, says):
    a_and_b(folder)
    assert re.search(says, outcome_of(folder, *options, code=2).stderr)


def test_power_without_runs_refuses_options_that_it_would_not_heed(folder):
    assumed = ("compare", "--power", "--rows", "100", "--accuracy", "0.8")
    for option in (("--html", "x.html"), ("--examples", "3"), ("--margin", "0"), ("--latency",), ("--metric", "f1")):
        assert "Without runs" in nlp(*assumed, *option, cwd=folder, code=2).stderr
    both = nlp(*assumed, "--disagreement", "0.1", cwd=folder).stdout
    assert "as stated" in both
    assert "half as often as with independent mistakes" in both
    assert "1 example detects no difference" in nlp("compare", "--power", "--rows", "1", "--accuracy", "0.8", cwd=folder).stdout


def test_nothing_is_said_about_seeds_that_were_not_trained(folder):
    a_and_b(folder)
    done = outcome_of(folder).stdout
    assert "from the seeds" not in done
    assert "not known" in done
    assert json.loads(outcome_of(folder, "--json").stdout)["pairs"][0]["variance_from_seeds"] is None
    a_and_b_of_two = folder / "two"
    a_and_b_of_two.mkdir()
    a_and_b(a_and_b_of_two, seeds=(1, 2))
    assert "from the seeds" in outcome_of(a_and_b_of_two).stdout


def test_a_share_cannot_differ_by_more_than_100_points(folder):
    for size, recipe in enumerate(("names/a", "names/b"), 1):
        for seed, right in ((1, 50), (2, 30)):
            made_run(folder, recipe, classified(GOLD, some(right, size)), seed=seed, size=size)
    said = outcome_of(folder, "--confidence", "0.999999999").stdout
    assert "99.9999999 % interval" in said
    assert "so few seeds could not show any difference" in said
    assert "no difference could have been shown on 60 texts with so few seeds" in said


def test_a_sentence_begins_with_a_capital_unless_with_a_name():
    a, b = rows(20, 2, 1, 5)
    assert headline(compare([method("a", a), method("b", b)], "accuracy", "test")).startswith("These two runs of a and b cannot")
    assert headline(compare([method("these", a, a), method("b", b, b)], "accuracy", "test")).startswith("these and b cannot")


def test_what_one_point_of_a_loss_needs_is_a_sentence():
    a, b = rows(20, 9, 1, 10)
    found = compare([method("a", a, metric="loss"), method("b", b, metric="loss")], "loss", "test")
    assert "a difference of 1 needs" in power(found.pairs[0], found)


def test_methods_that_are_right_on_the_same_texts_have_no_odds(folder):
    a_and_b(folder, right=(60, 60))
    assert "odds of" not in outcome_of(folder).stdout


def test_figures_that_round_to_nothing_have_no_more_digits_than_others():
    assert unit_of("loss", "ratio").plain(1e-17) == unit_of("loss", "ratio").plain(0.0) == "0.0000"
    assert unit_of("loss", "ratio").plain(0.00002) == "0.00002"


def test_files_hold_no_control_characters(folder):
    a_and_b(folder, classes=("cat", "dog\x1b[31m", "owl\x07"))
    outcome_of(folder, "--markdown", "a.md", "--latex", "a.tex", "--html", "a.html")
    for name in ("a.md", "a.tex", "a.html"):
        written = (folder / name).read_text(encoding="utf-8")
        assert "x1b" in written
        assert not re.search(r"[\x00-\x08\x0b-\x1f]", written)


def test_files_of_predictions_named_twice_or_oddly(folder):
    lines = "".join(f"text {row},cat,{'cat' if row % 3 else 'dog'}\n" for row in range(40))
    for name in ("a.csv", "b\nc.csv"):
        (folder / name).write_text("text,gold,prediction\n" + lines, encoding="utf-8")
    twice = nlp("compare", "--predictions", "a.csv", "--predictions", "./a.csv", cwd=folder)
    assert "named twice" in twice.stderr
    assert "nothing to compare" in twice.stdout
    assert r"b\nc" in nlp("compare", "--predictions", "a.csv", "--predictions", "b\nc.csv", cwd=folder).stdout.splitlines()[0]
    (folder / "semicolons.csv").write_text(("text,gold,prediction\n" + lines).replace(",", ";"), encoding="utf-8")
    assert "Put commas" in nlp("compare", "--predictions", "semicolons.csv", cwd=folder, code=2).stderr


def test_a_loss_that_is_not_finite_is_not_offered_instead(folder):
    made_run(folder, "names/a", classified(GOLD, GOLD, losses=[inf] * 60), size=1)
    assert "--metric: accuracy, f1." in nlp("compare", "names/a", "--metric", "loss", cwd=folder, code=2).stderr
