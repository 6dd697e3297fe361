"""The data files of the installation: made again by their scripts, and what happens where one is damaged."""

import gzip
import shutil

import pytest
from command import nlp
from makers import babel_as_shipped, faker_as_shipped, python_as_shipped, script
from nlp.datasets.named import dates, names, pydocs, shipped
from nlp.errors import DataError


@faker_as_shipped
def test_names_are_what_the_script_makes_of_faker():
    make_names = script("make_names")
    collected = make_names.collect()
    assert collected.content() == (shipped.SHIPPED / "names.tsv").read_bytes()
    assert collected.left_out == names.LEFT_OUT
    assert "Martin" in make_names.load(make_names.Surnames("fr_FR")) & make_names.load(make_names.Surnames("en_GB"))
    assert "Martin" not in collected.languages


@babel_as_shipped
def test_date_forms_are_what_the_script_makes_of_babel():
    assert script("make_dates").content() == (shipped.SHIPPED / "date_forms.json").read_bytes()


@python_as_shipped
def test_topics_are_what_the_script_makes_of_this_python():
    packed = (shipped.SHIPPED / "pydocs.jsonl.gz").read_bytes()
    assert script("make_pydocs").content() == gzip.decompress(packed)


def test_the_script_makes_topics_of_any_python():
    assert b'"topic": "assert"' in script("make_pydocs").content()


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the files, in place of the installed ones."""
    shutil.copytree(shipped.SHIPPED, tmp_path / "files")
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "files")
    dates._forms.cache_clear()
    yield tmp_path / "files"
    dates._forms.cache_clear()


DAMAGE = {
    "changed names": ("names.tsv", lambda path: path.write_bytes(path.read_bytes().replace(b"Polish", b"Danish", 1)), names.read_names),
    "no names": ("names.tsv", lambda path: path.unlink(), names.read_names),
    "changed forms": ("date_forms.json", lambda path: path.write_bytes(path.read_bytes().replace(b"January", b"Janus")), dates.read_dates),
    "truncated forms": ("date_forms.json", lambda path: path.write_bytes(path.read_bytes()[:5000]), dates.read_dates),
    "other forms": ("date_forms.json", lambda path: path.write_text("[1]"), dates.read_dates),
    "truncated topics": ("pydocs.jsonl.gz", lambda path: path.write_bytes(path.read_bytes()[:5000]), pydocs.read_pydocs),
    "other topics": ("pydocs.jsonl.gz", lambda path: path.write_bytes(gzip.compress(b"[1]\n")), pydocs.read_pydocs),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_file_is_an_error_with_its_place_and_a_remedy(how, copied):
    name, change, read = DAMAGE[how]
    change(copied / name)
    with pytest.raises(DataError) as error:
        read()
    assert str(copied) in str(error.value)
    assert "pip install --force-reinstall" in str(error.value)


def test_the_command_ends_in_one_paragraph(copied, tmp_path):
    (copied / "names.tsv").write_text("Kowalski\tPolish\n", encoding="utf-8")
    message = nlp("data", "show", "names", cwd=tmp_path, code=2).stderr
    assert message.startswith("Error: The dataset names in ")
    assert message.count("\n") == 1
