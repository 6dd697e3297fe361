"""`nlp plot`: curves of runs, the confusion matrix or attention of one, and lengths and classes of data, as picture files."""

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from command import nlp, write_names, write_recipe
from nlp.analysis.data_picture import Lengths, Sample, _edges, _lengths, data_picture
from nlp.analysis.drawing import style_of
from nlp.analysis.matrix_svg import matrix_svg
from nlp.analysis.run_curves import Logged, _drawn
from nlp.datasets.tables import Dataset, Table
from nlp.errors import DataError, RunError
from nlp.training.folder.run_directory import create_run
from nlp.training.log.pictures import alignment, confusion_matrix
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
    assert "Wrote curves.svg" in nlp("plot", "rules", "mlp", "--output", "curves.svg", cwd=folder).stdout
    drawn = (folder / "curves.svg").read_text(encoding="utf-8")
    assert set(re.findall(r">([^<>]*)</text>", drawn)) >= {"rules", "mlp", "train", "validation", "loss", "accuracy",
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
    (["mlp", "--output", "a.pdf"], r"must end in \.png or \.svg"),
    (["mlp", "--output", "no/a.png"], "no folder no"),
    (["mlp", "--output", "a.png", "--metric", "bleu"], "logged the metric 'bleu' on validation; they have accuracy, f1, loss"),
    (["mlp", "rules", "--confusion", "--output", "a.png"], "--confusion plots one run, but 2 are named"),
    (["--output", "a.png"], "Name a run to plot, such as names/lstm"),
    (["mlp"], "Name the file to write"),
    (["mlp", "--data", "names", "--output", "a.png"], "--data plots a dataset and no runs, but mlp is named too"),
    (["--data", "names", "--confusion", "--output", "a.png"], "--confusion and --data cannot be combined"),
    (["--data", "nmaes", "--output", "a.png"], "Did you mean `names`"),
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
    with pytest.raises(RunError, match=r"names/lstm has no metrics"):
        curves([empty], "accuracy", "png")
    with Tracker(hinge) as tracker:
        tracker.scalars("validation", 1, {"hinge_loss": 0.5, "accuracy": float("nan")})
    with Image.open(io.BytesIO(curves([hinge], "accuracy", "png"))) as picture:
        assert picture.format == "PNG"


def texts_of(svg: bytes) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_a_confusion_matrix_is_drawn_as_svg_with_its_counts_and_labels(folder):
    nlp("plot", "rules", "--confusion", "--output", "confusion.svg", cwd=folder)
    assert {*texts_of((folder / "confusion.svg").read_bytes())} >= {"Polish", "Spanish", "Italian", "rows: labelled"}
    svg = matrix_svg(confusion_matrix(np.array([[3, 1], [0, 2]]), ["<b>", "긍정"]))
    assert texts_of(svg) == ["3", "1", "2", *2 * ["<b>", "긍정"], "rows: labelled", "columns: predicted", "colour: share of the row"]
    titles = [each.text for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["<b> → <b>: 75.0%", "<b> → 긍정: 25.0%", "긍정 → 긍정: 100.0%"]


def test_attention_is_drawn_as_svg_with_the_source_over_the_columns():
    svg = matrix_svg(alignment(np.array([[0.0, 1.0, 0.0]]), ["a", "b", "c"], ["x"]))
    cells = [each.attrib for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}rect") if each.get("fill") == "#08306b"]
    assert [(cell["x"], cell["y"]) for cell in cells] == [("32", "0")]
    assert texts_of(svg)[:4] == ["x", "a", "b", "c"]


def test_no_two_of_twenty_runs_look_alike():
    runs = [Logged(f"run {number}", [{"step": step, "split": split, "loss": 1.0, "accuracy": 0.5}
                                     for step in (1, 2) for split in ("train", "validation")]) for number in range(20)]
    looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in _drawn(runs, "accuracy").axes[1].lines}
    assert len(looks) == 40
    assert len({tuple(style_of(place).items()) for place in range(70)}) == 70


def test_data_is_drawn_with_sizes_lengths_and_classes(folder):
    nlp("plot", "--data", "rules.yaml", "--output", "data.svg", cwd=folder)
    drawn = re.findall(r">([^<>]*)</text>", (folder / "data.svg").read_text(encoding="utf-8"))
    assert any(re.fullmatch(r"train: \d+ texts, median 7 characters, 95 % have at most 1\d", text) for text in drawn)
    assert sum(bool(re.fullmatch(r"(Polish|Spanish|Italian) \(\d\d\)", text)) for text in drawn) == 3
    nlp("plot", "--data", "dates", "--output", "dates.png", cwd=folder)
    with Image.open(folder / "dates.png") as picture:
        assert picture.format == "PNG" and picture.width > 700


def test_lengths_are_in_words_where_texts_have_spaces():
    assert _lengths({"train": ["a b c", "a b"], "test": ["one"]}).unit == "words"
    assert _lengths({"train": ["Kowalski", "Nowak"], "test": ["van den Berg"]}).unit == "characters"


def test_bars_hold_the_same_number_of_lengths_and_the_longest_texts_are_one():
    short, long = np.array([0, 3, 5]), np.array([*range(1, 1001), 90_000])
    assert _edges(Lengths("words", {"train": short})).tolist() == [-0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    edges = _edges(Lengths("words", {"train": long}))
    assert {*np.diff(edges)} == {17.0} and 990 < edges[-1] < 1020


def test_one_long_text_is_reported():
    table = Table({"text": ["all of it"]}, "poem.txt")
    with pytest.raises(DataError, match="poem is one long text in each split"):
        data_picture(Sample(Dataset("poem", {"train": table, "test": table}, {}), "text", "", False), "png")
