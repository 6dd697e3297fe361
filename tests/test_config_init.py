"""`nlp config init`: which columns a data file has, and a recipe for it."""

import gzip
import json
import shlex
from pathlib import Path

import pytest
from command import nlp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nlp.cli.init_recipe import first_settings, scheme_of, typical_words, write_recipe
from nlp.cli.sample import Sample, look_at, with_splits
from nlp.configs.load import load_recipe, recipe_name
from nlp.configs.schema.tasks.task_base import models_that_give
from nlp.errors import ConfigError, DataError

ROWS = [("the film is good", "pos"), ("a bad film", "neg"), ("good, very good", "pos"), ("what a mess", "neg")]


def csv_of(rows: list[tuple[str, ...]]) -> str:
    return "".join(",".join(f'"{cell}"' if "," in cell else cell for cell in row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.csv", csv_of([("text", "label"), *ROWS]), ("text", "label", True)),
        ("a.csv", csv_of([("id", "what", "how"), *((str(n), *row) for n, row in enumerate(ROWS))]), ("what", "how", True)),
        ("a.csv", csv_of([("sentiment", "review"), *((label, text) for text, label in ROWS)]), ("review", "sentiment", True)),
        ("a.csv", csv_of(ROWS), (0, 1, False)),
        ("a.csv", csv_of([(label, text) for text, label in ROWS]), (1, 0, False)),
        ("a.csv", csv_of([("1", "x y"), ("0", "z"), ("1", "a b"), ("0", "c")]), (1, 0, False)),
        ("a.csv", csv_of([("Straße", "Größe"), ("lang und breit", "1"), ("kurz", "2"), ("quer", "1"), ("längs", "2")]),
         ("Straße", "Größe", True)),
        ("a.tsv", 'text\tlabel\nsay "hi\tx\nho\ty\nhe\tx\n', ("text", "label", True)),
        ("a.jsonl", "".join(json.dumps({"q": text, "meta": {}, "c": label}) + "\n" for text, label in ROWS), ("q", "c", True)),
    ],
)
def test_columns_are_reported_from_names_and_content(tmp_path: Path, name: str, content: str, found: tuple) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    sample = look_at(file)
    assert (sample.text, sample.label, sample.header) == found
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(content.encode("utf-8")))
    assert look_at(packed).texts == sample.texts


NUMBERS = [("length", "width", "kind"), *((f"{5 + n % 2}.{n}", f"{n}", "ab"[n % 2]) for n in range(8))]


def test_a_table_of_numbers_is_classified_by_its_numbers(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(csv_of(NUMBERS), encoding="utf-8")
    sample = look_at(file)
    assert (sample.numbers, sample.label, sample.all_numbers) == (["length", "width"], "kind", True)
    made = first_settings(sample, "logistic_regression", tmp_path)
    assert made["task"] == {"type": "classification", "numbers": "all", "label": "kind"}
    assert made["model"] == {"type": "logistic_regression", "input": "vector"}
    assert "tokenizer" not in made
    assert first_settings(sample, "naive_bayes", tmp_path)["model"]["variant"] == "gaussian"
    assert first_settings(sample, "mlp", tmp_path)["training"]["epochs"] == 10
    with pytest.raises(ConfigError, match="from numbers and classes alone"):
        write_recipe(sample, "lstm", tmp_path / "a.yaml", force=False)


def test_a_column_that_numbers_the_rows_is_no_measurement(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = [("Id", *NUMBERS[0]), *((str(n), *row) for n, row in enumerate(NUMBERS[1:]))]
    rows[3] = ("2", "NA", *rows[3][2:])
    file.write_text(csv_of(rows), encoding="utf-8")
    sample = look_at(file)
    assert sample.numbers == ["length", "width"]
    assert "'Id'" in sample.notices[0]
    task = first_settings(sample, "logistic_regression", tmp_path)["task"]
    assert (task["numbers"], task["missing_numbers"]) == (["length", "width"], "mean")


def test_a_column_without_values_is_left_out_of_the_numbers(tmp_path: Path) -> None:
    """As programs write it that end each line with a delimiter."""
    file = tmp_path / "a.csv"
    file.write_text(csv_of([(*row, "Unnamed: 3" if n == 0 else "") for n, row in enumerate(NUMBERS)]), encoding="utf-8")
    sample = look_at(file)
    assert sample.numbers == ["length", "width"]
    assert "'Unnamed: 3' is empty" in sample.notices[0]
    assert not sample.missing_numbers


def test_columns_that_share_a_name_are_left_out_with_a_notice(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(csv_of([("text", "note", "label", "note"), *((row[0], "x", row[1], "y") for row in ROWS)]), encoding="utf-8")
    sample = look_at(file)
    assert (sample.text, sample.label) == ("text", "label")
    assert "several columns are called 'note'" in sample.notices[0]


def test_of_numbers_alone_the_class_has_a_known_name_or_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rows = [(*row[:2], {"a": "0", "b": "1"}.get(row[2], "target")) for row in NUMBERS]
    file.write_text(csv_of(rows), encoding="utf-8")
    assert look_at(file).label == "target"
    file.write_text(csv_of([(*rows[0][:2], "grade"), *rows[1:]]), encoding="utf-8")
    with pytest.raises(DataError, match="has columns of numbers only"):
        look_at(file)
    assert look_at(file, label="grade").numbers == ["length", "width"]


@pytest.mark.parametrize(("header", "text", "numbers"), [
    (("text", "label"), "w{} is good", "01"), (("message", "score"), "yes{}", ["0.5", "1.5"]), (("id", "text", "label"), "stop{}", "01"),
    (("said", "code"), "turn it {}", "12"), (("text", "label", "length"), "w{}", "01"), (("said", "label"), "go{}", ["1.0", "2.0"]),
])
def test_texts_that_repeat_are_no_class_of_numbers(tmp_path: Path, header, text, numbers) -> None:
    file = tmp_path / "a.csv"
    values = {header[-1]: "9", "id": ""}
    rows = [tuple(str(n) if name == "id" else text.format(n % 3) if name in ("text", "message", "said") else
                  numbers[n % 2] if name in ("label", "score", "code") else values[name] for name in header) for n in range(24)]
    file.write_text(csv_of([header, *rows]), encoding="utf-8")
    sample = look_at(file)
    assert sample.text in ("text", "message", "said") and sample.label in ("label", "score", "code")
    assert not sample.numbers


def test_a_class_that_is_predicted_from_one_number_is_pointed_out(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(csv_of([row[::2] for row in NUMBERS]), encoding="utf-8")
    sample = look_at(file)
    assert (sample.numbers, sample.label) == (["length"], "kind")
    assert "--text kind --label length" in sample.notices[0]


@pytest.mark.parametrize("extra", [{"tags": ["a"]}, {"title": None}, {"category": {"a": 1}}])
def test_other_keys_of_json_may_be_of_any_type(tmp_path: Path, extra) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps({"text": f"w{n % 5} x{n}", "label": n % 3, **extra}) + "\n" for n in range(30)), encoding="utf-8")
    for named in ({}, {"text": "text", "label": "label"}):
        sample = look_at(file, **named)
        assert (sample.text, sample.label) == ("text", "label")
    file.write_text("".join(json.dumps({"source": "a", "label": n, **extra, "text": None}) + "\n" for n in range(3)), encoding="utf-8")
    with pytest.raises(DataError, match="`text` is null"):
        look_at(file)


def test_a_table_of_numbers_trains_from_its_first_recipe(tmp_path: Path) -> None:
    (tmp_path / "kinds.csv").write_text(csv_of([NUMBERS[0], *NUMBERS[1:] * 5]), encoding="utf-8")
    done = nlp("config", "init", "kinds.csv", cwd=tmp_path)
    assert "2 columns of numbers, class from column 'kind'" in done.stdout
    assert "accuracy" in nlp("train", "--config", "kinds.yaml", cwd=tmp_path).stdout


def test_unusual_quotes_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_text('text\tlabel\n"two\twords"\tx\n"a"\ty\n"b"\tx\nc\ty\n', encoding="utf-8")
    assert look_at(file).texts[0] == "two\twords"
    assert first_settings(look_at(file), "lstm", tmp_path)["data"]["quoting"] is True


def test_columns_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(csv_of([("text", "label", "author"), *((*row, "me") for row in ROWS), ("x", "pos", "you")]), encoding="utf-8")
    assert look_at(file).label == "label"
    assert look_at(file, label="author").label == "author"
    assert look_at(file, text="author").text == "author"
    with pytest.raises(DataError, match=r"has no column 'autor'; the columns are text, label, author. Did you mean `author`"):
        look_at(file, label="autor")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "is empty"), ("a.csv", b"text,label\n", "2 columns and 0 rows"), ("a.csv", b"text\nx\ny\n", "1 columns"),
        ("a.csv", b"text,label\n\xff\0,x\n", "a.csv:2 is not UTF-8.*not a text file"),
        ("a.csv", b"a,b\n1,2\n3,4\n", "has columns of numbers only"),
        ("a.csv", b"text,label\nx,y\nx,y,z\n", "a.csv:3 has 3 fields"), ("a.jsonl", b"{\n", "a.jsonl:1 is not valid JSON"),
        ("a.csv.gz", b"text", "is not a complete gzip file"), ("a.txt", b"x", "must end in .csv, .tsv, .jsonl"),
        ("gone.csv", None, "There is no file"), ("a.csv", b"text,text,label\nx,x,y\n", "several columns are called 'text'"),
        ("a.conll", b"the DET\ndog\n\na DET\ncat\n", r"a\.conll:2 has 1 column"),
        ("a.csv", b"text,label\n,x\n,y\n,x\n", "'text', which is empty"),
    ],
)
def test_files_that_no_recipe_can_be_written_for(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match=words):
        look_at(file)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "data.csv"
    file.write_text(csv_of([("text", "label"), *ROWS]), encoding="utf-8")
    return file


@pytest.mark.parametrize("model", [each for each in models_that_give("classes") if each != "picture_cnn"])
def test_the_recipe_is_valid_for_every_model(data: Path, model: str) -> None:
    path = data.with_name("recipe.yaml")
    write_recipe(look_at(data), model, path, force=False)
    recipe = load_recipe(str(path))
    assert recipe.model.type == model
    assert recipe.data.model_dump()["train"] == str(data)
    assert "train: data.csv" in path.read_text(encoding="utf-8"), "relative, so that both can be moved together"


def test_a_file_without_header_gets_its_columns_by_position(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text(csv_of(ROWS), encoding="utf-8")
    settings = first_settings(look_at(file), "lstm", tmp_path / "elsewhere")
    assert settings["data"] == {"type": "files", "train": str(file), "header": False, "columns": {"text": 0, "label": 1}}
    assert settings["tokenizer"]["type"] == "words"


def test_single_words_are_read_by_their_characters(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("name,language\nKowalski,Polish\nRossi,Italian\nNowak,Polish\nBianchi,Italian\n", encoding="utf-8")
    assert first_settings(look_at(file), "gru", tmp_path)["tokenizer"] == {"type": "characters"}
    assert first_settings(look_at(file), "knn", tmp_path)["tokenizer"]["characters"] == [1, 4]


def test_rules_start_with_the_words_that_distinguish_classes(data: Path) -> None:
    words = typical_words(look_at(data))
    assert words["pos"][0] == "good"
    assert "film" not in words["pos"] + words["neg"]


def test_nothing_is_written_over(data: Path) -> None:
    path, sample = data.with_name("recipe.yaml"), look_at(data)
    write_recipe(sample, "lstm", path, force=False)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="exists and was not changed"):
        write_recipe(sample, "cnn", path, force=False)
    assert path.read_bytes() == before
    write_recipe(sample, "cnn", path, force=True)
    assert path.read_bytes() != before
    with pytest.raises(ConfigError, match=r"There is no model 'lsmt'. Did you mean lstm\?"):
        write_recipe(sample, "lsmt", path, force=True)


def test_a_link_keeps_the_name_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "3f5a9c1e").write_text(csv_of([("text", "label"), *ROWS]), encoding="utf-8")
    (tmp_path / "data.csv").symlink_to("3f5a9c1e")
    path = tmp_path / "recipe.yaml"
    write_recipe(look_at(tmp_path / "data.csv"), "naive_bayes", path, force=False)
    assert "train: data.csv" in path.read_text(encoding="utf-8")
    assert load_recipe(str(path)).data.model_dump()["train"] == str(tmp_path / "data.csv")
    (tmp_path / "mine.yaml").symlink_to("recipe.yaml")
    assert recipe_name(str(tmp_path / "mine.yaml")) == "mine"


def test_a_model_that_does_not_classify_is_refused_and_leaves_no_file(data: Path) -> None:
    others = set(models_that_give("words")) | set(models_that_give("texts"))
    for model in {"seq2seq", "transformer_seq2seq"} | others - set(models_that_give("classes")):
        with pytest.raises(ConfigError, match=rf"--model {model} cannot be written from texts and classes alone: .*{model}"):
            write_recipe(look_at(data), model, data.with_name("recipe.yaml"), force=False)
        assert not data.with_name("recipe.yaml").exists()


def sample_of(folder: Path, name: str, content: str, **options: str) -> Sample:
    (folder / name).write_text(content, encoding="utf-8")
    return look_at(folder / name, **options)


TAGGED = "John B-PER\nsaw O\nNew B-LOC\nYork I-LOC\n\nMary B-PER\nslept O\n"


@pytest.mark.parametrize(("name", "content", "data", "columns"), [
    ("a.csv", "text;label\na, b;x\nc;y\nd;x\ne;y\n", {"delimiter": ";"}, ("text", "label")),
    ("a.csv", 'text\tlabel\n"a\tb"\tx\nc\ty\nd\tx\n', {"delimiter": "\t"}, ("text", "label")),
    ("a.txt", "id\tdocument\tlabel\n1\tso good\tx\n2\tc\ty\n3\td\tx\n4\te\ty\n", {"format": "tsv"}, ("document", "label")),
    ("cooking.train", "__label__x a b\n__label__y c\n", {"format": "fasttext"}, ("text", "label")),
    ("a.json", '[{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]', {}, ("text", "label")),
    ("a.conll", TAGGED, {"columns": {"tokens": 0, "tags": 1}}, ("tokens", "tags")),
    ("a.tsv", TAGGED.replace(" ", "\t"), {"format": "conll", "columns": {"tokens": 0, "tags": 1}}, ("tokens", "tags")),
    ("a.txt", TAGGED.replace(" ", " X "), {"format": "conll", "columns": {"tokens": 0, "tags": 2}}, ("tokens", "tags")),
])
def test_files_are_read_as_people_write_them(tmp_path, name, content, data, columns):
    sample = sample_of(tmp_path, name, content)
    assert sample.settings() == {"type": "files", **data}
    assert sample.names == columns
    model = "averaged_perceptron" if sample.task == "tagging" else "naive_bayes"
    write_recipe(sample, model, tmp_path / "a.yaml", force=False)
    assert load_recipe(str(tmp_path / "a.yaml")).model_dump()["task"]["type"] == sample.task


def test_a_tagger_gets_the_scheme_of_its_tags_and_a_network_reads_characters(tmp_path):
    sample = sample_of(tmp_path, "a.txt", TAGGED)
    assert first_settings(sample, "averaged_perceptron", tmp_path)["task"]["scheme"] == "IOB2"
    write_recipe(sample, "lstm", tmp_path / "lstm.yaml", force=False)
    model = load_recipe(str(tmp_path / "lstm.yaml")).model.model_dump()
    assert model["bidirectional"] is True and model["characters"]["type"] == "cnn"
    assert [scheme_of([tags]) for tags in (["O", "S-x", "B-x"], ["NOUN", "VERB"], ["B-x", "B"])] == ["BIOES", None, None]
    assert scheme_of([["I-x", "I-x", "B-x", "O"], ["O", "I-y"]]) == scheme_of([["O", "I-x"]]) == "IOB1"
    assert scheme_of([["B-x", "I-x", "B-x", "O"], ["B-y", "I-x"]]) == "IOB2", "one sequence is invalid"
    assert sample_of(tmp_path, "b.tsv", TAGGED.replace(" ", "\t"), task="classification", text="0", label="1").task == "classification"


def test_what_has_no_single_class_is_refused_with_the_reason(tmp_path):
    several = "".join(f"{n},a|b\n{n},a|c\n{n},b\n{n},b|c\n" for n in "xyz")
    with pytest.raises(DataError, match=r"several labels in most rows, separated by '\|'"):
        sample_of(tmp_path, "a.csv", f"text,label\n{several}")
    with pytest.raises(DataError, match="several labels"):
        sample_of(tmp_path, "a.txt", "__label__a __label__b x\n")
    with pytest.raises(DataError, match=r"a.jsonl:1: the value of the JSON key `label` is a list"):
        sample_of(tmp_path, "a.jsonl", '{"id": 1, "text": "a", "label": ["b"]}\n')
    with pytest.raises(DataError, match="looks like tagging"):
        sample_of(tmp_path, "b.csv", TAGGED.replace(" ", ","))
    names = "".join(f"{n},Home; Garden\n{n},Toys; Games\n" for n in "xyz")
    assert set(sample_of(tmp_path, "c.csv", f"text,label\n{names}").labels) == {"Home; Garden", "Toys; Games"}


def test_files_beside_a_training_file_are_its_other_splits(tmp_path):
    rows = csv_of([("text", "label"), *ROWS])
    for name in ("films_train.csv", "films_dev.csv", "other.csv"):
        (tmp_path / name).write_text(rows, encoding="utf-8")
    (tmp_path / "films_test.csv").write_text("text\na\n", encoding="utf-8")
    sample = look_at(tmp_path / "films_train.csv")
    found, notices = with_splits(sample, {"validation": None, "test": None})
    assert found.splits == {"validation": tmp_path / "films_dev.csv"}
    assert "films_test.csv is beside the training file but is not used as the test split" in notices[0]
    found, _ = with_splits(sample, {"validation": None, "test": tmp_path / "other.csv"})
    assert first_settings(found, "naive_bayes", tmp_path)["data"] == {
        "type": "files", "train": "films_train.csv", "validation": "films_dev.csv", "test": "other.csv"}
    with pytest.raises(DataError, match="no column `label`"):
        with_splits(sample, {"validation": None, "test": tmp_path / "films_test.csv"})


def test_it_says_what_it_found_and_what_to_do_about_it(tmp_path):
    (tmp_path / "recipe.schema.json").write_text("{}", encoding="utf-8")
    rows = [(f"text {n}", "pos") for n in range(40)] + [("text 1", "neg"), ("y", "neg"), ("z", "NaN"), ("v", "")]
    (tmp_path / "train.csv").write_text(csv_of([("text", "label"), *rows]), encoding="utf-8")
    test = [("text", "label"), ("text 2", "pos"), ("text 3", "pos"), ("text 4", "pos"), ("new", "odd")]
    (tmp_path / "test.csv").write_text(csv_of(test), encoding="utf-8")
    done = nlp("config", "init", "train.csv", cwd=tmp_path)
    for printed in ("Text from column 'text', class from column 'label'; train", "2 classes in train: pos "):
        assert printed in done.stdout
    for printed in ("there is no validation file", "classes are unbalanced", "fewer than 10 training rows", "train lacks the classes odd",
                    "of 4 test texts occur in train too", "rows have no class in column `label`"):
        assert printed in done.stderr, printed
    written = (tmp_path / "train.yaml").read_text(encoding="utf-8")
    assert written.startswith("# yaml-language-server: $schema=recipe.schema.json\n") and "missing_labels: drop" in written
    assert "--task rules" in nlp("config", "init", "train.csv", "--task", "rules", cwd=tmp_path, code=2).stderr


TREES = """1\tShe\tshe\tPRON\t_\t_\t2\tnsubj\t_\t_
2\tsleeps\tsleep\tVERB\t_\t_\t0\troot\t_\t_

1\tDogs\tdog\tNOUN\t_\t_\t2\tnsubj\t_\t_
2\tbark\tbark\tVERB\t_\t_\t0\troot\t_\t_
3\tloudly\tloudly\tADV\t_\t_\t2\tadvmod\t_\t_

"""


def without(column: int) -> str:
    """The trees with `_` in one column."""
    rows = [line.split("\t") for line in TREES.split("\n")]
    return "\n".join("\t".join("_" if place == column else cell for place, cell in enumerate(row)) for row in rows)


def test_trees_are_tagged_unless_a_parser_is_asked_for(tmp_path):
    assert sample_of(tmp_path, "a.conllu", TREES).task == "tagging"
    assert "--task parsing" in look_at(tmp_path / "a.conllu").notices[0]
    assert not sample_of(tmp_path, "b.conllu", without(6)).notices
    parsed = sample_of(tmp_path, "a.conllu", TREES, task="parsing")
    assert first_settings(parsed, "perceptron_parser", tmp_path)["task"] == {"type": "parsing", "columns": ["form", "upos"]}
    assert sample_of(tmp_path, "c.conllu", without(3), task="parsing").reads == ["form"]
    assert sample_of(tmp_path, "d.txt", TREES, task="parsing").settings()["format"] == "conllu"
    for column, name in ((6, "head"), (7, "deprel")):
        with pytest.raises(DataError, match=f"the column `{name}` is empty"):
            sample_of(tmp_path, "e.conllu", without(column), task="parsing")


SIMILAR = [("sentence1", "sentence2", "score"), *((f"a {n}", f"b {n % 3}", f"{n / 4:g}") for n in range(40))]
PRICES = [("what", "price"), *((f"{'large ' * (n % 2)}house {n}", f"{n % 7}.5") for n in range(40))]
STARS = [("review", "stars"), *((f"text {n}", str(n % 5)) for n in range(40))]


@pytest.mark.parametrize(("rows", "options", "task"), [
    (SIMILAR, {}, {"type": "regression", "text": "sentence1", "other": "sentence2", "target": "score"}),
    (PRICES, {}, {"type": "regression", "text": "what", "target": "price"}),
    (PRICES[1:], {}, {"type": "regression", "text": "text", "target": "target"}),
    (SIMILAR, {"task": "classification", "label": "score"},
     {"type": "classification", "text": "sentence1", "other": "sentence2", "label": "score"}),
    (SIMILAR, {"text": "sentence2", "label": "score"}, {"type": "regression", "text": "sentence2", "target": "score"}),
    (SIMILAR, {"text": "sentence2", "other": "sentence1", "label": "score"},
     {"type": "regression", "text": "sentence2", "other": "sentence1", "target": "score"}),
    (STARS, {}, {"type": "classification", "text": "review", "label": "stars"}),
    (STARS, {"task": "regression"}, {"type": "regression", "text": "review", "target": "stars"}),
])
def test_numbers_and_two_texts(tmp_path, rows, options, task):
    sample = sample_of(tmp_path, "a.csv", csv_of(rows), **options)
    said = any("so the recipe is for regression" in each for each in sample.notices)
    assert said == (task["type"] == "regression" and "task" not in options)
    model = "ridge" if task["type"] == "regression" else "logistic_regression"
    assert first_settings(sample, model, tmp_path)["task"] == task
    for each in (model, "mlp", "lstm"):
        write_recipe(sample, each, tmp_path / "a.yaml", force=True)
        assert load_recipe(str(tmp_path / "a.yaml")).model_dump(exclude_unset=True)["task"] == task


def test_a_recipe_for_numbers_trains_as_it_is(tmp_path):
    (tmp_path / "pairs.csv").write_text(csv_of(SIMILAR), encoding="utf-8")
    done = nlp("config", "init", "pairs.csv", cwd=tmp_path)
    assert "the second text from column 'sentence2', number from column 'score'" in done.stdout
    assert "The number ranges from 0 to 9.75 in train." in done.stdout
    assert "pearson" in nlp("train", "pairs.yaml", cwd=tmp_path).stdout
    for wrong in (("--other", "sentence2", "--task", "tagging"), ("--relevance", "score", "--task", "regression")):
        assert "leave one of them out" in nlp("config", "init", "pairs.csv", "--force", *wrong, cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize("model", models_that_give("tree"))
@pytest.mark.parametrize("content", [TREES, without(3)], ids=["tags", "no tags"])
def test_the_recipe_is_valid_for_every_parser(tmp_path, model, content):
    write_recipe(sample_of(tmp_path, "a.conllu", content, task="parsing"), model, tmp_path / "a.yaml", force=False)
    assert load_recipe(str(tmp_path / "a.yaml")).model.type == model


def test_a_parser_trains_from_its_first_recipe(tmp_path):
    for name in ("trees-train.conllu", "trees-dev.conllu"):
        (tmp_path / name).write_text(TREES * 5, encoding="utf-8")
    done = nlp("config", "init", "trees-train.conllu", "--task", "parsing", cwd=tmp_path)
    assert "Words from column 'form', relations from column 'deprel'; train 10, validation 10 rows." in done.stdout
    assert "3 relations in train: nsubj 10, root 10, advmod 5." in done.stdout
    assert "las" in nlp("train", "--config", "trees-train.yaml", cwd=tmp_path).stdout
    nlp("config", "init", "trees-train.conllu", "--task", "parsing", "--model", "lstm", "--force", cwd=tmp_path)
    assert "parameters" in nlp("train", "--config", "trees-train.yaml", "--dry-run", cwd=tmp_path).stdout


PAIRS = [("where is the cat", "the cat is on the mat"), ("who barks", "dogs bark at night"), ("what is red", "a rose is red")]
JUDGED = [(query, candidate, str(int(place == at))) for at, (query, _) in enumerate(PAIRS) for place, (_, candidate) in enumerate(PAIRS)]


@pytest.mark.parametrize(("head", "rows", "options", "found"), [
    (("query", "candidate"), PAIRS, {}, ("query", "candidate", None, {})),
    (("id", "question", "answer", "relevance"), [("7", *row) for row in JUDGED], {}, ("question", "answer", "relevance", {})),
    (("en", "de"), PAIRS, {"task": "ranking", "text": "de", "other": "en"}, ("de", "en", None, {})),
    (("query", "passage", "points"), JUDGED, {"task": "ranking", "relevance": "points"}, ("query", "passage", "points", {})),
    ((), JUDGED, {"task": "ranking", "text": "0", "other": "1", "relevance": "2"}, (0, 1, 2, {"text": 0, "other": 1, "relevance": 2})),
])
def test_queries_and_candidates(tmp_path, head, rows, options, found):
    sample = sample_of(tmp_path, "a.csv", csv_of([head, *rows] if head else rows), **options)
    assert sample.task == "ranking" and (sample.text, sample.label, sample.relevance, sample.columns) == found


def test_what_may_be_a_class_is_ranked_only_when_asked_for(tmp_path):
    rows = csv_of([("question", "answer", "label"), *JUDGED])
    assert sample_of(tmp_path, "a.csv", rows).task == "classification"
    assert sample_of(tmp_path, "a.csv", rows, task="ranking").names == ("question", "answer")
    with pytest.raises(DataError, match=r"which the candidate\. Name them with --text and --other"):
        sample_of(tmp_path, "b.csv", csv_of([("en", "de"), *PAIRS]), task="ranking")
    with pytest.raises(DataError, match="has no column 'fr'"):
        sample_of(tmp_path, "b.csv", csv_of([("en", "de"), *PAIRS]), task="ranking", text="en", other="fr")


@pytest.mark.parametrize("model", models_that_give("ranking"))
def test_the_recipe_is_valid_for_every_ranker(tmp_path, model):
    for name in ("train.csv", "dev.csv"):
        (tmp_path / name).write_text(csv_of([("query", "candidate", "relevance"), *JUDGED]), encoding="utf-8")
    sample, _ = with_splits(look_at(tmp_path / "train.csv"), {"validation": None, "test": None})
    write_recipe(sample, model, tmp_path / "a.yaml", force=False)
    recipe = load_recipe(str(tmp_path / "a.yaml"))
    assert recipe.model.type == model and recipe.model_dump()["task"]["relevance"] == "relevance"


def test_a_ranker_trains_from_its_first_recipe(tmp_path):
    rows = [(f"{query} {n}", f"{answer} {n}") for query, answer in PAIRS for n in range(9)]
    (tmp_path / "pairs.csv").write_text(csv_of([("query", "candidate"), *rows]), encoding="utf-8")
    done = nlp("config", "init", "pairs.csv", cwd=tmp_path)
    assert "Query from column 'query', candidate from column 'candidate'; train " in done.stdout and "classes" not in done.stdout
    assert "mrr" in nlp("train", "--config", "pairs.yaml", cwd=tmp_path).stdout
    nlp("config", "init", "pairs.csv", "--model", "mlp", "--force", cwd=tmp_path)
    assert "parameters" in nlp("train", "--config", "pairs.yaml", "--dry-run", cwd=tmp_path).stdout
    (tmp_path / "judged.csv").write_text(csv_of([("query", "candidate", "relevance"), *JUDGED]), encoding="utf-8")
    assert "Name a file of other queries with --validation" in nlp("config", "init", "judged.csv", cwd=tmp_path, code=2).stderr
    assert "leave one of them out" in nlp("config", "init", "pairs.csv", "--task", "tagging", "--other", "x", cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize("name", ["two words", "it's \"good\"", "-v", "$HOME"])
def test_the_commands_that_follow_work_as_they_are_printed(tmp_path, name):
    (tmp_path / f"{name}.csv").write_text(csv_of([("text", "label"), *ROWS * 8]), encoding="utf-8")
    (tmp_path / "NEW.csv").write_text("text\ngood\n", encoding="utf-8")
    printed = nlp("config", "init", f"./{name}.csv", cwd=tmp_path).stdout.partition("Next:\n")[2]
    for command in printed.splitlines():
        tool, *arguments = shlex.split(command)
        assert tool == "nlp"
        nlp(*arguments, cwd=tmp_path)
    assert (tmp_path / "PREDICTED.csv").read_text(encoding="utf-8").startswith("text,prediction,probability\ngood,pos,")


def test_the_options_of_a_hint_work_as_they_are_printed(tmp_path):
    names = ("the 'kind'", "-my size")
    (tmp_path / "a.csv").write_text(csv_of([names, *((str(row % 2), str(row % 4)) for row in range(40))]), encoding="utf-8")
    printed = nlp("config", "init", "a.csv", "--label", names[0], cwd=tmp_path).stderr
    options = shlex.split(printed.partition(" set --text")[2].partition(".\n")[0])
    nlp("config", "init", "a.csv", "--force", "--text", *options, cwd=tmp_path)
    assert load_recipe(str(tmp_path / "a.yaml")).task.label == names[1]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=60), st.text("ab_label,;|[]{}\":\t\n\r #O-B", max_size=80).map(str.encode)),
       st.sampled_from(["csv", "tsv", "jsonl", "json", "txt", "conll", "conllu"]), st.sampled_from([None, "text", "0"]))
def test_any_bytes_have_columns_or_are_refused(tmp_path, content, ending, name):
    file = tmp_path / f"file.{ending}"
    file.write_bytes(content)
    try:
        sample = look_at(file, name)
    except DataError:
        return
    assert len(sample.texts) == len(sample.labels) > 0
