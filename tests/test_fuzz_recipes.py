"""Recipes that came from anybody: each command ends in its answer or in one paragraph, and what `config validate` refuses does not run."""

import copy
import json
import random
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import yaml
from fuzzing import SEED, TEXTS, Workplace, again, cases, change_bytes, change_tree, places_of

SHIPPED = ["names/rules", "sst2/rules", "trec/naive-bayes", "names/logistic-regression", "trec/linear-svm", "names/decision-tree",
           "trec/random-forest", "names/knn", "names/mlp", "sst2/deep-mlp", "trec/cnn", "names/rnn", "names/lstm", "nsmc/gru",
           "trec/bilstm", "names/transformer", "conll2000/most-frequent-tag", "conll2000/hmm", "conll2000/averaged-perceptron",
           "dates/tagging-bilstm-crf", "ud_english_ewt/transformer", "ud_english_ewt/cnn", "brown/ngram", "pydocs/ngram", "pydocs/lstm",
           "tinyshakespeare/transformer", "dates/additive", "dates/fixed-context", "multi30k/transformer", "counting/gpt2-small"]
"""Recipes of every family and task; ten changed ones of each make 300."""
DATA = {"classification": {"train": "texts.csv", "columns": {"text": "line", "label": "animal"}},
        "tagging": {"train": "spans.jsonl"},
        "language_modeling": {"train": "text.txt"},
        "sequence_to_sequence": {"train": "pairs", "format": "parallel", "columns": {"source": "en", "target": "de"}}}
COLUMNS = ["text", "label", "labels", "tokens", "tags", "source", "target", "default"]
ANIMALS = ["dog", "cat", "bird"]
MOST = {"d_model": 32, "d_ff": 16, "n_heads": 2, "d_embedding": 8, "hidden_size": 8, "hidden_sizes": 8, "n_layers": 2,
        "n_encoder_layers": 1, "n_decoder_layers": 1, "n_filters": 4, "n_trees": 5, "n_iterations": 3, "max_positions": 64, "max_length": 8,
        "block_size": 12, "epochs": 2, "steps": 10, "batch_size": 8, "batch_tokens": 100, "warmup_steps": 2, "log_every": 3,
        "evaluate_every": 5}
NUMBERS = [0, 1, 2, 3, 7, 64, 4096, 65_537, 2**31 - 1, 2**31, 2**32, 2**63, 10**30, -1, 0.0, 1.0, 0.5, 1e-300, 1e300, 5e-324, 0.999999999,
           1e9]
SYNTAX = ["&a", "*a", "<<: *a", "!!python/object/apply:os.system [id]", "!!binary aGVsbG8=", "---", "...", "%YAML 1.2", "? ", "- ", "|",
          ">-", "{", "}", "[", "]", ",", ":", ": ", "#", '"', "'", "@", "`", "\t", "    ", "'\\x00'", '"\\ud800"', '"\\uD83D\\uDE00"',
          '"\\e[31m"', "~", ".inf", ".nan", "1e400", "0x1F", "0o17", "1_000", "12:30:45", "2001-01-01", "yes", "9" * 5_000, "[" * 2_000,
          "{a: " * 60, "- " * 60, "extends: recipe.yaml", "extends: names/lstm", "extends: ../../../../etc/passwd", "extends: names/base",
          "seeds: [1, 1]"]
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True))


@cache
def base(name: str, complete: bool) -> Any:
    """A shipped recipe, as it is written or with every default, over tiny data and shrunk to a second or two."""
    from nlp.configs.load import load_recipe
    from nlp.configs.yaml.inheritance import resolve

    tree = json.loads(json.dumps(load_recipe(name).model_dump() if complete else resolve(name).plain()))
    if tree["data"]["type"] == "sizes":
        return tree
    task = tree["task"]
    tree["data"] = {"type": "files", "validation_share": 0.25, **copy.deepcopy(DATA[task["type"]])}
    tree["data"]["test"] = tree["data"]["train"]
    tree["task"] = {key: value for key, value in task.items() if key not in COLUMNS}
    for number, rule in enumerate(tree["model"].get("rules") or ()):
        rule["label"] = ANIMALS[number % 3]
    if tree["model"]["type"] == "rules":
        tree["model"] |= {"default": "dog", "rules": tree["model"]["rules"][:6]}
    for holder, key in places_of(tree):
        if key in MOST and holder[key] is not None:
            holder[key] = [min(size, MOST[key]) for size in holder[key]] if isinstance(holder[key], list) else min(holder[key], MOST[key])
        if key == "min_frequency":
            holder[key] = 1
    return tree


@cache
def known_values() -> dict[str, list[Any]]:
    """For each key the values that it has in the recipes, for those called `type` by section, and those that the schema lists."""
    from nlp.configs.yaml.help import json_schema

    known: dict[str, list[Any]] = {}
    for name in SHIPPED:
        tree = {"recipe": base(name, True)}
        for holder, above in [each for each in places_of(tree) if isinstance(each[0][each[1]], dict)]:
            for key, value in holder[above].items():
                known.setdefault(known_as(key, above), []).append(value)
    for holder, properties in places_of(json_schema()):
        for key, about in holder[properties].items() if properties == "properties" else ():
            known.setdefault(known_as(key, "any"), []).extend(enumerated(about))
    return known


def known_as(key: str, above: Any) -> str:
    return f"{above}.type" if key == "type" else key


def enumerated(about: Any) -> Iterator[Any]:
    """The values that a part of a JSON Schema lists."""
    for holder, key in places_of({"schema": about}):
        if key == "enum":
            yield from holder[key]
        elif key == "const":
            yield holder[key]
        elif key == "type" and holder[key] == "boolean":
            yield from (True, False)


class Mutator:
    """Changes a recipe at random, by a seeded generator; `done` lists the changes."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.chance, self.done = chance, []
        self.tree = copy.deepcopy(base(name, chance.random() < 0.6))

    def recipe(self) -> bytes:
        """The bytes of a changed recipe."""
        if self.chance.random() < 0.5:
            self.done = [self.plausible() for _ in range(self.chance.randint(1, 4))]
            return self._dumped().encode("utf-8", "surrogatepass")
        changes: list[Callable[[], str]] = [self.plausible, self.known, self.known, self.known, self.number, self.number, self.anything,
                                            self.text, self.kind, self.key, self.section, self.section, self.loss]
        for _ in range(self.chance.choice([0, 1, 1, 2, 3])):
            self.done.append(self.chance.choice(changes)())
        if self.chance.random() < 0.1:
            self.done.append(self.alias())
        content = self._dumped().encode("utf-8", "surrogatepass")
        if not self.done or self.chance.random() < 0.25:
            how = self.chance.choice([self.lines, self.lines, self.syntax, self.syntax, self.syntax, change_bytes])
            changed, done = how(content, self.chance) if how is change_bytes else how(content.decode("utf-8", "surrogatepass"))
            content = changed if isinstance(changed, bytes) else changed.encode("utf-8", "surrogatepass")
            self.done.append(done)
        return content

    def _dumped(self) -> str:
        flow = self.chance.choice([False, False, None, True])
        try:
            return yaml.safe_dump(self.tree, sort_keys=False, allow_unicode=self.chance.random() < 0.5, default_flow_style=flow)
        except (yaml.YAMLError, RecursionError):
            return json.dumps(str(self.tree))

    def _place(self, accept: Callable[[Any], bool] = lambda value: True) -> tuple[Any, Any]:
        places = [(holder, key) for holder, key in places_of(self.tree) if accept(holder[key])]
        return self.chance.choice(places) if places else ({"nothing": None}, "nothing")

    def plausible(self) -> str:
        """A value that the key has elsewhere, or another number of its kind."""
        above, key = self.chance.choice([(holder[above], key) for holder, above in places_of({"recipe": self.tree})
                                         if isinstance(holder[above], dict) for key in holder[above]] or [({"": None}, "")])
        parent = next((name for holder, name in places_of({"recipe": self.tree}) if holder[name] is above), "")
        small = {int: [1, 2, 3, 5, 8, 13, 100, 1000], float: [0.0, 1e-4, 0.1, 0.5, 0.9, 1.0, 3.0]}.get(type(above[key]), [])
        above[key] = copy.deepcopy(self.chance.choice([*known_values().get(known_as(key, parent), [None]), *small]))
        return f"{key}: {above[key]!r}"

    def known(self) -> str:
        """A value that the key has elsewhere; where it has none, those of another key."""
        holder, key = self.chance.choice([each for each in places_of(self.tree) if isinstance(each[0], dict)] or [({}, "")])
        known = known_values()
        holder[key] = copy.deepcopy(self.chance.choice(known.get(key) or known[self.chance.choice(sorted(known))] or [None]))
        return f"{key}: {holder[key]!r}"

    def number(self) -> str:
        holder, key = self._place(lambda value: isinstance(value, int | float))
        holder[key] = self.chance.choice(NUMBERS)
        return f"{key}: {holder[key]}"

    def anything(self) -> str:
        self.tree, where = change_tree(self.tree, self.chance)
        if not isinstance(self.tree, dict):
            self.tree = {"data": self.tree}
        return where

    def text(self) -> str:
        holder, key = self._place(lambda value: isinstance(value, str) or value is None)
        holder[key] = self.chance.choice(TEXTS)
        return f"{key}: {holder[key][:30]!r}"

    def kind(self) -> str:
        """The value as another type."""
        holder, key = self._place()
        value = holder[key]
        if isinstance(value, dict):
            holder[key] = self.chance.choice([[value], list(value), list(value.items()), str(value)])
        else:
            holder[key] = self.chance.choice([str(value), [value], {"type": value}, {str(value): value}, not value, None])
        holder[key] = json.loads(json.dumps(holder[key]))
        return f"another type at {key!r}"

    def key(self) -> str:
        """Another name for a key, or a key more."""
        holder, key = self._place()
        if not isinstance(holder, dict):
            return self.known()
        others = [key.upper(), key[:-1], f"{key} ", f"{key}\u200b", key.replace("e", "е"), self.chance.choice(TEXTS), "type", "extends",
                  self.chance.choice(sorted(known_values()))]
        new = self.chance.choice(others)
        holder[new] = holder.pop(key) if self.chance.random() < 0.6 else copy.deepcopy(holder[key])
        return f"{key!r} as {new[:30]!r}"

    def section(self) -> str:
        """A section of another recipe."""
        other = self.chance.choice(SHIPPED)
        name = self.chance.choice(["model", "model", "tokenizer", "task", "training", "training", "data"])
        section = base(other, self.chance.random() < 0.3).get(name)
        if section is None:
            self.tree.pop(name, None)
        else:
            self.tree[name] = copy.deepcopy(section)
        return f"{name} of {other}"

    def loss(self) -> str:
        holder, key = self._place()
        del holder[key]
        return f"without {key!r}"

    def alias(self) -> str:
        """A value by an anchor: shared, or inside itself."""
        (holder, key), (other, place) = self._place(), self._place(lambda value: isinstance(value, dict | list))
        holder[key] = other[place]
        return f"{key!r} an alias of {place!r}"

    def lines(self, text: str) -> tuple[str, str]:
        """Lines lost, twice, in another order or at another depth."""
        lines, at = text.split("\n"), 0
        for _ in range(self.chance.choice([1, 1, 3])):
            at, other = self.chance.randrange(len(lines)), self.chance.randrange(len(lines))
            how = self.chance.choice(["lost", "twice", "moved", "deeper", "shallower"])
            line = lines.pop(at) if how in ("lost", "moved") and len(lines) > 1 else lines[at]
            if how in ("twice", "moved"):
                lines.insert(other, line)
            elif how in ("deeper", "shallower") and len(lines) > at:
                lines[at] = self.chance.choice([" ", "  ", "\t"]) + line if how == "deeper" else line.removeprefix(" ")
        return "\n".join(lines), f"lines changed around {at + 1}"

    def syntax(self, text: str) -> tuple[str, str]:
        """Signs that mean something in YAML, or that nobody expects there."""
        if self.chance.random() < 0.1:
            return LAUGHS + text, "a billion laughs"
        inserted = self.chance.choice(SYNTAX if self.chance.random() < 0.7 else TEXTS)
        if self.chance.random() < 0.4:
            return f"{inserted}\n{text}" if self.chance.random() < 0.5 else f"{text}\n{inserted}\n", f"a line {inserted[:30]!r}"
        behind = [found.end() for found in re.finditer(r": |- |\n *", text)] or [0]
        at = self.chance.choice([self.chance.randint(0, len(text)), self.chance.choice(behind)])
        over = self.chance.choice([0, 0, 1, len(text[at:].partition("\n")[0])])
        return text[:at] + inserted + text[at + over :], f"{inserted[:30]!r} at {at}"


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Workplace:
    work = Workplace(tmp_path_factory.mktemp("fuzz"))
    lines = (work.folder / "text.txt").read_text(encoding="utf-8").splitlines() * 4
    tagged = ({"tokens": line, "tags": "O B-size B-animal O"} for line in lines)
    (work.folder / "spans.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in tagged), encoding="utf-8")
    return work


def commands(chance: random.Random) -> list[tuple[str, ...]]:
    """What a recipe is given to, in some order; it is trained or tried, and its tokenizer is written or not."""
    train = ("train", "--config", "recipe.yaml", "--threads", "1", *chance.choice([[], [], [], ["--dry-run"]]))
    tokenizer = ("tokenizer", "train", "--config", "recipe.yaml", *chance.choice([[], ["--output", "tokenizer"]]))
    return chance.sample([train, tokenizer, ("count-params", "--config", "recipe.yaml")], 3)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.skipif(sys.platform == "win32", reason="forks and limits of memory")
@pytest.mark.parametrize("name", SHIPPED)
def test_any_recipe_ends_in_an_answer_or_in_one_paragraph(name, work):
    found = []
    for number in cases(10):
        chance = random.Random(f"{name} {SEED} {number}")
        mutator = Mutator(name, chance)
        content = mutator.recipe()
        (work.folder / "recipe.yaml").write_bytes(content)
        if wrong := first_wrong(work, chance):
            shown = content[:3000].decode("utf-8", "backslashreplace")
            found.append(f"{'; '.join(mutator.done)}\n{wrong}{again(number)}\n{shown}")
        work.clear()
        shutil.rmtree(work.folder / "tokenizer", ignore_errors=True)
    assert not found, f"{len(found)} wrong\n\n" + "\n\n".join(found)


def first_wrong(work: Workplace, chance: random.Random) -> str | None:
    """What is wrong with how the first command ended that ended wrong; of a recipe that is refused one more is tried."""
    if wrong := work.wrong("config", "validate", "recipe.yaml"):
        return wrong
    refused = "recipe.yaml: OK" not in work.printed.read_text(encoding="utf-8")
    own = [work.runs, work.folder / "tokenizer"]
    tried = commands(chance)[: 1 if refused else 3]
    return next((wrong for each in tried if (wrong := work.wrong(*each, own=own, codes=(2,) if refused else (0, 2)))), None)


def test_every_whole_number_of_a_recipe_has_a_largest_value():
    """Of those without one some are larger than any that torch or numpy take. A position in a line is only compared."""
    from nlp.configs.yaml.help import json_schema

    schema = json_schema()
    whole = [about for holder, key in places_of(schema) if isinstance(about := holder[key], dict) and about.get("type") == "integer"]
    position = schema["$defs"]["FileData"]["properties"]["columns"]["additionalProperties"]["anyOf"][1]
    assert [about for about in whole if not {"maximum", "enum"} & set(about)] == [position]


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("name", SHIPPED)
def test_the_recipes_that_are_changed_are_valid(name, complete, tmp_path):
    from nlp.configs.load import load_recipe

    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(base(name, complete), sort_keys=False), encoding="utf-8")
    load_recipe(str(path))
