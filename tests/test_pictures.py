"""Pictures to a class: reading files, the CNN against torch, errors, and the command from end to end on `digits`."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from command import Done, failing_at, nlp, nlp_process, results
from nlp.configs.load import load_recipe
from nlp.configs.schema.data import NamedData, SizesData
from nlp.configs.schema.models.networks import PictureCnnConfig
from nlp.datasets.encoded.numbers.picture_column import PictureColumn
from nlp.datasets.formats.pictures import picture_blocks, picture_text, read_picture
from nlp.datasets.read import read_dataset
from nlp.datasets.tables import Table
from nlp.errors import ConfigError, DataError
from nlp.models.build import build_model
from nlp.models.head import Head
from nlp.models.networks.network import Network
from nlp.training.study.address import method_address
from PIL import Image
from pydantic import ValidationError
from sklearn.datasets import load_digits
from torch import nn

RECIPE = """
data: {type: files, train: table/pictures.csv, folds: 3}
task: {type: classification, picture: file, label: kind}
model: {type: picture_cnn, n_filters: [4], hidden_sizes: [8]}
training: {epochs: 8, batch_size: 8, optimizer: {type: adam, learning_rate: 0.01}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Bright on the left or on the right, in files beside a table; paths are relative to the table."""
    (tmp_path / "table").mkdir()
    random, lines = np.random.default_rng(0), ["file,kind"]
    for number in range(36):
        pixels = random.integers(0, 60, (6, 5))
        pixels[:, :2] += 150 * (number % 2)
        pixels[:, 3:] += 150 * (1 - number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "table" / f"{number}.png")
        lines.append(f"{number}.png,{'right' if number % 2 == 0 else 'left'}")
    (tmp_path / "table" / "pictures.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "sides.yaml").write_text(RECIPE)
    return tmp_path


def built(config: PictureCnnConfig, height: int = 8, width: int = 8) -> Network:
    torch.manual_seed(1)
    sizes = SizesData(type="sizes", picture_height=height, picture_width=width, n_features=height * width, n_classes=10)
    model = build_model(config, sizes, Head("classes", 10))
    assert isinstance(model, Network)
    return model


def test_the_cnn_is_what_a_person_would_write_down():
    model = built(PictureCnnConfig(type="picture_cnn", n_filters=[4, 6], filter_sizes=[3, 5], pool_sizes=[2], hidden_sizes=[7],
                                   activation="tanh")).eval()
    reference = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(1, 4), nn.Tanh(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 5, padding=2), nn.GroupNorm(1, 6), nn.Tanh(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(6 * 2 * 2, 7), nn.Tanh(), nn.Linear(7, 10))
    for mine, theirs in zip(reference.parameters(), model.parameters(), strict=True):
        mine.data = theirs.data
    pictures = torch.randn(3, 8, 8)
    torch.testing.assert_close(model(pictures=pictures), reference(pictures.unsqueeze(1)))


def test_pooling_drops_what_is_left_over_but_not_everything():
    assert built(PictureCnnConfig(type="picture_cnn", n_filters=[4], pool_sizes=[3]), 7, 5).scores(
        pictures=np.zeros((2, 7, 5), np.float32)).shape == (2, 10)
    with pytest.raises(ConfigError, match="pool_sizes leaves nothing of a picture of 8 x 8"):
        built(PictureCnnConfig(type="picture_cnn", n_filters=[4, 4], pool_sizes=[3]))
    for wrong in ({"filter_sizes": [3, 3, 3]}, {"pool_sizes": [2, 2, 2]}, {"filter_sizes": [2]}):
        with pytest.raises(ValidationError):
            PictureCnnConfig(type="picture_cnn", **wrong)


def test_a_cnn_learns_a_batch_by_heart():
    pixels, labels = load_digits(return_X_y=True)
    pictures, gold = torch.tensor(pixels[:32] / 16, dtype=torch.float32).view(32, 8, 8), torch.tensor(labels[:32])
    model = built(PictureCnnConfig(type="picture_cnn", n_filters=[8, 16]))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(pictures=pictures), gold)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.01


def test_digits_are_those_of_scikit_learn():
    table = read_dataset(NamedData(type="named", name="digits", folds=5)).splits["test"]
    everything = {picture_text(np.rint(each * 255 / 16).astype(np.uint8)): str(digit)
                  for each, digit in zip(load_digits().images, load_digits().target, strict=True)}
    assert [everything[text] for text in table.columns["picture"]] == table.columns["digit"]
    pixels = read_picture(table.columns["picture"][0], "here")
    assert pixels.shape == (8, 8) and picture_text(pixels) == table.columns["picture"][0]


def test_files_are_read_as_grey(tmp_path):
    colours = np.zeros((2, 3, 3), np.uint8)
    colours[0], colours[1, :, 1] = 255, 255
    Image.fromarray(colours).save(tmp_path / "colour.png")
    np.testing.assert_array_equal(read_picture(str(tmp_path / "colour.png"), "here"), [[255] * 3, [150] * 3])
    Image.fromarray(np.array([[0, 257, 65_535]], np.uint16)).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_picture(str(tmp_path / "deep.png"), "here"), [[0, 1, 255]])
    Image.fromarray(colours).convert("RGBA").save(tmp_path / "opaque.png")
    np.testing.assert_array_equal(read_picture(str(tmp_path / "opaque.png"), "here"), [[255] * 3, [150] * 3])
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(tmp_path / "photo.jpg")
    assert abs(int(read_picture(str(tmp_path / "photo.jpg"), "here").mean()) - 200) < 3
    np.testing.assert_array_equal(read_picture("0 255; 1,2", "here"), [[0, 255], [1, 2]])


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    Image.new("L", (50, 50)).save(tmp_path / "whole.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "whole.png").read_bytes()[:60])
    Image.new("1", (9_000, 9_000)).save(tmp_path / "bomb.png")
    Image.new("L", (5, 5)).save(tmp_path / "other.gif")
    for name, said in (("text.png", "cannot be read as a picture"), ("half.png", "cannot be read as a picture"),
                       ("bomb.png", "9,000 x 9,000 pixels; at most"), ("other.gif", "cannot be read as a picture"),
                       ("none.png", "there is no file"), (".", "there is no file")):
        with pytest.raises(DataError, match=f"table.csv:4: .*{said}"):
            read_picture(str(tmp_path / name), "table.csv:4")
    for mode, clear in (("RGBA", (0, 0, 0, 0)), ("LA", (0, 0))):  # ink that is as black as what cannot be seen
        Image.new(mode, (5, 5), clear).save(tmp_path / "clear.png")
        with pytest.raises(DataError, match=r"table\.csv:4: .*has transparent pixels"):
            read_picture(str(tmp_path / "clear.png"), "table.csv:4")
    for text in ("0 256; 1 2", "0 1; 2", ";", "0 1;"):
        with pytest.raises(DataError, match="is not a picture"):
            read_picture(text, "table.csv:4")


def test_a_large_picture_is_drawn_small():
    assert picture_blocks(np.array([[0, 60, 120, 255]])) == ["  ░░▒▒██"]
    assert len(picture_blocks(np.zeros((200, 100)))) == 50


def paragraph(done: Done) -> str:
    printed = done.stderr.rpartition("Error: ")[2].strip()
    assert printed and "\n" not in printed and "Traceback" not in done.stderr
    return printed


def test_files_from_a_table_to_predictions(folder):
    nlp("train", "--config", "sides.yaml", "--name", "one", cwd=folder)
    assert results(folder / "runs" / "sides" / "one")["test"]["accuracy"] > 0.9
    said = nlp("predict", "sides", "table/0.png", "table/1.png", cwd=folder).stdout.splitlines()
    assert [line.split()[0] for line in said] == ["right", "left"]
    together = nlp("predict", "sides", "--input", "table/pictures.csv", "--json", cwd=folder).stdout.splitlines()
    alone = json.loads(nlp("predict", "sides", "table/7.png", "--json", cwd=folder).stdout)
    assert json.loads(together[7])["probability"] == pytest.approx(alone["probability"], abs=1e-5)
    assert "██" in nlp("data", "show", "sides.yaml", "-n", "2", cwd=folder).stdout
    Image.new("L", (5, 7)).save(folder / "tall.png")
    assert "those of the training split are 6 high and 5 wide" in paragraph(nlp("predict", "sides", "tall.png", cwd=folder, code=2))
    Image.new("L", (5, 7)).save(folder / "table" / "3.png")
    Image.new("L", (5, 9)).save(folder / "table" / "8.png")
    wrong = paragraph(nlp("train", "--config", "sides.yaml", cwd=folder, code=2))
    assert "pictures.csv:" in wrong and "All have to be of one size" in wrong


def test_a_picture_that_changed_is_other_data(folder):
    def address():
        return method_address(load_recipe(str(folder / "sides.yaml")))

    steps = ("--set", "training.checkpoints.every_steps=1")
    with failing_at(2):
        nlp("train", "--config", "sides.yaml", "--name", "stopped", *steps, cwd=folder, code=1)
    nlp("train", "--config", "sides.yaml", "--name", "one", cwd=folder)
    assert "changed since the run was trained" not in nlp("eval", "sides/one", cwd=folder).stderr
    before, pixels = address(), (folder / "table" / "3.png").read_bytes()
    Image.new("L", (5, 6)).save(folder / "table" / "3.png")
    assert address() != before
    assert "the files of column `file`: changed since the run was trained" in nlp("eval", "sides/one", cwd=folder).stderr
    assert "The data has changed since" in paragraph(nlp("train", "--resume", "sides/stopped", cwd=folder, code=2))
    (folder / "table" / "3.png").write_bytes(pixels)
    assert address() == before
    nlp("train", "--resume", "sides/stopped", cwd=folder)
    (folder / "table" / "3.png").unlink()
    assert address() != before
    assert "there is no file" in paragraph(nlp("train", "--config", "sides.yaml", cwd=folder, code=2))


def test_the_order_of_the_rows_and_the_place_of_the_folder_do_not_count(folder):
    def hashes(where, *splits):
        return PictureColumn("file").hashes([Table({"file": names}, str(folder / where / "pictures.csv")) for names in splits])

    shutil.copytree(folder / "table", folder / "copy")
    assert hashes("table", ["3.png", "4.png", "0 1"]) == hashes("copy", ["4.png"], ["0 1", "3.png", "4.png"])
    for first, second in (("3.png", "4.png"), ("4.png", "3.png")):
        shutil.copy(folder / "table" / first, folder / "copy" / second)
    assert hashes("table", ["3.png", "4.png"]) != hashes("copy", ["3.png", "4.png"])
    assert hashes("table", ["0 1"]) == {}


@pytest.mark.slow
def test_digits_from_the_command_line(tmp_path):
    quick = ["--set", "training.epochs=2", "--set", "model.n_filters=[8]", "--set", "model.hidden_sizes=[]"]
    nlp_process("train", "--config", "digits/cnn", *quick, "--name", "one", cwd=tmp_path, NLP_RUNS=str(tmp_path))
    assert results(tmp_path / "digits" / "cnn" / "one")["test"]["accuracy"] > 0.7
    table = read_dataset(NamedData(type="named", name="digits", folds=5)).splits["test"]
    Image.fromarray(read_picture(table.columns["picture"][0], "")).save(tmp_path / "digit.png")
    asked = nlp_process("predict", "digits/cnn", "digit.png", table.columns["picture"][0], "--json", cwd=tmp_path, NLP_RUNS=str(tmp_path))
    by_file, by_pixels = map(json.loads, asked.stdout.splitlines())
    assert by_file["probabilities"] == by_pixels["probabilities"]
