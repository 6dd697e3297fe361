"""How often equal methods are called different, and whether simulated runs are what their population says."""

from pathlib import Path

import nlp
import numpy as np
import pytest
from nlp.analysis.statistics.bootstrap import resampled_sums

FOLDER = Path(nlp.__file__).parent / "benchmarks"
METRICS = ["accuracy", "f1", "bleu"]


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))


def case(metric, rows, noise, own=0.7):
    from error_rates import POPULATIONS, Case

    return Case(POPULATIONS[metric](), rows, noise, own)


def margin(per_cent, trials):
    """Three standard errors of a share of trials."""
    return 300 * np.sqrt(per_cent / 100 * (1 - per_cent / 100) / trials)


@pytest.mark.parametrize("metric", METRICS)
def test_simulated_runs_score_what_is_expected_of_them(metric):
    of_metric = case(metric, 100_000, 2)
    generator = np.random.default_rng(0)
    a, b, once = of_metric.runs(generator, 0, 0.2)
    without_seeds = of_metric.population.runs(generator, of_metric.population.rows(generator, 100_000), 1, own=0.7)
    figure = of_metric.population.figure
    assert figure(without_seeds.sum(axis=1))[0] == pytest.approx(of_metric.population.expected(0, 0.7, 0), abs=0.5)
    assert figure(once.sum(axis=1))[0] == pytest.approx(of_metric.expected(), abs=0.5)
    assert figure(a.sum(axis=1)).mean() == pytest.approx(of_metric.expected(), abs=3 * 2 / np.sqrt(5))
    assert figure(b.sum(axis=1)).mean() == pytest.approx(of_metric.expected() + of_metric.gap, abs=3 * 2 / np.sqrt(5))


def accuracies(of_seeds):
    """Of 400 seeds on 5,000 rows."""
    rows = of_seeds.population.rows(np.random.default_rng(1), 5_000)
    return 100 * of_seeds.population.runs(np.random.default_rng(0), rows, 400, of_seeds.spread, of_seeds.own)[..., 0].mean(axis=1)


def test_seeds_vary_by_the_noise_and_lower_the_mean_where_they_vary_much():
    assert accuracies(case("accuracy", 5_000, 3)).std() == pytest.approx(3, rel=0.15)
    wild = case("accuracy", 5_000, 12)
    assert accuracies(wild).mean() == pytest.approx(wild.expected(), abs=1.5)
    assert wild.expected() < case("accuracy", 5_000, 0).expected() - 3


def test_simulated_bleu_is_sacrebleus():
    from sacrebleu.metrics import BLEU
    from simulated import corpus_bleu

    sums = case("bleu", 500, 0).runs(np.random.default_rng(2), 0)[0][0].sum(axis=0)
    matched, possible, (words, of_reference) = np.split(sums.astype(int), [4, 8])
    expected = BLEU.compute_bleu(matched.tolist(), possible.tolist(), int(words), int(of_reference))
    assert corpus_bleu(sums) == pytest.approx(expected.score)
    assert 30 < expected.score < 45
    assert expected.bp < 1


@pytest.mark.parametrize("metric", METRICS)
def test_normal_sums_spread_as_those_of_resampled_rows(metric):
    from error_rates import resamples

    of_metric = case(metric, 500, 1)
    runs = of_metric.runs(np.random.default_rng(3), 0)[0]
    normal = of_metric.population.figure(resamples(runs, np.random.default_rng(4), draws=4_000))
    drawn = of_metric.population.figure(resampled_sums(runs.transpose(1, 0, 2).reshape(500, -1), 4_000).reshape(4_000, 5, -1))
    assert np.percentile(normal, [2.5, 50, 97.5], axis=0) == pytest.approx(np.percentile(drawn, [2.5, 50, 97.5], axis=0), abs=0.5)
    assert np.corrcoef(normal.T) == pytest.approx(np.corrcoef(drawn.T), abs=0.05)


def test_the_tables_have_a_cell_for_every_way(capsys):
    from error_rates import families, power, rates, show

    show(iter([rates(case(metric, 100, 1), trials=5) for metric in METRICS]), as_json=False)
    show(iter([families(case("accuracy", 100, 1), trials=2)]), as_json=False)
    show(iter([power(0.1, 0.02, trials=10)]), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.count("|") for line in lines] == [11] * 5 + [7] * 3 + [6] * 3
    assert lines[2].startswith("| accuracy | 100 | 1 | 5 | ")


def assert_rates(found, trials):
    """Called different in at most 7 % of trials and, with five seeds, in 3 % or more; intervals hold the difference accordingly."""
    assert max(found["components"]) <= 7 + margin(7, trials)
    assert found["components"][-1] >= 3 - margin(3, trials)
    assert min(found["covered"]) >= 93 - margin(93, trials)
    assert found["covered"][-1] <= 97 + margin(97, trials)


@pytest.mark.slow
@pytest.mark.parametrize("own", [0, 0.7])
@pytest.mark.parametrize("noise", [0, 1, 3])
@pytest.mark.parametrize("metric", METRICS)
def test_components_of_variance_hold_their_rates(metric, noise, own):
    from error_rates import rates

    found = rates(case(metric, 500, noise, own), 800)
    assert_rates(found, 800)
    assert max(found["alone"]) <= 7 + margin(7, 800)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 1])
def test_rates_hold_on_large_tests(noise):
    from error_rates import rates

    found = rates(case("accuracy", 20_000, noise), 400)
    assert_rates(found, 400)
    assert max(found["alone"]) <= 7 + margin(7, 400)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 0.2])
def test_rates_hold_where_few_rows_are_wrong(noise):
    """Runs often get the same number of rows right, so that no difference between seeds is seen."""
    from error_rates import rates

    assert max(rates(case("high-accuracy", 500, noise, own=0), 800)["components"]) <= 7 + margin(7, 800)


@pytest.mark.slow
def test_one_run_or_examples_alone_mislead():
    from error_rates import rates

    found = rates(case("accuracy", 5_000, 1), 400)
    assert found["McNemar"][0] > 20
    assert min(found["examples"]) > 20


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 1])
def test_few_families_of_ten_comparisons_find_a_difference(noise):
    from error_rates import families

    assert max(families(case("accuracy", 500, noise), 600)["holm"]) <= 5 + margin(5, 600)


@pytest.mark.slow
@pytest.mark.parametrize(("disagreement", "gap"), [(0.05, 0.005), (0.1, 0.02), (0.3, 0.12)])
def test_planned_rows_have_the_planned_power(disagreement, gap):
    from error_rates import power

    assert power(disagreement, gap, 20_000)["shown"] == pytest.approx([80], abs=1.5)
