"""`nlp plot`: curves of runs, and the confusion matrix or attention of one, as picture files."""

import io
import re

import pytest
from command import nlp, write_names, write_recipe
from nlp.analysis.run_curves import Logged, _drawn
from nlp.errors import RunError
from nlp.training.folder.run_directory import create_run
from nlp.training.log.tracking import Tracker
from PIL import Image


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of rules and one of a network."""
    folder = tmp_path_factory.mktemp("plot")
    write_names(folder)
    for model in ("rules", "mlp"):
        write_recipe(folder, model)
        nlp("train", "--config", f"{model}.yaml", "--name", "first", cwd=folder)
    return folder


def test_curves_of_runs_are_drawn_over_one_another(folder):
    assert "picture is in curves.svg" in nlp("plot", "rules", "mlp", "--output", "curves.svg", cwd=folder).stdout
    drawn = (folder / "curves.svg").read_text(encoding="utf-8")
    assert set(re.findall(r">([^<>]*)</text>", drawn)) >= {" rules/first", " mlp/first", " train", " validation", "loss", "accuracy",
                                                           "training step"}
    nlp("plot", "mlp", "--metric", "f1", "--output", "curves.png", cwd=folder)
    with Image.open(folder / "curves.png") as picture:
        assert picture.format == "PNG" and min(picture.size) > 700


def test_the_confusion_matrix_is_that_of_the_predictions(folder):
    nlp("plot", "rules", "--confusion", "--split", "validation", "--output", "confusion.png", cwd=folder)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logged = EventAccumulator(str(folder / "runs" / "rules" / "first" / "validation"), size_guidance={"images": 0}).Reload()
    (picture,) = logged.Images("confusion_matrix")
    assert (folder / "confusion.png").read_bytes() == picture.encoded_image_string


@pytest.mark.parametrize(("arguments", "reported"), [
    (["mlp", "--output", "a.pdf"], r"pictures are \.png or \.svg"),
    (["mlp", "--output", "no/a.png"], "no folder no"),
    (["mlp", "--output", "a.png", "--metric", "bleu"], "logged the metric 'bleu' on validation; they have accuracy, f1, loss"),
    (["mlp", "rules", "--confusion", "--output", "a.png"], "--confusion draws one run, and 2 are named"),
    (["mlp", "--confusion", "--output", "a.svg"], r"--confusion draws \.png files only"),
    (["mlp", "--confusion", "--attention", "x", "--output", "a.png"], "one at a time"),
    (["mlp", "--split", "test", "--output", "a.png"], "--split is for --confusion"),
    (["mlp", "--attention", "x", "--output", "a.png"], "--attention is for runs that map one text to another"),
    (["gru", "--output", "a.png"], "no run 'gru'"),
])
def test_what_cannot_be_drawn_is_reported(folder, arguments, reported):
    printed = nlp("plot", *arguments, cwd=folder, code=2).stderr
    assert re.search(reported, printed) and printed.count("\n") == 1
    assert not [*folder.glob("a.*")]


def lines_of(*runs: Logged) -> dict[str, list[tuple[float, float]]]:
    """What is drawn in the panel of the metric, by the colour and style of each line."""
    return {f"{line.get_color()} {line.get_linestyle()}": [(float(x), float(y)) for x, y in line.get_xydata()]
            for line in _drawn(runs, "accuracy").axes[1].lines}


def test_a_model_without_steps_is_a_level_line_as_long_as_the_curves_of_others():
    rules = Logged("rules", [{"step": 0, "split": split, "loss": 1.0, "accuracy": 0.25} for split in ("train", "validation", "test")])
    network = Logged("lstm", [{"step": step, "split": split, "loss": 1 / step, "accuracy": step / 100}
                              for step in (10, 50) for split in ("train", "validation")])
    drawn = lines_of(rules, network)
    assert drawn == {"#000000 :": [(0, 0.25), (50, 0.25)], "#000000 -": [(0, 0.25), (50, 0.25)],
                     "#D55E00 :": [(10, 0.1), (50, 0.5)], "#D55E00 -": [(10, 0.1), (50, 0.5)]}


def test_a_run_without_a_log_is_reported(tmp_path, monkeypatch):
    from nlp.analysis.run_curves import curves

    monkeypatch.setenv("NLP_RUNS", str(tmp_path))
    empty, hinge = create_run("names/lstm", "x"), create_run("names/linear-svm", "y")
    with pytest.raises(RunError, match=r"names/lstm/x has no figures"):
        curves([empty], "accuracy", "png")
    with Tracker(hinge) as tracker:
        tracker.scalars("validation", 1, {"hinge_loss": 0.5, "accuracy": float("nan")})
    with Image.open(io.BytesIO(curves([hinge], "accuracy", "png"))) as picture:
        assert picture.format == "PNG"
