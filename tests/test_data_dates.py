"""The datasets `dates` and `pydocs`, which come with the installation: their content, and the best accuracy on `dates`."""

import datetime
import re
import subprocess
import sys
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import babel_as_shipped, script
from nlp.configs.schema.data import NamedData
from nlp.datasets.formats.conll import split_tokens
from nlp.datasets.named import dates, pydocs
from nlp.datasets.named.catalog import DATASETS
from nlp.datasets.read import read_dataset
from nlp.errors import DataError

make_dates = script("make_dates")
PATH = {"PYTHONPATH": ":".join(filter(None, sys.path))}


def test_dates_are_those_that_the_docs_describe():
    dataset = read_dataset(NamedData(type="named", name="dates"))
    assert {split: len(table) for split, table in dataset.splits.items()} == DATASETS["dates"].sizes
    assert sum(DATASETS["dates"].sizes.values()) == 24_000 == 30 * len(dates.FORMS) * dates.EACH
    assert dataset.hashes == {"dates": dates.DIGEST}
    assert dataset.notices == ()
    assert tuple(dataset.splits["train"].columns) == DATASETS["dates"].columns
    texts = {split: set(table.columns["text"]) for split, table in dataset.splits.items()}
    assert not texts["train"] & (texts["validation"] | texts["test"])
    assert "Korean" in dataset.splits["test"].columns["language"]


@babel_as_shipped
def test_dates_are_written_as_babel_writes_them_and_tagged_by_its_patterns():
    from babel.dates import format_date

    seen = set()
    for text, iso, language, form, tokens, tags in list(dates.collect())[::7]:
        day = datetime.date.fromisoformat(iso)
        assert text == format_date(day, form, make_dates.LOCALES[language])
        assert tokens.replace(" ", "") == "".join(text.split())
        by_part = {}
        for token, tag in zip(split_tokens(tokens), split_tokens(tags), strict=True):
            if tag != "O":
                assert (tag[0] == "B") == (tag[2:] not in by_part)
                by_part.setdefault(tag[2:], []).append(token)
        assert {"year", "month", "day"} <= set(by_part) <= {"year", "month", "day", "weekday"}
        assert int(by_part["day"][0]) == day.day
        assert int(by_part["year"][0]) in (day.year, day.year % 100)
        assert "".join(filter(str.isdigit, text)).isascii()
        seen.add((language, form))
    assert len(seen) == 120


def test_tokens_and_tags_of_some_dates():
    day = datetime.date(2003, 8, 7)
    tagged = {name: dates.tag(dates.Language(name).pieces(day, form)) for name, form in (
        ("Korean", "full"), ("Japanese", "full"), ("Catalan", "long"), ("English", "short"), ("Portuguese", "full"))}
    assert tagged == {
        "Korean": (["2003", "년", "8", "월", "7", "일", "목요일"], ["B-year", "O", "B-month", "I-month", "B-day", "O", "B-weekday"]),
        "Japanese": (["2003", "年", "8", "月", "7", "日木曜日"], ["B-year", "O", "B-month", "O", "B-day", "B-weekday"]),
        "Catalan": (["7", "d", "’", "agost", "del", "2003"], ["B-day", "B-month", "I-month", "I-month", "O", "B-year"]),
        "English": (["8", "/", "7", "/", "03"], ["B-month", "O", "B-day", "O", "B-year"]),
        "Portuguese": (["quinta", "-", "feira", ",", "7", "de", "agosto", "de", "2003"],
                       ["B-weekday", "I-weekday", "I-weekday", "O", "B-day", "O", "B-month", "O", "B-year"]),
    }


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_tokens_are_all_of_a_text_but_its_white_space(text):
    tokens = list(dates.cut_tokens(text))
    assert "".join(token for _, token in tokens) == "".join(text.split())
    assert all(text[start:start + len(token)] == token for start, token in tokens)


def test_dates_do_not_depend_on_the_seed_of_hashes():
    script = "from nlp.datasets.named.dates import read_dates; print(read_dates().hashes['dates'])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**PATH, "PYTHONHASHSEED": "7"})
    assert ran.stdout.strip() == dates.DIGEST


def best_by_hand(text: str) -> float:
    """Every order of the three numbers of a short date, in every language and form, as babel itself writes it."""
    from babel.dates import format_date

    counts: dict[datetime.date, int] = {}
    for year, month, day in set(permutations(map(int, re.findall(r"\d+", text)))):
        if 1 <= month <= 12 and 1 <= day <= 28:
            date = datetime.date(year if year > 99 else year + (1900 if year >= 70 else 2000), month, day)
            written = [format_date(date, form, locale) for locale in make_dates.LOCALES.values() for form in dates.FORMS]
            counts[date] = counts.get(date, 0) + written.count(text)
    return max(counts.values()) / sum(counts.values())


@babel_as_shipped
@pytest.mark.slow
def test_the_best_accuracy_is_that_of_counting_by_hand():
    texts = ["8/7/03", "08/07/03", "07.08.2003", "2003. 8. 7.", "03. 8. 7."]
    by_hand = [best_by_hand(text) for text in texts]
    assert by_hand[0] < 1.0 == by_hand[2]
    assert dates.best_accuracy([*texts, texts[0]]) == pytest.approx((sum(by_hand) + by_hand[0]) / (len(texts) + 1))
    assert dates.best_accuracy([]) == 0.0
    with pytest.raises(DataError, match=r"'3/8/7' is not a text of the dataset dates"):
        dates.best_accuracy(["3/8/7"])


def test_the_best_accuracy_of_the_test_split():
    texts = dates.read_dates().splits["test"].columns["text"]
    assert dates.best_accuracy(texts) == pytest.approx(0.9957, abs=1e-4)


# The reference of Python


def test_topics_of_python_are_split_by_their_names():
    dataset = read_dataset(NamedData(type="named", name="pydocs"))
    tables = dataset.splits
    assert dataset.hashes == {"pydocs": pydocs.DIGEST}
    assert {split: len(table) for split, table in tables.items()} == DATASETS["pydocs"].sizes
    topics = {topic: text for table in tables.values() for text, topic in zip(*table.columns.values(), strict=True)}
    assert list(topics) != sorted(topics)
    assert topics["assert"].startswith('The "assert" statement\n')


def test_embedded_data_needs_neither_torch_nor_the_packages_that_it_was_made_from():
    script = ("import sys, nlp.datasets.read as r; from nlp.configs.schema.data import NamedData\n"
              "for name in ('names', 'dates', 'pydocs'): r.read_dataset(NamedData(type='named', name=name))\n"
              "print({'torch', 'babel', 'faker', 'pydoc_data'} & set(sys.modules))")
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=PATH)
    assert ran.stdout.split() == ["set()"]
