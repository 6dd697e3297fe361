"""Statistics of comparisons against statsmodels, scipy and cases worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nlp.analysis.proportions import PairedCounts, mcnemar_p, newcombe_interval, wilson_interval
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

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
