"""YAML with places: what a value means, what is refused, and that nothing but ConfigError ever comes out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.yaml.reader import MAX_VALUES, parse_yaml, read_yaml
from nlp.configs.yaml.writer import inline
from nlp.errors import ConfigError

FILE = Path("recipe.yaml")


def plain(text: str) -> object:
    return parse_yaml(text, "recipe.yaml", FILE).plain()


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "recipe.yaml", FILE)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("5e-5", 5e-5), ("1E+3", 1000.0), ("1.", 1.0), (".5", 0.5), ("-3", -3), ("0x1f", 31), ("0o17", 15), ("010", 10),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("on", "on"), ("no", "no"), ("yes", "yes"), ("off", "off"), ("y", "y"), ("12:30", "12:30"), ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"), (".inf", ".inf"), (".nan", ".nan"), ("1e999", "1e999"), ("'5'", "5"), ('"true"', "true"), ("<<", "<<"),
    ],
)
def test_what_a_scalar_means(written: str, meant: object) -> None:
    read = plain(f"key: {written}")
    assert read == {"key": meant}
    assert type(read["key"]) is type(meant)


def test_keys_are_text_as_written() -> None:
    assert plain("{1: a, true: b, 0.50: c}") == {"1": "a", "true": "b", "0.50": "c"}


def test_every_value_keeps_its_place() -> None:
    document = parse_yaml("a: 1\nb:\n  - x\n  - {c: 2}\n", "recipe.yaml", FILE)
    items = document.mapping["b"].value
    assert str(document.mapping["a"].place) == "recipe.yaml:1:4"
    assert str(document.mapping["b"].key) == "recipe.yaml:2:1"
    assert str(items[0].place) == "recipe.yaml:3:5"
    assert str(items[1].mapping["c"].key) == "recipe.yaml:4:6"


def test_anchors_are_shared() -> None:
    assert plain("a: &x [1, {b: 2}]\nc: *x") == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "recipe.yaml:3:1", "the key 'a' is repeated; its first occurrence is in line 1"),
        ("a:\n\tb: 1\n", "recipe.yaml:2:1", "there is a tab here"),
        ("a: 1\n b: 2\n", "recipe.yaml:2:3", "or wrong indentation"),
        ("a: [1, 2\nb: 3\n", "recipe.yaml:2:2", "a bracket is not closed, or a comma is missing; opened in line 1"),
        ("a: 'x\n", "recipe.yaml:2:1", "quotes are not closed; opened in line 1"),
        ("a: b: c\n", "recipe.yaml:1:5", "put text that contains `: ` in quotes"),
        ("a: @x\n", "recipe.yaml:1:4", "must be quoted"),
        ("a: 1\n---\nb: 2\n", "recipe.yaml:2:1", "a second document starts here"),
        ("a: *x\n", "recipe.yaml:1:4", "undefined alias 'x'"),
        ("a: \x07\n", "recipe.yaml:1:4", "the control character #x0007"),
        ("a: !!python/object/apply:os.system [ls]\n", "recipe.yaml:1:4", "the tag !!python/object/apply:os.system is not supported"),
        ("? [1, 2]\n: 3\n", "recipe.yaml:1:3", "a key must be a word"),
        ("a: &x [*x]\n", "recipe.yaml:1:4", "this anchor contains itself"),
        ("[" * 1_000, "recipe.yaml:1:51", "nested more than 50 levels deep"),
    ],
)
def test_what_is_refused(text: str, place: str, words: str) -> None:
    message = refusal(text)
    assert message.startswith(f"{place}: ")
    assert words in message


def test_anchors_that_multiply_are_bounded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert f"more than {MAX_VALUES:,} values" in refusal("\n".join(lines))


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_bytes("a: 1\nb: é\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"recipe.yaml:2:4: the byte 0xe9 is not UTF-8; save the file as UTF-8"):
        read_yaml(file)


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(file).plain() == {"a": 1}


def test_files_that_are_no_recipe(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    with large.open("wb") as file:
        file.truncate(10_000_000)
    kinds = {large: "is this a data file", tmp_path: "cannot be read", tmp_path / "no.yaml": "there is no such file"}
    for path, words in kinds.items():
        with pytest.raises(ConfigError, match=words):
            read_yaml(path)


@given(st.binary(max_size=300))
def test_random_bytes_give_a_document_or_config_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "random.yaml"
    file.write_bytes(content)
    try:
        read_yaml(file).plain()
    except ConfigError as error:
        assert "random.yaml" in str(error)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@ \t\n,?~0.e", max_size=60))
def test_random_yaml_gives_a_document_or_config_error(text: str) -> None:
    try:
        parse_yaml(text, "recipe.yaml", FILE).plain()
    except ConfigError as error:
        assert str(error).startswith("recipe.yaml:")


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(["on", "null", "0o17", "1e5", "12:30", "- a", "a: b", "#", "'", "", " a ", "a\nb", "\u2028", "[x]"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc1", min_size=1, max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_in_one_line_is_read_back(value: object) -> None:
    text = inline(value)
    assert "\n" not in text
    assert plain(f"key: {text}  # a comment") == {"key": value}
