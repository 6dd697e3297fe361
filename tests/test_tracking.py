"""The log: read back by TensorBoard's own reader, cut back on resuming, and drawn."""

import html
import io
import json
import math
import re
import subprocess
import sys
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nlp.configs.load import load_recipe
from nlp.errors import DeviceError, RunError
from nlp.terminal import on_one_line
from nlp.training.folder.checkpoints import save_checkpoint
from nlp.training.folder.files import write_atomically
from nlp.training.folder.run_directory import RunDirectory, create_run
from nlp.training.log import pictures
from nlp.training.log.hyperparameters import hyperparameters
from nlp.training.log.pictures import _fitting, _font, _name, _short, confusion_matrix_png
from nlp.training.log.records import record
from nlp.training.log.tensorboard_events import hparams
from nlp.training.log.tracking import Tracker, literal, read_metrics
from PIL import Image


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("NLP_RUNS", str(tmp_path / "runs"))
    return create_run("names/lstm", "x")


def events(run: RunDirectory, split: str):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(run.path / split), size_guidance={"scalars": 0, "tensors": 0, "images": 0})
    accumulator.Reload()
    return accumulator


def points(run: RunDirectory, split: str, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in events(run, split).Scalars(tag)]


# Writing


def test_the_same_figures_occur_in_both_logs(run):
    with Tracker(run) as tracker:
        tracker.scalars("train", 10, {"loss": 0.5, "gradient_norm/encoder.layers.0": 0.25})
        tracker.scalars("validation", 10, {"loss": 0.75, "accuracy": 1.0})
        tracker.scalars("train", 20, {"loss": 0.125})
    assert points(run, "train", "loss") == [(10, 0.5), (20, 0.125)]
    assert points(run, "train", "training/gradient_norm/encoder.layers.0") == [(10, 0.25)]
    assert points(run, "validation", "accuracy") == [(10, 1.0)]
    assert [{name: value for name, value in line.items() if name != "seconds"} for line in read_metrics(run)] == [
        {"step": 10, "split": "train", "loss": 0.5, "gradient_norm/encoder.layers.0": 0.25},
        {"step": 10, "split": "validation", "loss": 0.75, "accuracy": 1.0},
        {"step": 20, "split": "train", "loss": 0.125},
    ]
    seconds = [line["seconds"] for line in read_metrics(run)]
    assert seconds == sorted(seconds)


def test_figures_can_be_read_while_the_run_continues(run):
    tracker = Tracker(run)
    tracker.scalars("train", 1, {"loss": 0.5})
    assert points(run, "train", "loss") == [(1, 0.5)]
    assert read_metrics(run)[0]["loss"] == 0.5
    tracker.close()


@given(st.lists(st.tuples(st.sampled_from(["train", "validation"]), st.integers(0, 2**40),
                          st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), st.floats()))))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_figure_is_a_line_that_any_program_can_read(run, reported):
    with Tracker(run) as tracker:
        for split, step, values in reported:
            tracker.scalars(split, step, {f"tag/{name}": value for name, value in values.items()})
    lines = run.metrics.read_text(encoding="utf-8").split("\n")
    assert len(lines) == len(reported) + 1
    for line, (split, step, values) in zip(lines, reported, strict=False):
        read = json.loads(line, parse_constant=pytest.fail)
        assert (read["split"], read["step"]) == (split, step)
        for name, value in values.items():
            found = float(read[f"tag/{name}"])
            assert found == value or (math.isnan(found) and math.isnan(value))


def test_a_run_has_two_sub_runs_in_which_loss_and_metrics_come_before_what_is_of_training(run):
    with Tracker(run) as tracker:
        tracker.scalars("train", 10, {"loss": 0.5, "learning_rate": 0.1, "memory/peak_bytes": 7.0})
        tracker.scalars("validation", 10, {"loss": 0.75, "f1": 0.5})
        tracker.scalars("test", 10, {"loss": 0.25, "f1": 1.0})
        tracker.text("test", "predictions", 10, "a")
        tracker.image("test", "confusion_matrix", 10, confusion_matrix_png(np.eye(2, dtype=np.int64), ["no", "yes"]))
        tracker.hparams({"recipe": "names/lstm"}, {"loss": 0.75, "f1": 0.5}, 10)
    assert {path.parent.name for path in run.path.glob("*/events.out.tfevents.*")} == {"train", "validation"}
    assert sorted(events(run, "train").Tags()["scalars"]) == ["loss", "training/learning_rate", "training/memory/peak_bytes"]
    read = events(run, "validation")
    assert sorted(read.Tags()["scalars"]) == ["f1", "loss", "scored/f1", "scored/loss", "test/f1", "test/loss"]
    assert points(run, "validation", "loss") == [(10, 0.75)]
    assert points(run, "validation", "test/f1") == [(10, 1.0)]
    assert read.Tags()["images"] == ["test/confusion_matrix"]
    assert "test/predictions" in read.Tags()["tensors"]


def test_a_loss_that_is_not_finite_is_reported_as_it_is(run):
    with Tracker(run) as tracker:
        tracker.scalars("train", 1, {"loss": float("nan"), "norm": float("inf")})
    assert math.isnan(points(run, "train", "loss")[0][1])
    assert points(run, "train", "norm") == [(1, float("inf"))]
    assert '"loss": "nan", "norm": "inf"' in run.metrics.read_text()


def test_texts_and_pictures_come_back(run):
    png = confusion_matrix_png(np.array([[3, 1], [0, 2]]), ["no", "yes"])
    with Tracker(run) as tracker:
        tracker.text("validation", "predictions", 5, "| a |\n|---|\n| 한국어 |")
        tracker.image("validation", "confusion_matrix", 5, png)
    read = events(run, "validation")
    (reported,) = read.Tensors("predictions")
    assert (reported.step, reported.tensor_proto.string_val[0].decode()) == (5, "| a |\n|---|\n| 한국어 |")
    assert read.SummaryMetadata("predictions").plugin_data.plugin_name == "text"
    (picture,) = read.Images("confusion_matrix")
    assert picture.encoded_image_string == png
    assert (picture.width, picture.height) == Image.open(io.BytesIO(png)).size


def test_tensorboard_s_table_of_runs_has_settings_and_results(run):
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.hparams import api_pb2, get_experiment, list_session_groups
    from tensorboard.plugins.hparams.backend_context import Context

    with Tracker(run) as tracker:
        tracker.scalars("train", 1, {"loss": 0.5, "gradient_norm/head": 0.25})
        tracker.scalars("test", 1, {"accuracy": 0.5})
        tracker.hparams({"model": "lstm", "sizes": [3, 4], "batch_size": 64, "ema": True}, {"accuracy": 0.75}, 1)
    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(run.root))
    multiplexer.Reload()
    logdir = str(run.root)
    context = Context(TBContext(data_provider=MultiplexerDataProvider(multiplexer, logdir), logdir=logdir, multiplexer=multiplexer))
    request = api_pb2.GetExperimentRequest(include_metrics=True)
    experiment = get_experiment.Handler(RequestContext(), context, "x", request).run()
    assert {info.name for info in experiment.hparam_infos} == {"model", "sizes", "batch_size", "ema"}
    assert [info.name.tag for info in experiment.metric_infos] == ["scored/accuracy", "test/accuracy"]
    columns = [api_pb2.ColParams(hparam="model", include_in_result=True)]
    asked = api_pb2.ListSessionGroupsRequest(
        allowed_statuses=[api_pb2.STATUS_SUCCESS], col_params=columns, start_index=0, slice_size=9, include_metrics=True)
    (group,) = list_session_groups.Handler(RequestContext(), context, "x", asked).run().session_groups
    assert {each.name.tag: each.value for each in group.metric_values} == {"scored/accuracy": 0.75, "test/accuracy": 0.5}
    assert group.hparams["model"].string_value == "lstm"
    assert group.name == "names/lstm/x"
    assert group.sessions[0].name == "names/lstm/x/validation"


def test_a_row_of_that_table_shows_the_sizes_first(run):
    write_atomically(run.config, """
data: {type: named, name: names}
tokenizer: {type: characters}
task: {type: classification}
model: {type: lstm, d_embedding: 8, hidden_size: 16, bidirectional: true}
training: {epochs: 3, batch_size: 4, optimizer: {type: adamw, learning_rate: 0.01}}
seeds: [7]
""")
    row = hyperparameters(load_recipe(str(run.config)), {"parameters": 5_560, "train_seconds": 1.0})
    assert row.items() >= {"run/seed": 7, "model": "lstm", "size/hidden_size": 16, "size/bidirectional": True, "learning_rate": 0.01,
                           "training/batch_size": 4, "epochs": 3, "parameters": 5_560}.items()
    assert row["architecture"] == "d_embedding 8, hidden_size 16, n_layers 1, bidirectional"
    assert sorted(row)[:5] == ["architecture", "epochs", "learning_rate", "model", "parameters"]  # what TensorBoard shows at first
    write_atomically(run.config, "data: {type: named, name: names}\ntokenizer: {type: ngrams, words: [1, 2]}\n"
                                 "task: {type: classification}\nmodel: {type: naive_bayes, alpha: 0.5}\n")
    row = hyperparameters(load_recipe(str(run.config)), {"coefficients": 90, "features": 30})
    assert (row["model"], row["size/alpha"], row["parameters"]) == ("naive_bayes", 0.5, 90)
    assert "learning_rate" not in row


def test_a_full_disk_is_reported(run, monkeypatch):
    import errno

    tracker = Tracker(run)

    class Full:
        def write(self, _text: str) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    tracker.lines.close()
    monkeypatch.setattr(tracker, "lines", Full())
    with pytest.raises(DeviceError, match=r"disk is full: .*metrics\.jsonl"), tracker:
        tracker.scalars("train", 1, {"loss": 0.5})


def test_little_is_imported_to_write_logs():
    code = ("import sys, nlp.training.log.pictures\nfrom nlp.training.log.tensorboard_events import hparams\n"
            "hparams('x', {}, 0.0); print(*sys.modules)")
    loaded = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "tensorboard.compat.proto.event_pb2" in loaded
    assert not set(loaded) & {"torch", "tensorflow", "matplotlib", "sklearn", "PIL", "tensorboard.summary", "tensorboard.util", "fsspec"}


@given(st.binary(max_size=300))
def test_records_are_those_of_tensorboard_s_writer(content):
    from tensorboard.summary.writer.record_writer import RecordWriter

    file = io.BytesIO()
    RecordWriter(file).write(content)
    assert record(content) == file.getvalue()


def test_settings_are_written_as_tensorboard_writes_them():
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    settings = {"model.type": "lstm", "lr": 0.5, "epochs": 3, "ema": True, "größe": "é"}
    ours, (theirs,) = hparams("names/lstm/x", settings, 5.5)[0], hparams_pb(settings, "names/lstm/x", 5.5).value
    assert (ours.tag, ours.tensor) == (theirs.tag, theirs.tensor)
    plugin, expected = ours.metadata.plugin_data, theirs.metadata.plugin_data
    assert plugin.plugin_name == expected.plugin_name
    assert HParamsPluginData.FromString(plugin.content) == HParamsPluginData.FromString(expected.content)


# Resuming


def train(run: RunDirectory, resume_step: int | None, last: int, *, every: int = 4) -> None:
    """As a trainer does: a point for each step, every so often an evaluation and a checkpoint, at the end the last words."""
    with Tracker(run, resume_step) as tracker:
        for step in range((resume_step or 0) + 1, last + 1):
            tracker.scalars("train", step, {"loss": 1 / step})
            if step % every == 0:
                tracker.scalars("validation", step, {"accuracy": 1 - 1 / step})
                save_checkpoint(run, step, tracker.save, best=True, keep=2)
        if last == 12:
            tracker.text("validation", "predictions", 12, "the last words")
            tracker.scalars("test", 12, {"accuracy": 0.5})
            tracker.hparams({"model": "lstm"}, {"accuracy": 0.5}, 12)


def log(run: RunDirectory) -> dict[str, object]:
    """All that was logged, without the clock."""
    lines = [{name: value for name, value in line.items() if name != "seconds"} for line in read_metrics(run)]
    found: dict[str, object] = {"lines": lines}
    for split in ("train", "validation"):
        if (run.path / split).exists() and any((run.path / split).iterdir()):
            read = events(run, split)
            found |= {f"{split}/{tag}": points(run, split, tag) for tag in read.Tags()["scalars"]}
            found |= {f"{split}/{tag}": [event.step for event in read.Tensors(tag)] for tag in read.Tags()["tensors"]}
    return found


def test_a_resumed_run_has_the_log_of_one_that_never_stopped(run):
    full = create_run("names/lstm", "whole")
    train(full, None, 12)
    train(run, None, 7)
    assert len(read_metrics(run)) == 8
    train(run, 4, 10)
    train(run, 8, 12)
    assert log(run) == log(full)
    seconds = [line["seconds"] for line in read_metrics(run)]
    assert seconds == sorted(seconds)


def test_what_was_logged_after_the_last_checkpoint_is_not_there_twice(run):
    """The end of a run logs at the step of its last checkpoint; killed just before it is done, it does so again."""
    train(run, None, 12)
    once = log(run)
    train(run, 12, 12)
    assert log(run) == once
    train(run, 12, 12)
    assert log(run) == once


def test_half_a_record_at_the_end_is_cut(run):
    train(run, None, 6)
    for path in (run.metrics, *run.path.glob("train/*")):
        path.write_bytes(path.read_bytes()[:-5])
    assert len(read_metrics(run)) == 6
    train(run, 4, 12)
    full = create_run("names/lstm", "whole")
    train(full, None, 12)
    assert log(run) == log(full)


def test_a_run_without_checkpoints_starts_its_log_again(run):
    for resume_step in (None, None, 0):
        train(run, resume_step, 3)
        assert [line["step"] for line in read_metrics(run)] == [1, 2, 3]
        assert len(points(run, "train", "loss")) == 3


def test_logs_that_were_deleted_do_not_stop_a_resume(run):
    train(run, None, 6)
    run.metrics.unlink()
    for path in run.path.glob("train/*"):
        path.unlink()
    train(run, 4, 12)
    assert [line["step"] for line in read_metrics(run) if line["split"] == "train"] == list(range(5, 13))


def test_a_checkpoint_without_marks_is_damaged(run):
    save_checkpoint(run, 4, lambda folder: (folder / "a").touch(), best=True, keep=2)
    with pytest.raises(RunError, match=r"logs\.json is missing"):
        Tracker(run, 4)


def test_a_killed_process_loses_no_line(run):
    code = f"""
import os
from pathlib import Path
from nlp.training.folder.run_directory import RunDirectory
from nlp.training.log.tracking import Tracker
path = Path({str(run.path)!r})
tracker = Tracker(RunDirectory(path, path.parent))
for step in range(1, 101):
    tracker.scalars("train", step, {{"loss": 1 / step}})
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=False)
    assert [step for step, _ in points(run, "train", "loss")] == [line["step"] for line in read_metrics(run)] == list(range(1, 101))


# Pictures


def pixels(matrix: list[list[int]], labels: list[str]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(confusion_matrix_png(np.array(matrix), labels))).convert("L")).astype(int)


def top_of(picture: np.ndarray) -> int:
    """The first row of the cells of two classes: no row above it has as much ink as their frame."""
    return int(np.argmax((picture < 60).sum(axis=1) >= 2 * 46))


def test_a_confusion_matrix_is_dark_where_the_texts_are():
    diagonal = pixels([[1000, 0], [0, 5]], ["a", "b"])
    other = pixels([[0, 1000], [5, 0]], ["a", "b"])
    cell, corner = 46, (top_of(diagonal), 0)
    column = np.flatnonzero((diagonal < 60).sum(axis=0) > 30)[0]
    assert corner[0] > 0
    assert diagonal[corner[0] + 6, column + 6] < other[corner[0] + 6, column + 6] == 255
    assert other[corner[0] + 6, column + cell + 6] < 60


@pytest.mark.parametrize("n", [1, 2, 15, 50, 151])
def test_a_confusion_matrix_is_drawn_for_any_number_of_classes(n):
    matrix = np.random.default_rng(0).integers(0, 3_000_000, (n, n))
    labels = [f"a label that is quite long, number {number}" if number % 2 else "한국어" for number in range(n)]
    picture = Image.open(io.BytesIO(confusion_matrix_png(matrix, labels)))
    picture.load()
    assert max(picture.size) < 2600


def test_samples_in_tensorboard_show_markdown_and_html_as_text():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what TensorBoard carries with it
        from tensorboard.plugin_util import markdown_to_safe_html

    text = "![x](http://example.com/a.png) <b>*bold*</b> `code` | cell \\ # [a]: &amp; \x1b[1m\n- item"
    shown = markdown_to_safe_html(f"| text |\n|---|\n| {literal(text)} |")
    assert html.unescape(re.sub("<[^>]*>", "", shown)).split() == ["text", *on_one_line(text).split()]
    assert "<img" not in shown
    assert "<a" not in shown


def test_the_colour_of_a_cell_is_its_share_of_the_row():
    picture = pixels([[1, 3], [0, 4]], ["a", "b"])
    top = top_of(picture)
    left = np.flatnonzero((picture[top : top + 92] < 60).sum(axis=0) >= 46)[0]
    shades = [int(picture[top + 4 + 46 * row, left + 4 + 46 * column]) for row, column in ((1, 0), (0, 0), (0, 1), (1, 1))]
    dark = shades[3]
    assert shades == pytest.approx([255, 255 + (dark - 255) / 4, 255 + 3 * (dark - 255) / 4, dark], abs=2)
    assert dark < 60


def test_counts_stand_inside_their_cells():
    picture = pixels([[7, 0], [0, 7]], ["a", "b"])
    top = top_of(picture)
    left = np.flatnonzero((picture[top : top + 46] < 60).sum(axis=0) > 30)[0]
    first, second = (picture[top + 46 * n + 4 : top + 46 * n + 42, left + 46 * n + 4 : left + 46 * n + 42] for n in (0, 1))
    assert (first > 200).any()
    assert (second == first).all()
    assert (picture[top + 4 : top + 42, left + 50 : left + 88] == 255).all(), "nothing is written where the count is 0"


@pytest.mark.parametrize(("label", "shown"), [
    ("sport", "sport"), ("two\nlines", "two lines"), ("x" * 24, "x" * 24), ("x" * 25, "x" * 23 + "…"), ("Ελληνικά", "Ελληνικά"),
    ("한국어", "hangugeo"), ("ひらがな 3", "hiragana 3"), ("中文", "#4"),
])
def test_labels_are_shortened_and_spelled_or_numbered_where_no_font_has_their_letters(label, shown, monkeypatch):
    if find_spec("matplotlib") is None:
        pytest.skip("matplotlib, whose font is used, is not installed")
    monkeypatch.setattr(pictures, "_installed_font", lambda _: None)
    assert _name(label, 4, 14).text == shown


def test_accents_are_left_out_where_the_font_has_plain_latin_only(monkeypatch):
    monkeypatch.setattr(pictures, "_installed_font", lambda _: None)
    monkeypatch.setattr(pictures, "_has", lambda _, text: text.isascii())
    assert _name("Čeština", 4, 14).text == "Cestina"


def test_a_label_is_drawn_in_an_installed_font_that_has_its_letters(monkeypatch):
    manager = pytest.importorskip("matplotlib.font_manager").fontManager
    path = next(font.fname for font in manager.ttflist if font.name == "STIXGeneral" and font.style == "normal")
    monkeypatch.setattr(pictures, "_has", lambda *_: False)
    monkeypatch.setattr(pictures, "_letters_of", lambda found: {ord("한")} if found == path else set())
    name = _name("한", 4, 14)
    assert (name.text, name.font.path) == ("한", path)


def test_numbers_of_labels_are_explained_below(monkeypatch):
    monkeypatch.setattr(pictures, "_installed_font", lambda _: None)
    explained = pixels([[7, 0], [0, 7]], ["中", "b"])
    plain = pixels([[7, 0], [0, 7]], ["#1", "b"])
    assert explained.shape[0] - plain.shape[0] == round(1.3 * 22), "one line more below"


def test_letters_are_as_large_as_cells_allow():
    assert _fitting(["7", "12"], 46, 22) == 22
    four = _fitting(["7", "9999"], 46, 22)
    assert 12 < four < 22
    assert _font(four).getlength("9999") <= 46 < _font(22).getlength("9999") + 4


@pytest.mark.parametrize(("count", "shown"), [(9_999, "9999"), (10_000, "10k"), (999_499, "999k"), (999_500, "1M"), (3_400_000, "3M")])
def test_counts_are_written_with_at_most_four_signs(count, shown):
    assert _short(count) == shown


def test_names_stand_before_rows_and_over_columns_and_the_caption_below():
    picture = pixels([[1000, 0], [0, 1000]], ["wide label", "b"])
    columns = np.flatnonzero((picture < 60).sum(axis=0) >= 90)
    left = columns[0]
    rows = np.flatnonzero((picture[:, left : left + 92] < 60).all(axis=1))
    top = rows[0]
    assert (rows[-1] - top, columns[-1] - left) == (91, 91), "two cells of 46 with a dark outline"
    ink = picture < 128
    before, over, below = ink[top : top + 92, :left], ink[:top, left : left + 92], ink[top + 92 :]
    assert [part.any() for part in (before[:46], before[46:], over[:, :46], over[:, 46:], below)] == [True] * 5
    assert not before[:, -4:].any(), "a gap between names and cells"
    assert not ink[:top, :left].any() and not ink[:top, left + 92 :].any()
    assert over.any(axis=1).sum() > over.any(axis=0).sum(), "names over columns are turned"
    middle = [float(np.mean(np.flatnonzero(part.any(axis=1)))) for part in (before[:46], before[46:])]
    assert middle == pytest.approx([22.5, 22.5], abs=5)
    middle = [float(np.mean(np.flatnonzero(part.any(axis=0)))) for part in (over[:, :46], over[:, 46:])]
    assert middle == pytest.approx([22.5, 22.5], abs=5)
    assert not ink[:, 0].any() and not ink[0].any() and not ink[-1].any() and not ink[:, -1].any(), "nothing is cut off"
