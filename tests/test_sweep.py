"""`nlp sweep`: open values where they are written, the search over them, its end, and what is left when it is killed."""

import itertools
import json
import sys
import time
from pathlib import Path

import pytest
from command import nlp, results
from forked import run as run_command
from forked import start
from nlp.analysis.statistics.expected_best import expected_best
from nlp.cli.console import explain
from nlp.configs import search_space
from nlp.configs.load import load_recipe
from nlp.configs.search_space import load_space, sweep_space
from nlp.configs.yaml.help import field_docs
from nlp.errors import ConfigError, RunError
from nlp.storage import write_file
from tiny_runs import write_data, write_recipe

RATE = "training.optimizer.learning_rate={from: 1e-3, to: 1e-1, log: true}"
ALPHA = "model.alpha={from: 0.01, to: 1.0}"


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NLP_RUNS", raising=False)
    write_data(tmp_path)
    return tmp_path


@pytest.fixture
def optuna():
    return pytest.importorskip("optuna", reason="optuna is not installed: pip install 'nlp-generations[sweep]'")


def error(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as found:
        sweep_space(path.name, overrides)
    return str(found.value)


def test_only_a_sweep_takes_a_recipe_with_open_values(work):
    recipe = write_recipe(work, "mlp")
    recipe.write_text(recipe.read_text().replace("learning_rate: 0.01", "learning_rate: {from: 0.01, to: 0.1}"), encoding="utf-8")
    for command in (["train", "--config", recipe.name], ["count-params", "--config", recipe.name]):
        printed = nlp(*command, cwd=work, code=2).stderr
        assert printed.startswith("Error: mlp.yaml:9:18: training.optimizer.learning_rate: this value is left open"), printed
        assert "`nlp sweep --config`" in printed
        assert printed.count("\n") == 1
    assert not (work / "runs").exists()
    assert "OK for `nlp sweep`, which chooses training.optimizer.learning_rate" in nlp("config", "validate", recipe.name, cwd=work).stdout
    assert "leaves no value open" in error(recipe, "training.optimizer.learning_rate=0.1")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{from: 2, to: 1}", "from must be less than to, and 2 is not less than 1"),
        ("{from: 1, to: 1}", "from must be less than to"),
        ("{from: 0, to: 1, log: true}", "from must be greater than 0 if log is true, not 0"),
        ("{from: 1}", "a range needs `to`"),
        ("{to: 1}", "a range needs `from`"),
        ("{from: one, to: 2}", "from must be a number, not one"),
        ("{from: true, to: 2}", "from must be a number, not true"),
        ("{from: 1, to: 2, log: 1}", "log must be true or false, not 1"),
        ("{from: 1, to: 6, step: 2}", "steps of 2 from 1 lead to 5 and 7, not to 6"),
        ("{from: 1, to: 5, step: 0}", "step must be a whole number above 0"),
        ("{from: 1, to: 5, step: 1, log: true}", "step and log cannot be combined"),
        ("{from: 1, to: 2, scale: log}", "unknown key 'scale' of a range; valid keys: from, to, step, log"),
        ("{choices: [1], log: true}", "unknown key 'log' of choices; valid keys: choices"),
        ("{choices: []}", "choices must be a list of at least one value"),
        ("{choices: 5}", "choices must be a list of at least one value"),
        ("{choices: [5, 5]}", "choices lists 5 twice"),
        ("{choices: [5, {from: 1, to: 2}]}", "a choice cannot be left open itself"),
    ],
)
def test_what_is_wrong_with_a_mark(work, value, message):
    option = f"training.batch_size={value}"
    assert f"--set {option}: training.batch_size: {message}" in error(write_recipe(work, "mlp"), option)


@pytest.mark.parametrize("key", ["seeds", "data.validation_share", "training.best_metric", "score_test"])
def test_what_cannot_be_left_open(work, key):
    assert f"{key}: cannot be left open: " in error(write_recipe(work, "mlp"), key + "={choices: [1, 2]}")


def test_every_corner_must_be_a_recipe_and_errors_have_their_place(work):
    path = write_recipe(work, "transformer")
    text = path.read_text().replace("d_model: 8", "d_model: {choices: [8, 9]}").replace("dropout: 0.1", "dropout: {from: 0.0, to: 1.5}")
    path.write_text(text, encoding="utf-8")
    found = error(path, "training.optimizer.learning_rate={from: 0.0, to: 0.1}")
    assert "3 errors in transformer.yaml" in found
    assert "learning_rate: must be greater than 0, not 0.0" in found
    assert "transformer.yaml:6:100: model.dropout: must be less than 1, not 1.5" in found
    assert "model: n_heads 2 does not divide d_model 9 (where model.d_model is 9" in found
    assert nlp("config", "validate", path.name, cwd=work, code=2).stderr.count("transformer.yaml:") == 3


def test_with_many_corners_each_two_values_are_checked(work, monkeypatch):
    path, options = write_recipe(work, "mlp"), ["training.batch_size={choices: [1, 2, 3]}", RATE, "training.epochs={from: 1, to: 4}"]
    corners = list(sweep_space(path.name, options).corners())
    assert len(corners) == len({json.dumps(each) for each in corners}) == 12
    monkeypatch.setattr(search_space, "MOST_CORNERS", 11)
    pairs = list(sweep_space(path.name, options).corners())
    for one, other in itertools.combinations(corners[0], 2):
        assert {(each[one], each[other]) for each in pairs} == {(each[one], each[other]) for each in corners}


def test_an_open_value_is_one_value_when_recipes_merge(work):
    path = write_recipe(work, "mlp")
    first = "model.hidden_sizes={choices: [[8], [16, 8]]}"
    (mark,) = sweep_space(path.name, [RATE, "training.optimizer.learning_rate={choices: [0.1]}"]).marks
    assert list(mark.values.corners) == ["0.1"]
    assert load_space(path.name, [RATE, "training.optimizer.learning_rate=0.1"]) is None
    assert load_space(path.name, [first, "model.hidden_sizes=[4]"]) is None
    recipe = load_recipe(path.name, ["training.schedule={choices: [1]}", "training.schedule={type: cosine}"])
    assert recipe.training.schedule.type == "cosine"
    setting = {"model.hidden_sizes": "[16, 8]", "training.optimizer.learning_rate": 0.5}
    recipe = sweep_space(path.name, [first, RATE]).recipe(setting)
    assert (recipe.model.hidden_sizes, recipe.training.optimizer.learning_rate) == ([16, 8], 0.5)


def test_choices_may_be_sections_and_items_of_lists(work):
    space = sweep_space(write_recipe(work, "mlp").name, ["tokenizer={choices: [{type: words}, {type: characters}]}",
                                                         "model.hidden_sizes=[8, {from: 4, to: 8, step: 4}]"])
    recipe = space.recipe({"tokenizer": "{type: characters}", "model.hidden_sizes.1": 8})
    assert (recipe.tokenizer.type, recipe.model.hidden_sizes) == ("characters", [8, 8])


def test_columns_and_classes_of_a_user_may_be_called_from_and_to(work):
    path = write_recipe(work, "mlp")
    columns, weights = "data.columns={from: en, to: de, text: line, label: animal}", "task.class_weights={from: 2.0, to: 1.0}"
    recipe = load_recipe(path.name, [columns, weights])
    assert recipe.data.columns["from"] == "en"
    assert recipe.task.class_weights == {"from": 2.0, "to": 1.0}


def test_no_section_has_a_key_of_a_mark():
    assert not {"from", "to", "choices"} & {key for keys in field_docs().values() for key in keys}


def test_expected_best_by_hand():
    """Of 1, 2 and 4: of two draws, the best is 1 in 1 of 9 cases, 2 in 3 and 4 in 5; of three, in 1, 7 and 19 of 27."""
    assert expected_best([4.0, 1.0, 2.0]) == pytest.approx([7 / 3, (1 + 6 + 20) / 9, (1 + 14 + 76) / 27])


def test_expected_best_is_the_mean_over_all_draws():
    scores = [0.5, 0.7, 0.7, 0.9]
    for count, expected in enumerate(expected_best(scores), start=1):
        draws = [max(draw) for draw in itertools.product(scores, repeat=count)]
        assert expected == pytest.approx(sum(draws) / len(draws))


def test_the_extra_is_named_where_optuna_is_missing(work, monkeypatch):
    monkeypatch.setattr("nlp.cli.sweep.find_spec", lambda name: None)
    write_recipe(work, "naive_bayes")
    printed = nlp("sweep", "--config", "naive_bayes.yaml", "--set", ALPHA, cwd=work, code=2).stderr
    assert printed == "Error: nlp sweep needs the extra: pip install 'nlp-generations[sweep]'.\n"


@pytest.mark.slow
def test_a_sweep_from_start_to_end(work, optuna):
    """Every trial is a run that leaves the test split out; the chosen setting is trained with every seed, and tested."""
    write_recipe(work, "naive_bayes")
    options = ["sweep", "--config", "naive_bayes.yaml", "--set", ALPHA, "--set", "seeds=[3, 4]", "--sampler", "random"]
    found = json.loads(nlp(*options, "--trials", "3", "--json", cwd=work).stdout)
    trials = {each["run"]: work / "runs/naive_bayes/sweep" / each["run"] for each in found["trials"]}
    assert sorted(trials) == ["0001", "0002", "0003"]
    for each in found["trials"]:
        run = trials[each["run"]]
        assert results(run)["validation"]["accuracy"] == each["figure"]
        assert "test" not in results(run)
        assert not (run / "predictions/test.jsonl").exists()
        assert results(run)["seed"] == 3
        assert f"alpha: {each['setting']['model.alpha']}" in (run / "config.yaml").read_text()
    assert found["best"] == max(found["trials"], key=lambda each: each["figure"])
    assert [each["seed"] for each in found["results"]] == [3, 4]
    assert all("test" in each for each in found["results"])
    best = load_recipe(found["recipe"])
    assert (best.model.alpha, best.seeds, best.score_test) == (found["best"]["setting"]["model.alpha"], [3, 4], True)
    assert "naive_bayes/sweep/0002" in nlp("runs", "naive_bayes", cwd=work).stdout
    again = nlp(*options, "--trials", "3", cwd=work)  # nothing is left to do
    assert "trial 000" not in again.stderr
    assert "naive_bayes/sweep: 3 trials" in again.stdout
    more = json.loads(nlp(*options, "--trials", "4", "--workers", "2", "--json", cwd=work).stdout)
    assert [each for each in more["trials"] if each["run"] != "0004"] == found["trials"]
    assert "changed in model since" in nlp("sweep", "--config", "naive_bayes.yaml", "--set", "model.alpha={from: 0.1, to: 1.0}", "--set",
                                           "seeds=[3, 4]", cwd=work, code=2).stderr


def test_a_database_holds_the_trials(work, optuna):
    write_recipe(work, "ngram")
    options = ["sweep", "--config", "ngram.yaml", "--set", "model.order={from: 1, to: 3}", "--trials", "2", "--name", "db"]
    found = json.loads(nlp(*options, "--storage", "sqlite:///trials.db", "--json", cwd=work).stdout)
    assert found["metric"] == "loss"  # n-gram models have no accuracy
    assert found["best"]["figure"] == min(each["figure"] for each in found["trials"]) == -found["best"]["score"]
    assert found["expected_best"][-1] < found["expected_best"][0]
    assert len(optuna.load_study(study_name="ngram/sweep-db", storage="sqlite:///trials.db").trials) == 2
    for other in ([], ["--storage", "sqlite:///other.db"]):
        printed = nlp(*options, *other, cwd=work, code=2).stderr
        assert "Give the --storage that it was started with" in printed, "its runs would be taken for trials of other settings"
    printed = nlp(*options, "--storage", "nothing://trials.db", cwd=work, code=2).stderr
    assert printed.startswith("Error: --storage 'nothing://trials.db' cannot be opened: ")
    printed = nlp(*options, "--storage", "nothing://me:secret@host/trials", cwd=work, code=2).stderr
    assert "secret" not in printed
    assert "me:***@host" in printed


def searched(config: str, *options: str, pruner: object = None, trials: int = 1):
    from nlp.training.study.worker import Options
    from nlp.training.sweep.search import Limits, Sweep, prepare, search
    from nlp.training.sweep.trials import Trials

    sweep = Sweep(sweep_space(config, options), config, "one", Options("cpu", None, 1, explain))
    prepare(sweep)
    held = Trials(sweep.space, sweep.folder, sweep.address, None)
    held.search_by("random", "none", 0)
    held.study.pruner = pruner or held.study.pruner
    search(sweep, held, Limits(trials, float("inf")))
    return sweep, held


def test_a_hopeless_trial_is_ended_and_keeps_a_checkpoint(work, optuna):
    from nlp.training.sweep.trials import refuse_all_failed

    write_recipe(work, "mlp")
    sweep, held = searched("mlp.yaml", RATE, "training.epochs=100000", pruner=optuna.pruners.ThresholdPruner(lower=1e9))
    (tried,) = held.tried()
    assert tried.how == "pruned"
    assert tried.evaluations >= 1
    assert tried.metric == "loss"
    assert tried.figure == -tried.score
    assert (sweep.folder / "0001/checkpoints/last").exists()
    assert not (sweep.folder / "0001/results.json").exists()
    with pytest.raises(RunError, match="None of 1 trials finished"):
        refuse_all_failed(held.tried())


def test_trials_that_diverge_are_told_and_no_setting_is_chosen(work, optuna):
    write_recipe(work, "cnn")
    printed = nlp("sweep", "--config", "cnn.yaml", "--set", "training.optimizer.learning_rate={from: 1e30, to: 1e35}", "--set",
                  "training.clip_norm=null", "--trials", "1", cwd=work, code=2).stderr
    assert "trial 0001: diverged" in printed
    assert "Error: None of 1 trials finished, so there is no setting to choose. Trial 0001 reports: Step " in printed


def test_a_setting_that_makes_no_sense_inside_its_range_is_skipped(work, optuna, capsys):
    write_recipe(work, "transformer")
    _, held = searched("transformer.yaml", "model.d_model={from: 8, to: 16}", "model.n_heads=8", "training.epochs=1", trials=1)
    assert [each.setting["model.d_model"] % 8 for each in held.tried()] == [0]
    assert "Skipped d_model " in (printed := capsys.readouterr().err)
    assert "does not divide d_model" in printed


def test_trials_of_a_dead_worker_are_tried_again_and_those_of_a_living_one_left_alone(work, optuna):
    from nlp.training.sweep.trials import Trials, Tried

    space = sweep_space(write_recipe(work, "naive_bayes").name, [ALPHA])

    def opened() -> Trials:
        trials = Trials(space, work / "sweep", "sweep", None)
        trials.search_by("tpe", "median", 0)
        return trials

    first, second = opened(), opened()
    with first.worker() as one:
        lost = first.ask(one, 3)
        with second.worker() as two:
            assert one != two
            other = second.ask(two, 3)
            assert other.params != lost.params
            second.tell(other, Tried("0002", other.params, "finished", "accuracy", 0.5, 0.5))
    for _ in range(2):  # the second time, after another death
        third = opened()
        with third.worker() as name:
            taken = [third.ask(name, 3) for _ in range(2)]
            assert third.ask(name, 3) is None
        assert [each.user_attrs["run"] for each in taken] == ["0001", "0003"]
        assert taken[0].params == lost.params
    undisturbed = Trials(space, work / "undisturbed", "sweep", None)
    undisturbed.search_by("tpe", "median", 0)
    with undisturbed.worker() as name:
        assert [undisturbed.ask(name, 3).params for _ in range(3)] == [lost.params, other.params, taken[1].params]


def test_which_setting_mattered(optuna):
    from nlp.analysis.sweep_report import _importance

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    distributions = {name: optuna.distributions.FloatDistribution(0, 1) for name in ("matters", "not")}
    for count in range(20):
        if count in (9, 10):
            assert bool(_importance(study)) == (count == 10)
        trial = study.ask(distributions)
        study.tell(trial, trial.params["matters"])
    assert _importance(study)["matters"] > 0.9


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and forks")
def test_a_killed_sweep_goes_on_where_it_was(work, optuna):
    write_recipe(work, "mlp")
    command = ["sweep", "--config", "mlp.yaml", "--set", RATE, "--set", "training.epochs=15", "--trials", "2", "--pruner", "none", "--json"]
    process, folder = start(command, work, work / "printed"), work / "runs/mlp/sweep"
    began = time.monotonic()
    while not (folder / "0002/checkpoints/last").exists() and process.exitcode is None and time.monotonic() - began < 60:
        time.sleep(0.01)
    process.kill()
    process.join()
    first, started = (folder / "0001/results.json").stat().st_mtime_ns, (folder / "0002/environment.json").read_bytes()
    resumed = run_command(command, work, work / "printed", 100)
    assert resumed.code == 0, resumed.printed
    assert "trial 0001" not in resumed.printed
    assert (folder / "0001/results.json").stat().st_mtime_ns == first
    assert (folder / "0002/environment.json").read_bytes() == started  # the same run, gone on with
    found = json.loads(resumed.printed[resumed.printed.index("\n{\n") :])
    assert sorted((each["run"], each["how"], each["evaluations"]) for each in found["trials"]) == [("0001", "finished", 15),
                                                                                                 ("0002", "finished", 15)]
    assert [path.name for path in sorted(folder.iterdir()) if (path / "config.yaml").exists()][:2] == ["0001", "0002"]


def test_a_damaged_journal_is_one_paragraph(work, optuna):
    write_recipe(work, "naive_bayes")
    (work / "runs/naive_bayes/sweep").mkdir(parents=True)
    write_file(work / "runs/naive_bayes/sweep/trials.journal", b"no journal\n{}\n")
    printed = nlp("sweep", "--config", "naive_bayes.yaml", "--set", ALPHA, cwd=work, code=2).stderr
    assert printed.startswith("Error: ")
    assert "trials.journal" in printed
