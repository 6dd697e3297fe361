"""Statistics of comparisons against statsmodels, scipy and cases worked by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.analysis.statistics.bootstrap import _counts_of_many, percentile_interval, resampled_sums
from nlp.analysis.statistics.equivalence import equivalence_p, practical_shares
from nlp.analysis.statistics.influence import influences
from nlp.analysis.statistics.many import holm, letters
from nlp.analysis.statistics.methods import compare_methods
from nlp.analysis.statistics.permutation import randomisation_p, sign_flip_p
from nlp.analysis.statistics.power import rows_needed, smallest_difference
from nlp.analysis.statistics.proportions import PairedCounts, mcnemar_p, newcombe_interval, wilson_interval
from nlp.analysis.statistics.student import Difference
from nlp.analysis.statistics.sums import BLOCK, blocks, by_cluster, difference, grouped, ratio
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

paired_counts = st.builds(PairedCounts, *[st.integers(0, 400)] * 4)


@given(st.integers(0, 300), st.integers(1, 300), st.floats(0.5, 0.999))
def test_wilsons_interval_equals_that_of_statsmodels(successes, n, confidence):
    successes = min(successes, n)
    low, high = wilson_interval(successes, n, confidence)
    expected = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    assert (low, high) == pytest.approx(expected, abs=1e-12)
    assert 0 <= low <= successes / n <= high <= 1


def test_wilsons_interval_of_known_and_of_odd_counts():
    assert wilson_interval(438, 500) == pytest.approx((0.8442, 0.9021), abs=5e-5)
    assert wilson_interval(0, 0) == (0, 1)
    assert wilson_interval(0, 500)[0] == 0
    assert wilson_interval(500, 500)[1] == 1
    assert 0.99 < wilson_interval(500, 500)[0] < 1


@given(paired_counts)
def test_mcnemars_exact_test_equals_that_of_statsmodels(counts):
    both, only_a, only_b, neither = counts
    expected = mcnemar([[both, only_a], [only_b, neither]], exact=True).pvalue if only_a + only_b else 1.0
    assert mcnemar_p(counts) == pytest.approx(expected)


def test_mcnemars_exact_test_of_known_and_of_odd_counts():
    assert mcnemar_p(PairedCounts(200, 86, 150, 64)) == pytest.approx(3.71594e-05, rel=1e-5)
    assert mcnemar_p(PairedCounts(0, 6, 2, 0)) == pytest.approx(0.289062, abs=1e-6)
    assert mcnemar_p(PairedCounts(10, 3, 3, 0)) == 1
    assert mcnemar_p(PairedCounts(10, 0, 0, 5)) == 1
    assert mcnemar_p(PairedCounts(0, 0, 0, 0)) == 1


def test_newcombes_interval_of_published_counts():
    """As the R package contingencytables (Fagerland, Lydersen and Laake 2017) prints it for the study of Cavo et al. 2012."""
    assert newcombe_interval(PairedCounts(59, 6, 16, 80)) == pytest.approx((-0.1186, -0.0046), abs=5e-5)


@given(paired_counts, st.floats(0.5, 0.999))
def test_newcombes_interval_holds_the_difference_and_turns_with_the_sides(counts, confidence):
    low, high = newcombe_interval(counts, confidence)
    difference = (counts.only_a - counts.only_b) / max(sum(counts), 1)
    assert -1 <= low <= difference <= high <= 1
    other = newcombe_interval(PairedCounts(counts.both, counts.only_b, counts.only_a, counts.neither), confidence)
    assert (-other[1], -other[0]) == pytest.approx((low, high), abs=1e-12)


def test_newcombes_interval_of_odd_counts():
    assert newcombe_interval(PairedCounts(0, 0, 0, 0)) == (-1, 1)
    for counts in (PairedCounts(500, 0, 0, 0), PairedCounts(0, 0, 0, 500), PairedCounts(400, 0, 0, 100)):
        low, high = newcombe_interval(counts)
        assert -0.02 < low < 0 < high < 0.02, counts
    low, high = newcombe_interval(PairedCounts(0, 1, 0, 0))
    assert -1 < low < 1 == high


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30))
def test_paired_counts_are_those_of_the_rows(rows):
    a, b = np.array(rows, dtype=bool).reshape(-1, 2).T
    counts = PairedCounts.of(a, b)
    assert counts == (rows.count((True, True)), rows.count((True, False)), rows.count((False, True)), rows.count((False, False)))


def f1(sums):
    """Of true positives, false positives and false negatives."""
    hits = 2 * sums[..., 0]
    return hits / np.maximum(hits + sums[..., 1] + sums[..., 2], 1)


def shares(generator, n, share):
    """Statistics of accuracy: right or not, 1."""
    return np.column_stack([generator.random(n) < share, np.ones(n)]).astype(np.float64)


def rates(generator, n):
    """Statistics of an error rate of texts of different lengths, all different."""
    lengths = generator.integers(5, 40, size=n)
    return np.column_stack([lengths * generator.beta(1, 9, size=n), lengths])


def test_the_bootstrap_of_a_ratio_equals_scipys():
    statistics = rates(np.random.default_rng(0), 300)
    ours = percentile_interval(ratio, statistics, confidence=0.9, draws=20_000)
    theirs = stats.bootstrap((statistics[:, 0], statistics[:, 1]), lambda x, y, axis: x.sum(axis) / y.sum(axis), paired=True,
                             vectorized=True, n_resamples=20_000, confidence_level=0.9, method="percentile", rng=1, batch=2_000)
    width = ours[1] - ours[0]
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.03 * width)


def test_few_kinds_of_rows_and_many_are_drawn_as_often_as_the_rows_themselves():
    """Three ways of drawing, one distribution: the mean and the spread of a sum over rows of which a share of 0.9 is 1."""
    for n, different in ((400, False), (400, True), (2_000, True)):
        right = np.repeat([1.0, 0.0], [n * 9 // 10, n // 10])
        sums = resampled_sums(np.column_stack([right, np.arange(n) * different]), 10_000)[:, 0]
        spread = np.sqrt(n * 0.9 * 0.1)
        assert sums.mean() == pytest.approx(n * 0.9, abs=0.05 * spread), (n, different)
        assert sums.std() == pytest.approx(spread, rel=0.03), (n, different)


def test_each_row_of_many_is_drawn_as_often_as_by_chance():
    """Counts are Binomial(n, 1/n), and those of two rows exclude each other: covariance -1/n."""
    counts = _counts_of_many(np.random.default_rng(15), 1_500, 4_000)
    assert (counts.sum(axis=1) == 1_500).all()
    seen = np.bincount(counts.astype(int).ravel(), minlength=8)[:8] / counts.size
    assert seen == pytest.approx(stats.binom.pmf(np.arange(8), 1_500, 1 / 1_500), abs=1e-3)
    assert counts.mean(axis=0) == pytest.approx(np.ones(1_500), abs=0.08)
    halves = counts[:, :750].sum(axis=1)
    assert halves.var() == pytest.approx(1_500 / 4, rel=0.1)


@given(st.integers(1, 60), st.integers(1, 4), st.booleans())
def test_every_resample_has_as_many_rows_as_the_test(n, k, alike):
    statistics = np.ones((n, k)) if alike else np.random.default_rng(n).normal(size=(n, k))
    assert resampled_sums(np.column_stack([statistics, np.ones(n)]), 20)[:, -1].tolist() == [n] * 20


def test_blocks_add_up():
    assert sum(blocks(10_000, 50_000)) == 10_000
    assert max(blocks(10_000, 50_000)) * 50_000 <= BLOCK
    assert list(blocks(3, 10 * BLOCK)) == [1, 1, 1]


def test_blocks_do_not_change_what_is_drawn(monkeypatch):
    """Except for many different rows, where each block draws its bits and then what lacks."""
    statistics = rates(np.random.default_rng(4), 50)
    whole = resampled_sums(statistics, 100)
    monkeypatch.setattr("nlp.analysis.statistics.sums.BLOCK", 777)
    np.testing.assert_allclose(resampled_sums(statistics, 100), whole)


def test_rows_of_one_document_are_drawn_together():
    documents = np.repeat(np.arange(50), 20)
    of_document = np.random.default_rng(5).random(50) < 0.5
    statistics = np.column_stack([of_document[documents], np.ones(1_000)]).astype(np.float64)
    together = by_cluster(statistics, documents[::-1])
    assert together.tolist() == [[20.0 * right, 20.0] for right in of_document[::-1]]
    low, high = percentile_interval(ratio, statistics)
    low_together, high_together = percentile_interval(ratio, together)
    assert high_together - low_together == pytest.approx(np.sqrt(20) * (high - low), rel=0.1)


def test_intervals_of_odd_inputs():
    assert percentile_interval(ratio, np.array([[1.0, 1.0]])) == (1, 1)
    assert percentile_interval(ratio, np.zeros((5, 2))) == (0, 0)
    assert percentile_interval(difference(ratio), np.ones((100, 4))) == (0, 0)
    assert percentile_interval(f1, np.zeros((2, 3))) == (0, 0)


def test_the_interval_of_a_difference_is_paired():
    """Two systems that are nearly alike differ by less than the two intervals suggest."""
    generator = np.random.default_rng(6)
    a = shares(generator, 500, 0.8)
    b = a.copy()
    b[:10, 0] = 1 - b[:10, 0]
    low, high = percentile_interval(difference(ratio), np.hstack([a, b]))
    assert low <= a[:, 0].mean() - b[:, 0].mean() <= high
    assert high - low < 0.03 < np.subtract(*percentile_interval(ratio, a)[::-1])


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 6), min_size=2, max_size=8))
def test_exact_randomisation_equals_scipys_permutation_test(rows):
    a, b = np.hsplit(np.array(rows, dtype=np.float64), 2)
    numbers = np.arange(len(a))
    both = np.stack([a, b])

    def gap(first, second, axis):
        """scipy exchanges the entries of (rows,), so they are numbers of rows of a (even) and b (odd)."""
        sums = [both[entries.astype(int) % 2, entries.astype(int) // 2].sum(axis=-2) for entries in (first, second)]
        return f1(sums[0]) - f1(sums[1])

    expected = stats.permutation_test((2 * numbers, 2 * numbers + 1), gap, permutation_type="samples", n_resamples=np.inf, vectorized=True,
                                      axis=-1)
    found = randomisation_p(f1, a, b)
    assert found == pytest.approx(min(1.0, two_sided(expected.null_distribution, expected.statistic)))


def two_sided(drawn, seen):
    """The share of differences at least as large either way; scipy doubles the smaller side, which is the same where they mirror."""
    return float(np.mean(np.abs(drawn) >= abs(seen) - 1e-9))


@pytest.mark.parametrize("whole_numbers", [True, False])
def test_drawn_sign_flips_come_close_to_scipys_permutation_test(whole_numbers):
    gaps = np.random.default_rng(7).normal(0.2, 1, size=400)
    gaps = np.round(gaps) if whole_numbers else gaps
    expected = stats.permutation_test((gaps, np.zeros(400)), lambda x, y, axis: (x - y).mean(axis), permutation_type="samples",
                                      n_resamples=50_000, vectorized=True, rng=1, batch=1_000)
    assert 0.01 < expected.pvalue < 0.1
    assert sign_flip_p(gaps, draws=50_000) == pytest.approx(expected.pvalue, abs=0.005)


def test_randomisation_of_accuracies_comes_close_to_mcnemar():
    counts = PairedCounts(300, 60, 40, 100)
    a = np.repeat([1.0, 1.0, 0.0, 0.0], counts)
    b = np.repeat([1.0, 0.0, 1.0, 0.0], counts)
    found = randomisation_p(ratio, np.column_stack([a, a * 0 + 1]), np.column_stack([b, b * 0 + 1]), draws=50_000)
    assert found == pytest.approx(mcnemar_p(counts), abs=0.004)


def test_permutation_tests_of_odd_inputs():
    same = rates(np.random.default_rng(8), 30)
    assert randomisation_p(ratio, same, same) == 1
    assert sign_flip_p(np.zeros(5)) == 1
    assert sign_flip_p(np.array([0.3])) == 1
    assert sign_flip_p(np.array([0.3, 0.1])) == 0.5
    assert sign_flip_p(np.array([])) == 1
    assert sign_flip_p(np.full(10_000, 0.1)) == 1 / 10_001
    assert sign_flip_p(np.linspace(1, 2, 200), seed=1) == sign_flip_p(np.linspace(1, 2, 200), seed=1) == 1 / 10_001


def test_influences_of_a_mean_are_the_rows_and_of_other_metrics_give_the_variance_of_the_bootstrap():
    right = shares(np.random.default_rng(9), 200, 0.7)
    np.testing.assert_allclose(influences(ratio, right), right[:, 0], atol=1e-12)
    counts = np.random.default_rng(10).multinomial(1, [0.5, 0.2, 0.1, 0.2], size=1_000)[:, :3].astype(np.float64)
    values = influences(f1, counts)
    assert values.mean() == pytest.approx(f1(counts.sum(axis=0)))
    assert values.std(ddof=1) / np.sqrt(1_000) == pytest.approx(f1(resampled_sums(counts)).std(), rel=0.03)
    assert influences(ratio, right[:1]).tolist() == [ratio(right[0])]


def test_equal_rows_are_grouped_only_where_that_makes_them_few():
    few, often = grouped(np.repeat([[1.0, 2.0], [0.0, 2.0]], [30, 70], axis=0))
    assert (few.tolist(), often.tolist()) == ([[0, 2], [1, 2]], [70, 30])
    many = np.arange(10.0)[:, None]
    assert grouped(many)[0].tolist() == many.tolist()


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=10))
def test_of_differences_with_one_sign_only_all_exchanged_and_none_are_as_large(gaps):
    assert sign_flip_p(np.array(gaps)) == 2 / 2 ** len(gaps)


def test_one_run_each_is_the_paired_t_test():
    a, b = np.random.default_rng(11).random((2, 1, 80))
    verdict = compare_methods(a, b)
    expected = stats.ttest_rel(a[0], b[0])
    assert verdict.difference.p() == pytest.approx(expected.pvalue)
    assert verdict.difference.interval(0.9) == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert verdict.difference.degrees_of_freedom == pytest.approx(79)
    assert verdict[1:] == (0, 1)


def test_seeds_alone_are_welchs_t_test_of_the_runs():
    runs_a, runs_b = np.array([0.81, 0.84, 0.86, 0.83]), np.array([0.78, 0.80, 0.79, 0.83])
    verdict = compare_methods(np.outer(runs_a, np.ones(50)), np.outer(runs_b, np.ones(50)))
    expected = stats.ttest_ind(runs_a, runs_b, equal_var=False)
    assert verdict.difference.p() == pytest.approx(expected.pvalue)
    assert verdict.difference.degrees_of_freedom == pytest.approx(expected.df)
    assert verdict.seed_share == pytest.approx(1)


def runs_of(generator, seeds, rows, noise, residual=0.5):
    """(trials, seeds, rows) scores of a method on rows of these difficulties (trials, 1, rows), with an effect of its own on each row."""
    trials, _, n = rows.shape
    own = generator.normal(scale=0.5, size=rows.shape)
    return rows + own + generator.normal(scale=noise, size=(trials, seeds, 1)) + generator.normal(scale=residual, size=(trials, seeds, n))


def two_equal_methods(seeds_a, seeds_b, noise, trials=2_000, n=60):
    """Scores of both in each trial, with noise of the seeds in standard errors of the rows."""
    generator = np.random.default_rng(seeds_a * 10 + seeds_b)
    rows = generator.normal(size=(trials, 1, n))
    return zip(*(runs_of(generator, seeds, rows, noise / np.sqrt(n)) for seeds in (seeds_a, seeds_b)), strict=True)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 0.5, 1, 2, 5])
@pytest.mark.parametrize("seeds", [(2, 2), (3, 3), (5, 5), (3, 5), (2, 5)])
def test_equal_methods_are_rarely_called_different(seeds, noise):
    differences = [compare_methods(a, b).difference for a, b in two_equal_methods(*seeds, noise)]
    assert np.mean([each.p() < 0.05 for each in differences]) <= 0.07
    low, high = np.array([each.interval() for each in differences]).T
    assert np.mean((low < 0) & (high > 0)) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 1, 5, 10])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_a_method_with_seeds_and_one_without_chance_are_rarely_called_different(seeds, noise):
    generator = np.random.default_rng(seeds)
    rows = generator.normal(size=(2_000, 1, 60))
    with_seeds, without = runs_of(generator, seeds, rows, noise / np.sqrt(60)), runs_of(generator, 1, rows, noise=0, residual=0)
    called = np.mean([compare_methods(a, b).difference.p() < 0.05 for a, b in zip(with_seeds, without, strict=True)])
    assert called <= 0.07 + 3 * np.sqrt(0.07 * 0.93 / 2_000)
    assert called >= 0.02


@pytest.mark.slow
def test_the_variance_has_the_size_of_the_spread_of_the_difference():
    verdicts = [compare_methods(a, b) for a, b in two_equal_methods(5, 3, noise=2)]
    spread = np.var([each.difference.value for each in verdicts])
    assert np.mean([each.difference.standard_error ** 2 for each in verdicts]) == pytest.approx(spread, rel=0.07)
    of_seeds = 4 / 60 * (1 / 5 + 1 / 3)
    assert np.mean([each.seed_share * each.difference.standard_error**2 for each in verdicts]) == pytest.approx(of_seeds, rel=0.07)


def test_a_real_difference_is_found_and_its_shares_add_up():
    generator = np.random.default_rng(12)
    a, b = (runs_of(generator, 3, np.zeros((1, 1, 500)), noise=0.02)[0] for _ in range(2))
    verdict = compare_methods(a + 0.3, b)
    assert verdict.difference.p() < 0.01
    assert verdict.difference.interval()[0] > 0
    assert verdict.seed_share + verdict.test_set_share == pytest.approx(1)
    assert compare_methods(b, a + 0.3).difference.value == -verdict.difference.value
    assert compare_methods(b, a + 0.3).difference.p() == pytest.approx(verdict.difference.p())


def test_the_variance_of_a_layout_worked_by_hand():
    """a has 2 runs on 2 rows: S_a = 2, R_a = 1 (residuals ± 0.5). b is 0: S_rows = var(3.5, 0.5) = 4.5. V = (4.5 - 1/2)/2 + 2/2 = 3.

    Only a has seeds: S_a is raised by the 0.3 quantile of χ² with one degree of freedom, the square of the normal's quantile of 0.65.
    """
    verdict = compare_methods([[2.0, 0.0], [5.0, 1.0]], [[0.0, 0.0]])
    assert verdict.difference.value == 2
    assert verdict.difference.standard_error ** 2 == pytest.approx(3)
    assert verdict.test_set_share == pytest.approx(0.75)
    raised = 1 / 0.385320466**2
    assert verdict.difference.degrees_of_freedom == pytest.approx((2 + raised) ** 2 / (2.25**2 / 1 + raised**2 / 1))


def test_the_degrees_of_freedom_of_two_methods_with_seeds_worked_by_hand():
    """As above, and b as a: S_rows = 0 and V = 1 + 1; or b with the runs' mean as a third run: S_b = 1 and V = 1 + 1/3.

    The median of χ² with one degree of freedom is the square of the normal's quantile of 0.75, and 2 ln 2 with two.
    """
    runs = [[2.0, 0.0], [5.0, 1.0], [2.0, 0.0], [5.0, 1.0]]
    verdict = compare_methods(runs[:2], runs[2:])
    assert verdict.difference.standard_error ** 2 == pytest.approx(2)
    assert verdict.difference.degrees_of_freedom == pytest.approx(2)
    third = compare_methods(runs[:2], [*runs[2:], [3.5, 0.5]]).difference
    a, b = 1 / 0.67448975**2, 1 / 3 / np.log(2)
    assert third.standard_error ** 2 == pytest.approx(4 / 3)
    assert third.degrees_of_freedom == pytest.approx((a + b) ** 2 / (a**2 / 1 + b**2 / 2))


def test_runs_that_score_the_same_by_chance_still_vary():
    """Each of two runs is right on another row: S_a = S_rows = 0 and R_a = 1, so that V is half of R_a/(n k_a) = 1/4."""
    verdict = compare_methods([[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0]])
    assert verdict.difference.standard_error ** 2 == pytest.approx(1 / 8)
    assert verdict.difference.degrees_of_freedom == pytest.approx(1)
    assert verdict[1:] == (0, 1)


def test_methods_of_odd_inputs():
    ones, zeros = np.ones((3, 20)), np.zeros((2, 20))
    perfect = compare_methods(ones, zeros).difference
    assert (perfect.value, perfect.standard_error, perfect.interval()) == (1, 0, (1, 1))
    assert perfect.p() == 2**-19
    assert compare_methods(ones[:, :2], zeros[:, :2]).difference.p() == 0.5
    assert compare_methods(ones, ones) == (Difference(0, 0, 19), 0, 0)
    one_row = compare_methods(ones[:, :1], zeros[:, :1]).difference
    assert (one_row.value, one_row.p(), one_row.interval()) == (1, 1, (-np.inf, np.inf))
    assert compare_methods(np.ones(20), np.zeros(20)).difference == Difference(1, 0, 19)
    assert compare_methods(ones[:, :0], zeros[:, :0]).difference.p() == 1
    runs = np.random.default_rng(13).random((3, 20)) * np.ones((3, 1))
    assert compare_methods(runs, runs[::-1]).difference.p() == pytest.approx(1)
    thrice, once = np.full((3, 20), 0.1), np.full((1, 20), 0.1)
    assert thrice.mean(axis=0)[0] != once.mean(axis=0)[0], "equal but for rounding"
    assert compare_methods(thrice, once).difference.p() == 1


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.randoms(use_true_random=False))
def test_verdicts_are_numbers_whatever_the_counts(seeds_a, seeds_b, rows, random):
    a, b = (np.array([[random.choice([0.0, 1.0]) for _ in range(rows)] for _ in range(seeds)]) for seeds in (seeds_a, seeds_b))
    verdict = compare_methods(a, b)
    low, high = verdict.difference.interval()
    assert 0 <= verdict.difference.p() <= 1
    assert low <= verdict.difference.value <= high
    assert 0 <= verdict.seed_share <= 1
    assert verdict.difference.degrees_of_freedom >= 1


def test_holm_of_a_known_case():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).tolist() == []
    assert holm([0.4]).tolist() == [0.4]


@settings(max_examples=10)  # the reference takes 50 ms
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holms_correction_equals_that_of_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@given(st.integers(0, 7).flatmap(lambda m: st.tuples(st.just(m), st.lists(st.booleans(), min_size=m * m, max_size=m * m))))
def test_systems_share_a_letter_exactly_where_they_are_not_different(case):
    m, flags = case
    different = np.triu(np.array(flags, dtype=bool).reshape(m, m), 1)
    found = letters(different)
    for one in range(m):
        assert found[one]
        for other in range(one):
            assert set(found[one]).isdisjoint(found[other]) == different[other, one]


def test_letters_of_known_cases():
    none = np.zeros((3, 3), dtype=bool)
    ends = none.copy()
    ends[0, 2] = True
    assert letters(none) == ["a", "a", "a"]
    assert letters(~none) == ["a", "b", "c"]
    assert letters(ends) == ["a", "ab", "b"]
    assert letters(np.zeros((0, 0))) == []
    assert letters(np.ones((54, 54)))[50:] == ["Y", "Z", "a1", "b1"]


def exact_power(n, disagreement, difference):
    """The chance that McNemar's exact test rejects at 0.05, over all numbers of disagreements and of those that favour the better."""
    towards = (1 + difference / disagreement) / 2
    total = 0.0
    for count in range(n + 1):
        favouring = np.arange(count + 1)
        rejected = stats.binom.cdf(np.minimum(favouring, count - favouring), count, 0.5) <= 0.025
        total += stats.binom.pmf(count, n, disagreement) * stats.binom.pmf(favouring, count, towards)[rejected].sum()
    return total


@pytest.mark.parametrize(("n", "disagreement"), [(200, 0.2), (500, 0.1), (500, 0.3)])
def test_the_smallest_difference_is_shown_with_the_power_that_was_asked_for(n, disagreement):
    assert exact_power(n, disagreement, smallest_difference(disagreement, n)) == pytest.approx(0.8, abs=0.01)


def test_rows_needed_worked_by_hand():
    """(1.95996 √0.1 + 0.84162 √(0.1 - 0.0004))² / 0.0004 = 1959.9, and 1/0.02 = 50."""
    assert rows_needed(0.1, 0.02) == rows_needed(0.1, -0.02) == 2010


@given(st.floats(0.01, 0.6), st.integers(30, 100_000), st.floats(0.5, 0.95))
def test_rows_and_difference_are_each_others_answer(disagreement, n, power):
    gap = smallest_difference(disagreement, n, power)
    if gap < np.inf:
        quantiles = stats.norm.ppf([0.975, power]) * np.sqrt([disagreement, disagreement - gap**2])
        assert (quantiles.sum() / gap) ** 2 + 1 / gap == pytest.approx(n)
        assert rows_needed(disagreement, gap, power) in (n, n + 1)


def test_power_of_odd_inputs():
    assert smallest_difference(0, 500) == np.inf
    assert smallest_difference(0.1, 0) == smallest_difference(0.1, 1) == smallest_difference(0.01, 100) == np.inf
    assert rows_needed(0.1, 0) == np.inf
    assert rows_needed(0, 0.1) == rows_needed(0.1, -0.1) == rows_needed(0.1, 0.1)
    assert rows_needed(0.1, 1) >= 2


def test_equivalence_equals_that_of_statsmodels():
    gaps = np.random.default_rng(14).normal(0.1, 1, size=60)
    difference = compare_methods(gaps, np.zeros(60)).difference
    expected, _, _ = DescrStatsW(gaps).ttost_mean(-0.4, 0.4)
    assert equivalence_p(difference, 0.4) == pytest.approx(expected)


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(1, 100), st.floats(0, 1))
def test_practical_shares_are_shares(value, error, degrees, margin):
    better, same, worse = practical_shares(Difference(value, error, degrees), margin)
    assert min(better, same, worse) >= 0
    assert better + same + worse == pytest.approx(1)
    assert practical_shares(Difference(-value, error, degrees), margin) == pytest.approx((worse, same, better))


def test_shares_and_equivalence_of_odd_inputs():
    assert practical_shares(Difference(0.02, 0, 9), 0.01) == (1, 0, 0)
    assert practical_shares(Difference(0, 0, 9), 0.01) == (0, 1, 0)
    assert equivalence_p(Difference(0, 0, 9), 0.01) == 0
    assert practical_shares(Difference(0.02, np.inf, 1), 0.01) == (0.5, 0, 0.5)
    assert equivalence_p(Difference(0.02, np.inf, 1), 0.01) == 0.5
    assert equivalence_p(Difference(0.1, 0.01, 100), 0.01) > 0.99


def test_methods_are_compared_by_f1_as_by_the_paired_bootstrap():
    generator = np.random.default_rng(16)
    a = generator.multinomial(1, [0.5, 0.2, 0.1, 0.2], size=1_000)[:, :3].astype(np.float64)
    b = generator.multinomial(1, [0.5, 0.1, 0.1, 0.3], size=1_000)[:, :3].astype(np.float64)
    found = compare_methods(influences(f1, a), influences(f1, b)).difference
    assert found.value == pytest.approx(f1(a.sum(axis=0)) - f1(b.sum(axis=0)))
    assert found.interval() == pytest.approx(percentile_interval(difference(f1), np.hstack([a, b])), abs=0.004)
