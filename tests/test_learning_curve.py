"""Learning curves: known ones are found again, misbehaved ones refused, and sentences and pictures say what the figures say."""

import csv
import io
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import tiny_runs
import yaml
from command import TRAINING, nlp, write_names, write_recipe
from hypothesis import given, settings
from hypothesis import strategies as st
from nlp.analysis.curves.behaviour import Trouble
from nlp.analysis.curves.crossing import Crossing, crossing
from nlp.analysis.curves.learning_curves import LearningCurves, MethodCurve, learning_curves
from nlp.analysis.curves.noise import Noise, noise_of
from nlp.analysis.curves.page import page
from nlp.analysis.curves.picture import picture
from nlp.analysis.curves.plan import training_sizes
from nlp.analysis.curves.points import Point, Scale, levels_of, scale_of
from nlp.analysis.curves.power_law import Estimate, Fit, PowerLaw, fit_levels, fit_power_laws
from nlp.analysis.curves.sentences import about_crossing, about_method, count, sentences
from nlp.analysis.curves.table import KEYS, as_csv, as_json, rows
from nlp.configs.load import load_recipe
from nlp.errors import ConfigError
from scipy.optimize import least_squares

ACCURACY, LOSS = Scale("accuracy"), scale_of("loss", lower_is_better=True)
SIZES = (100, 200, 400, 800, 1600, 3200, 6400)


def runs(floor=0.1, factor=2.0, exponent=0.4, deviation=0.01, seeds=3, sizes=SIZES, scale=ACCURACY, generator=None, time=1.0):
    """Points of a power law with normal noise; training takes n^time / 100 seconds."""
    generator = generator or np.random.default_rng(0)
    errors = {n: floor + factor * n**-exponent for n in sizes}
    return [Point(n, seed, float(scale.values(np.array(errors[n] + deviation * generator.normal()))), n**time / 100)
            for n in sizes for seed in range(seeds)]


def law(floor, factor, exponent):
    return PowerLaw(*(np.array([value], dtype=float) for value in (floor, factor, exponent)))


def fitted(*values):
    """A fit without doubt."""
    return Fit(law(*values), law(*values), 0.0, 1.0)


def levels(values, seeds=1, sizes=SIZES, scale=ACCURACY):
    return levels_of([Point(n, seed, value, 1.0) for n, value in zip(sizes, values, strict=False) for seed in range(seeds)], scale)


def curve(points, scale=ACCURACY):
    return learning_curves({"m": points}, scale, "test", draws=200).methods[0]


@pytest.mark.parametrize("true", [(0.1, 2.0, 0.4), (0.0, 3.0, 0.25), (0.3, 50.0, 1.2), (0.05, 0.9, 0.1)])
def test_a_curve_without_noise_is_found_again(true):
    sizes = np.array(SIZES, dtype=float)
    found = fit_power_laws(sizes, law(*true).errors(sizes), np.ones(len(sizes)))
    assert [float(part[0]) for part in found] == pytest.approx(true, rel=1e-3, abs=1e-3)
    assert found.errors(sizes)[0] == pytest.approx(law(*true).errors(sizes)[0], abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_fit_is_as_good_as_that_of_scipys_least_squares(seed):
    generator = np.random.default_rng(seed)
    sizes, weights = np.array(SIZES, dtype=float), generator.uniform(0.5, 5, len(SIZES))
    errors = 0.1 + 2 * sizes**-0.4 + 0.01 * generator.normal(size=len(sizes))
    expected = least_squares(lambda p: np.sqrt(weights) * (p[0] + p[1] * sizes ** -p[2] - errors), [0.1, 2, 0.4], x_scale=[0.1, 2, 0.4],
                             bounds=([0, 0, 0.02], [1, 1000, 4]), ftol=1e-14, xtol=1e-14, gtol=1e-14)
    found = fit_power_laws(sizes, errors[None], weights)
    squares = float((weights * (found.errors(sizes)[0] - errors) ** 2).sum())
    assert squares <= 2 * expected.cost * (1 + 1e-6)
    assert min(float(part[0]) for part in found) >= 0


def test_many_curves_at_once_are_fitted_as_one_by_one():
    sizes, generator = np.array(SIZES, dtype=float), np.random.default_rng(1)
    errors = 0.1 + 2 * sizes**-0.4 + 0.02 * generator.normal(size=(5, len(sizes)))
    together = fit_power_laws(sizes, errors, np.ones(len(sizes)))
    for place, row in enumerate(errors):
        assert [part[place] for part in together] == pytest.approx([part[0] for part in fit_power_laws(sizes, row[None], np.ones(7))])


def test_examples_is_errors_the_other_way_round():
    laws = law(0.1, 2, 0.5)
    assert laws.errors(np.array([400.0]))[0, 0] == pytest.approx(0.2)
    assert laws.examples(np.array([0.2])) == pytest.approx([400])
    assert laws.examples(np.array([0.1])) == [np.inf]
    assert law(0.2, 0, 1).examples(np.array([0.5])) == [np.inf]


def test_the_same_seed_gives_the_same_interval():
    gathered = levels_of(runs(), ACCURACY)
    noise = noise_of(gathered)
    first, again, other = (fit_levels(gathered, noise, 100, seed) for seed in (1, 1, 2))
    assert (first.draws.floor == again.draws.floor).all()
    assert (first.draws.floor != other.draws.floor).any()


def test_the_spread_is_pooled_and_its_trend_found():
    generator = np.random.default_rng(0)
    shrinking = [Point(n, seed, 0.5 + generator.normal() * n**-0.5, 1) for n in SIZES for seed in range(20)]
    noise = noise_of(levels_of(shrinking, ACCURACY))
    assert noise.deviations == pytest.approx(np.array(SIZES) ** -0.5, rel=0.15)
    assert (noise.degrees, noise.from_seeds) == (7 * 19, True)
    few = noise_of(levels_of(runs(seeds=2), ACCURACY))
    assert len(set(few.deviations)) == 1


def test_few_seeds_show_no_trend_of_the_spread_that_is_not_there():
    found = [noise_of(levels_of(runs(seeds=2, generator=np.random.default_rng(seed)), ACCURACY)) for seed in range(30)]
    assert sum(len(set(noise.deviations)) == 1 for noise in found) >= 24


def test_a_size_counts_by_its_seeds_and_its_spread():
    """The middle of five sizes is off a law by 0.05: the surer it is, the nearer the law comes."""
    errors = law(0.1, 2, 0.4).errors(np.array(SIZES[:5], dtype=float))[0] + [0, 0, 0.05, 0, 0]

    def distance(deviation, n_runs):
        sizes = zip(SIZES, errors, (2, 2, n_runs, 2, 2), strict=False)
        points = [Point(n, seed, 1 - error, 1.0) for n, error, n_seeds in sizes for seed in range(n_seeds)]
        fit = fit_levels(levels_of(points, ACCURACY), Noise(np.array([0.01, 0.01, deviation, 0.01, 0.01]), 5, from_seeds=True), 10)
        return abs(float(fit.errors(np.array([400.0]))[0] - errors[2]))

    assert distance(0.001, 2) < distance(0.01, 2) / 5
    assert distance(0.01, 200) == pytest.approx(distance(0.001, 2), rel=0.01)


def test_without_seeds_the_noise_is_the_roughness_of_the_curve():
    """Three sizes at equal distances in log n, the middle one 0.3 off: 0.3 / sqrt(1/4 + 1/4 + 1)."""
    noise = noise_of(levels([0.5, 0.8, 0.5], sizes=(100, 200, 400)))
    assert noise.deviations == pytest.approx([0.3 / math.sqrt(1.5)] * 3)
    assert not noise.from_seeds
    assert not noise_of(levels([0.5, 0.6, 0.7], seeds=4)).from_seeds, "runs without chance are one run"


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "sizes"), [(3, SIZES), (5, SIZES[:5]), (1, SIZES)])
def test_the_interval_covers_the_true_curve_19_times_in_20(seeds, sizes):
    generator, at = np.random.default_rng(1), np.array([100.0, 1000, sizes[-1], 2 * sizes[-1]])
    true, hits = 0.1 + 2 * at**-0.4, np.zeros(4)
    for seed in range(400):
        gathered = levels_of(runs(seeds=seeds, sizes=sizes, generator=generator), ACCURACY)
        low, high = fit_levels(gathered, noise_of(gathered), 500, seed).band(at)
        hits += (low <= true) & (true <= high)
    assert ((hits / 400 > 0.9) & (hits / 400 < 0.985)).all(), hits / 400


@pytest.mark.slow
def test_well_behaved_curves_are_seldom_refused():
    generator = np.random.default_rng(2)
    refused = [curve(runs(generator=generator)).trouble for _ in range(200)]
    assert sum(trouble is not None for trouble in refused) < 14


@pytest.mark.parametrize(("values", "seeds", "kind"), [
    ((0.5, 0.6), 3, "few_sizes"),
    ((0.5, 0.6, 0.7), 1, "few_sizes"),
    ((0.6, 0.6, 0.6, 0.6, 0.6), 3, "flat"),
    ((1.0, 1.0, 1.0, 1.0), 3, "flat"),
    ((0.9, 0.88, 0.85, 0.8, 0.72), 3, "rises"),
    ((0.5, 0.7, 0.8, 0.6, 0.82, 0.83), 3, "rises"),
    ((0.5, 0.505, 0.51, 0.515, 0.8, 0.96), 3, "far_off"),
    ((0.5, 0.7, 0.78, 0.82, 0.84, 0.85), 3, None),
])
def test_what_is_no_power_law_is_refused(values, seeds, kind):
    generator = np.random.default_rng(0)
    noisy = [Point(n, seed, value + 0.002 * generator.normal() * (len(set(values)) > 1), 1.0)
             for n, value in zip(SIZES, values, strict=False) for seed in range(seeds)]
    found = curve(noisy)
    assert (found.trouble and found.trouble.kind) == kind
    assert (found.fit is None) == (kind is not None)


def test_noise_is_no_rise_and_no_fall():
    generator = np.random.default_rng(0)
    noisy = [Point(n, seed, 0.7 + 0.01 * generator.normal(), 1.0) for n in SIZES for seed in range(3)]
    assert curve(noisy).trouble == Trouble("flat", 100, 6400)


def test_a_rise_is_told_with_its_sizes():
    values = zip(SIZES, (0.5, 0.7, 0.6, 0.8), strict=False)
    found = curve([Point(n, seed, value + seed / 1000, 1.0) for n, value in values for seed in (0, 1)])
    assert found.trouble == Trouble("rises", 200, 400, pytest.approx(0.1))


def test_a_crossing_worked_by_hand():
    """0.1 + 4 n^-0.5 and 0.2 + 2 n^-0.5 meet where 2 n^-0.5 = 0.1, at 400; the one with the lower floor is ahead from there."""
    steep, shallow = fitted(0.1, 4, 0.5), fitted(0.2, 2, 0.5)
    for pair, ahead in (((steep, shallow), 0), ((shallow, steep), 1)):
        found = crossing(pair, 100, 3200)
        assert found is not None
        assert (found.ahead, found.behind) == (ahead, 1 - ahead)
        assert found.examples == pytest.approx((400, 400, 400), rel=1e-4)
    assert crossing((steep, fitted(0.05, 4, 0.5)), 100, 3200) is None
    assert crossing((steep, shallow), 10, 90) is None, "farther than four times the data"


def test_a_crossing_that_some_resamples_do_not_have():
    steep = fitted(0.1, 4, 0.5)
    for other, ends in (((0.0, 3, 0.5), (400, np.inf)), ((0.3, 5, 0.5), (0, 400))):
        drawn = PowerLaw(*(np.array([a, b], dtype=float) for a, b in zip((0.2, 2, 0.5), other, strict=True)))
        found = crossing((steep, Fit(law(0.2, 2, 0.5), drawn, 0.0, 1.0)), 100, 3200)
        assert found is not None
        assert found.examples == pytest.approx((400, *ends), rel=1e-4)


def a_method(more=None, name="cnn", exponent=None, scale=ACCURACY, true=(0.1, 4, 0.5), draws=None):
    points = runs(*true, deviation=0, seeds=1, scale=scale)
    fit = Fit(law(*true), law(*true) if draws is None else PowerLaw(*np.array(draws, dtype=float).T), 0.0, 1.0)
    return MethodCurve(name, levels_of(points, scale), fit, None, exponent)


def test_sentences_about_more_examples():
    """0.1 + 4 n^-0.5 is 0.15 at 6,400 and 0.14 at 10,000; 0.1214 at twice 6,400 would be 0.1 + 0.05 / sqrt(2)."""
    assert list(about_method(a_method(exponent=1.04), ACCURACY)) == [
        "cnn: about 3,600 more examples (3,600 to 3,600) give one point more.",
        "cnn: twice the examples (12,800) would give 1.5 points more (1.5 to 1.5).",
        "cnn: training time grows about linearly with the number of examples (exponent 1.04).",
    ]
    assert next(about_method(a_method(), ACCURACY, 0.05)) == (
        "cnn: about 3,600 more examples (3,600 to 3,600), which cost about 180 (180 to 180) at 0.05 each, give one point more.")


def test_a_sentence_about_an_interval_without_end():
    wide = a_method(draws=[(0.1, 4, 0.5), (0.145, 0.4, 0.5)])
    assert next(about_method(wide, ACCURACY)) == (
        "cnn: about 3,600 more examples (3,600 or more) give one point more. It may also be out of reach.")


def test_a_sentence_about_what_is_out_of_reach():
    assert next(about_method(a_method(true=(0.1, 0.4, 0.5)), ACCURACY)) == (
        "cnn: one point more is out of reach of more examples: the curve levels off at accuracy 0.9000 (0.9000 to 0.9000), "
        "and is at 0.8950 with 6,400.")


def test_sentences_past_the_data():
    """0.122 + 2.24 n^-0.5 is 0.15 at 6,400 and 0.14 at 15,486; 0.14 + 0.96 n^-0.5 is 0.152 at 6,400 and 0.142 at 230,400."""
    assert next(about_method(a_method(true=(0.122, 2.24, 0.5)), ACCURACY)) == (
        "cnn: about 9,100 more examples (9,100 to 9,100) give one point more (an extrapolation to 2.4 times your data).")
    assert next(about_method(a_method(true=(0.14, 0.96, 0.5)), ACCURACY)) == (
        "cnn: one point more takes more than 19,200 more examples, if more examples can give it at all.")


def test_sentences_about_a_metric_without_a_best_value():
    """1 + 80 n^-0.5 is 2 at 6,400, of which 5 % are 0.1, and 1.9 at 7,901."""
    assert list(about_method(a_method(true=(1.0, 80, 0.5), scale=LOSS), LOSS)) == [
        "cnn: about 1,500 more examples (1,500 to 1,500) give a loss lower by 0.1.",
        "cnn: twice the examples (12,800) would give 0.29 less (0.29 to 0.29).",
    ]


def test_sentences_about_a_rate_of_errors():
    rate = scale_of("word_error_rate", lower_is_better=True)
    assert list(about_method(a_method(scale=rate), rate)) == [
        "cnn: about 3,600 more examples (3,600 to 3,600) give one point less.",
        "cnn: twice the examples (12,800) would give 1.5 points less (1.5 to 1.5).",
    ]


def test_a_curve_of_shares_does_not_go_below_0():
    errors = np.array([0.4, 1.3])
    assert ACCURACY.values(errors).tolist() == [0.6, 0]
    assert scale_of("pearson", lower_is_better=False).values(errors).tolist() == pytest.approx([0.6, -0.3])
    assert LOSS.values(errors).tolist() == [0.4, 1.3]


@pytest.mark.parametrize(("metric", "lower_is_better", "scale"), [
    ("f1", False, Scale("f1", 1.0, 0.01)), ("bleu", False, Scale("bleu", 100.0, 1.0)), ("ter", True, Scale("ter", None, 1.0)),
    ("perplexity", True, Scale("perplexity", None, None)), ("zero_one_loss", True, Scale("zero_one_loss", None, 0.01)),
])
def test_what_a_point_is(metric, lower_is_better, scale):
    assert scale_of(metric, lower_is_better) == scale


@pytest.mark.parametrize(("found", "sentence"), [
    (Estimate(40_123, 25_400, 110_300), "cnn overtakes svm at about 40,000 (25,000 to 110,000) examples, which your data does not reach."),
    (Estimate(1_234, 0, 2_000), "cnn overtakes svm at about 1,200 (at most 2,000) examples."),
    (Estimate(1_234, 900, math.inf), "cnn overtakes svm at about 1,200 (900 or more) examples."),
    (Estimate(1_234, 0, math.inf), "cnn and svm are too close to tell where they cross, or which is ahead."),
])
def test_sentences_about_crossings(found, sentence):
    assert about_crossing("cnn", "svm", Crossing(0, 1, found), 25_000) == sentence


@pytest.mark.parametrize(("values", "sentence"), [
    ((0.5,), "m: 1 size of training data is too few for a curve, which needs 4; five to eight are better."),
    ((0.5, 0.6), "m: 2 sizes of training data are too few for a curve, which needs 4; five to eight are better."),
    ((1.0, 1.0, 1.0, 1.0), "m: the accuracy is 1.0000 at every size. Nothing is fitted."),
    ((0.8, 0.7, 0.6, 0.5), "m: the accuracy falls between 100 and 800 examples, by 30.0 points, which is more than chance. "
                           "The curve is not well-behaved, and nothing is fitted."),
])
def test_sentences_about_trouble(values, sentence):
    points = [Point(n, 0, value, 0.001) for n, value in zip(SIZES, values, strict=False)]
    assert sentences(learning_curves({"m": points}, ACCURACY, "test")) == [sentence]


def test_runs_without_a_finite_figure_are_left_out_and_counted():
    points = [*runs(), Point(200, 9, math.nan, 1.0)]
    assert next(about_method(curve(points), ACCURACY)) == "m: 1 run without a finite accuracy is left out."
    nothing = learning_curves({"m": [Point(100, 0, math.nan, 1.0)]}, ACCURACY, "test")
    assert sentences(nothing)[-1] == "m: no run has a finite accuracy, so there is no curve."


@pytest.mark.parametrize(("number", "text"), [(5_249, "5,200"), (109_900, "110,000"), (9.6, "9.6"), (0, "0"), (99.7, "100")])
def test_two_digits_count(number, text):
    assert count(number) == text


def test_time_grows_as_it_does():
    for exponent in (0.5, 1.0, 2.0):
        assert curve(runs(time=exponent)).time_exponent == pytest.approx(exponent)
    loading = [point._replace(seconds=point.seconds + 10 * (place == 0)) for place, point in enumerate(runs(seeds=1))]
    assert curve(loading).time_exponent == pytest.approx(1)
    assert curve([Point(n, 0, 0.5, 0.001) for n in SIZES]).time_exponent is None


def three_methods() -> LearningCurves:
    points = {"trec/svm": runs(0.12, 2, 0.5), "한글/$cnn_<b>": runs(0.03, 4, 0.45), "_rules": [Point(n, 0, 0.6, 0.0) for n in SIZES]}
    return learning_curves(points, ACCURACY, "test", draws=200)


def test_the_picture_is_written_and_is_the_same_twice():
    curves = three_methods()
    png, svg = picture(curves, "png"), picture(curves, "svg").decode("utf-8")
    assert png.startswith(b"\x89PNG")
    assert len(png) > 20_000
    assert svg == picture(curves, "svg").decode("utf-8")
    for text in ("accuracy on test", "training examples (logarithmic)", "10,000", "한글/$cnn_", "_rules", "beyond the data"):
        assert text in svg, text


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_the_page_needs_nothing_else():
    curves = three_methods()
    text, parser = page(curves, sentences(curves)), Tags()
    parser.feed(text)
    tags = [tag for tag, _ in parser.seen]
    assert tags.count("svg") == 1
    assert "script" not in tags
    assert tags.count("tr") == 1 + 3 * len(SIZES)
    assert "<b>" not in text
    for _, attributes in parser.seen:
        assert not [value for name, value in attributes.items() if name in ("src", "href", "xlink:href") and not value.startswith("#")]
    assert not re.search(r"@import|url\((?!#)", text)


def test_the_table_csv_and_json_hold_the_same_figures():
    curves = three_methods()
    read = list(csv.DictReader(io.StringIO(as_csv(curves))))
    written = json.loads(json.dumps(as_json(curves, sentences(curves)), allow_nan=False))
    assert list(read[0]) == KEYS
    assert [float(row["mean"]) for row in read] == [size["mean"] for method in written["methods"] for size in method["sizes"]]
    assert len(rows(curves)) == len(read) == 3 * len(SIZES)
    assert [method["not_fitted"] for method in written["methods"]] == [None, None, "flat"]
    for row in read[:14]:
        assert float(row["low"]) <= float(row["curve"]) <= float(row["high"])


values = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0, math.nan, math.inf]))
points = st.lists(st.builds(Point, st.sampled_from((1, 2, *SIZES, 10**7)), st.integers(0, 3), values, st.sampled_from([0.0, 0.5, 3.0])),
                  min_size=1, max_size=30)


@settings(deadline=None, max_examples=60)
@given(st.lists(points, min_size=1, max_size=3), st.sampled_from([ACCURACY, LOSS]))
def test_odd_runs_are_told_of_too(methods, scale):
    curves = learning_curves({f"m{place}": each for place, each in enumerate(methods)}, scale, "test", draws=50)
    said = sentences(curves, 0.05)
    assert len(said) >= len(methods)
    assert not [sentence for sentence in said if "nan" in sentence]
    json.dumps(as_json(curves, said), allow_nan=False)
    assert as_csv(curves).startswith("method,")


@settings(deadline=None, max_examples=5)
@given(points)
def test_odd_runs_are_drawn_too(method):
    assert picture(learning_curves({"m": method}, ACCURACY, "test", draws=50), "svg")


def test_the_command_trains_what_is_missing_and_writes_all_files(tmp_path, monkeypatch):
    monkeypatch.delenv("NLP_RUNS", raising=False)
    write_names(tmp_path)
    bayes, rules = write_recipe(tmp_path, "naive_bayes").name, write_recipe(tmp_path, "rules").name
    arguments = ("learning-curve", bayes, rules, "--sizes", "20,40,80,160", "--seeds", "1")
    files = [tmp_path / name for name in ("curve.csv", "curve.png", "curve.html")]
    printed = nlp(*arguments, "--csv", files[0], "--plot", files[1], "--html", files[2], cwd=tmp_path).stdout
    assert "rules.yaml: the accuracy is " in printed
    assert "accuracy on test" in printed
    assert all(path.stat().st_size > 100 for path in files)
    runs_made = sorted((tmp_path / "runs").glob("*/*/results.json"))
    assert len(runs_made) == 2 * 4
    times = [path.stat().st_mtime_ns for path in runs_made]
    read = json.loads(nlp(*arguments, "--json", cwd=tmp_path).stdout)
    assert [path.stat().st_mtime_ns for path in sorted((tmp_path / "runs").glob("*/*/results.json"))] == times
    assert [size["examples"] for size in read["methods"][0]["sizes"]] == [20, 40, 80, 160]
    used = {yaml.safe_load(path.with_name("config.yaml").read_text(encoding="utf-8"))["data"].get("train_rows") for path in runs_made}
    assert used == {20, 40, 80, 160}
    values = [size["mean"] for size in read["methods"][0]["sizes"]]
    assert values[0] < values[-1]


def test_sizes_are_numbers_of_examples_and_all_of_them_are_the_plain_recipe(tmp_path):
    recipe = load_recipe("names/rules", ())
    assert training_sizes(recipe) == {388: 388, 777: 777, 1554: 1554, 3108: 3108, 6215: 6215, 12430: 1.0}
    assert training_sizes(recipe, [200, 100, 200]) == {100: 100, 200: 200}
    assert training_sizes(load_recipe("names/rules", ("data.train_share=0.5",)), shares=[0.1, 1.0]) == {1243: 1243, 12430: 1.0}
    tiny_runs.write_data(tmp_path)
    with pytest.raises(ConfigError, match="one long text"):
        training_sizes(load_recipe(str(tiny_runs.write_recipe(tmp_path, "ngram")), ()))


@pytest.mark.parametrize(("options", "message"), [
    (("--sizes", "100,x"), "--sizes 100,x is not a list of numbers of training examples"),
    (("--sizes", "100,0"), "--sizes 100,0 is not a list of numbers of training examples"),
    (("--shares", "0,1"), "--shares 0,1 is not a share of the training examples"),
    (("--shares", "nan"), "--shares nan is not a share of the training examples"),
    (("--sizes", "100", "--shares", "0.5"), "give one of them"),
    (("--sizes", "100000"), "but the training split has"),
    (("--plot", "curve.pdf"), "must end in .png or .svg"),
    (("--csv", "no/curve.csv"), "there is no folder no"),
    (("--metric", "bleu"), "classification has no such metric; use one of loss, accuracy, f1"),
])
def test_mistakes_are_told_before_anything_is_trained(tmp_path, options, message):
    write_names(tmp_path)
    assert message in nlp("learning-curve", write_recipe(tmp_path, "rules").name, *options, cwd=tmp_path, code=2).stderr
    assert not (tmp_path / "runs").exists()


def test_a_curve_that_fails_ends_as_a_study_does(tmp_path):
    write_names(tmp_path)
    recipe = write_recipe(tmp_path, "mlp", TRAINING.replace("learning_rate: 0.01", "learning_rate: 1e30").replace("clip_norm: 1.0, ", ""))
    failed = nlp("learning-curve", recipe.name, "--sizes", "20,40", "--seeds", "1,", cwd=tmp_path, code=1).stderr
    assert re.search(r"Error: mlp, 20 examples, seed 1.*not a finite number", failed)


def test_methods_on_different_data_are_refused(tmp_path):
    write_names(tmp_path)
    one, other = write_recipe(tmp_path, "rules"), write_recipe(tmp_path, "rules", name="other")
    other.write_text(other.read_text(encoding="utf-8").replace("train: train.csv", "train: test.csv"), encoding="utf-8")
    assert "have different data" in nlp("learning-curve", one.name, other.name, cwd=tmp_path, code=2).stderr
