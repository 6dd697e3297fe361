"""YAML with the location of every value: file, line and column.

Reads the core schema of YAML 1.2 through PyYAML's nodes: `5e-5` is a number, `on`, `no` and `12:30` are text, only
`true` and `false` are booleans. Keys are always text. Common mistakes and attacks (tabs, duplicate keys,
other encodings, tags, exponentially expanding anchors) are refused with a short error.
"""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.events import CollectionStartEvent, ScalarEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.scanner import Scanner

from ...errors import ConfigError
from .locations import Located, Place, Scalar, shown

MAX_BYTES, MAX_DEPTH, MAX_VALUES = 5_000_000, 50, 100_000

def read_yaml(path: Path) -> Located:
    """The document in a file. Raises ConfigError with the location of the error."""
    source = shown(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{source} is larger than {MAX_BYTES // 1_000_000} MB, so it is not a recipe; is this a data file?")
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{source}: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    return parse_yaml(_decoded(content, source), source, path)


def parse_yaml(text: str, source: str, file: Path | None = None) -> Located:
    """The document in `text`, which comes from `source`. Raises ConfigError with the location of the error."""
    with _explained_errors(text, source, file):
        return _Builder(source, file).document(_Loader(text).get_single_node())


_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"null": None, "true": True, "false": False}
_SPELLINGS: Mapping[str, Scalar] = {"": None, "~": None} | {
    spelling: value for word, value in _WORDS.items() for spelling in (word, word.capitalize(), word.upper())
}


def scalar(text: str) -> Scalar:
    """The value of an unquoted scalar in YAML 1.2's core schema; numbers too large for a float, .inf and .nan remain text."""
    if text in _SPELLINGS:
        return _SPELLINGS[text]
    if _INTEGER.fullmatch(text) and len(text) < 1_000:
        return int(text)
    if _BASED.fullmatch(text) and len(text) < 1_000:
        return int(text, 0)
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    return text


class _Loader(Reader, Scanner, Parser, Composer):
    """PyYAML up to nodes, tagged only `plain` or `quoted`; there is no constructor, so no code can run."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        self.depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()
        if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag not in (None, "!"):
            tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
            raise _Refused(f"the tag {tag} is not supported; write the value without it", event.start_mark)
        if self.depth == MAX_DEPTH:
            raise _Refused(f"nested more than {MAX_DEPTH} levels deep, which no recipe needs", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def descend_resolver(self, current_node: Any, current_index: Any) -> None: ...

    def ascend_resolver(self) -> None: ...

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        return "plain" if kind is ScalarNode and implicit[0] else "quoted"


class _Refused(yaml.MarkedYAMLError):
    """Well-formed YAML that is not supported."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class _Builder:
    """Turns PyYAML's nodes into located values. Anchored nodes are built once and shared, but counted at each use."""

    def __init__(self, source: str, file: Path | None) -> None:
        self.start = Place(source, file=file)
        self.built: dict[int, tuple[Located, int] | None] = {}

    def document(self, node: Node | None) -> Located:
        """The document; null if it is empty."""
        return Located(None, self.start) if node is None else self.build(node)[0]

    def build(self, node: Node) -> tuple[Located, int]:
        """The located value of a node, and the number of values in it."""
        if id(node) not in self.built:
            self.built[id(node)] = None
            self.built[id(node)] = self._build(node)
        built = self.built[id(node)]
        if built is None:
            raise _Refused("this anchor contains itself", node.start_mark)
        return built

    def _build(self, node: Node) -> tuple[Located, int]:
        if isinstance(node, MappingNode):
            value, size = self._mapping(node)
        elif isinstance(node, SequenceNode):
            parts = [self.build(item) for item in node.value]
            value, size = [item for item, _ in parts], sum(size for _, size in parts)
        else:
            value, size = scalar(node.value) if node.tag == "plain" else node.value, 0
        if size > MAX_VALUES:
            raise _Refused(f"its anchors expand to more than {MAX_VALUES:,} values", node.start_mark)
        return Located(value, self._place(node)), size + 1

    def _mapping(self, node: MappingNode) -> tuple[dict[str, Located], int]:
        entries: dict[str, Located] = {}
        total = 0
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                raise _Refused("a key must be a word, not a list or a mapping", key.start_mark)
            if key.value in entries:
                first = entries[key.value].key
                raise _Refused(f"the key {key.value!r} is repeated; its first occurrence is in line {first and first.line}. "
                               "Remove one of them", key.start_mark)
            built, size = self.build(item)
            entries[key.value] = replace(built, key=self._place(key))
            total += size
        return entries, total

    def _place(self, node: Node) -> Place:
        return replace(self.start, line=node.start_mark.line + 1, column=node.start_mark.column + 1)


_HINTS = {
    r"'\t'": "there is a tab here; YAML indents and separates with spaces: replace it with spaces",
    "mapping values are not allowed here": "a second `: ` in this line, a line above without `:`, or wrong "
                                           "indentation; put text that contains `: ` in quotes",
    "could not find expected ':'": "a key without `:` after it",
    "expected <block end>": "the indentation does not match the lines above, or a bracket or quote is still open there",
    "expected '<document start>'": "the indentation does not match the lines above",
    "expected ',' or": "a bracket is not closed, or a comma is missing",
    "unexpected end of stream": "quotes are not closed",
    "but found another document": "a second document starts here with `---`; a file contains one recipe",
    "cannot start any token": "text that starts with this character must be quoted",
}


@contextmanager
def _explained_errors(text: str, source: str, file: Path | None) -> Iterator[None]:
    """Turn PyYAML's errors into ConfigErrors with a location."""
    try:
        yield
    except ReaderError as error:
        before = text[: error.position]
        place = Place(source, before.count("\n") + 1, error.position - before.rfind("\n"), file)
        raise ConfigError(f"{place}: the control character #x{int(error.character):04x} is not allowed in YAML; "
                          "remove it.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source, mark.line + 1, mark.column + 1, file) if mark else Place(source, file=file)
        raise ConfigError(f"{place}: {_explained(error)}.") from None


def _explained(error: yaml.MarkedYAMLError) -> str:
    if isinstance(error, _Refused):
        return str(error.problem)
    problem = f"{error.context or ''} {error.problem or ''}".strip()
    hint = next((hint for pattern, hint in _HINTS.items() if pattern in problem), None)
    opened = f"; opened in line {error.context_mark.line + 1}" if error.context_mark and "not closed" in (hint or "") else ""
    return f"invalid YAML: {hint or problem}{opened}"


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise ConfigError(f"{source}:{line}:{column}: the byte 0x{content[error.start]:02x} is not UTF-8; "
                          "save the file as UTF-8 (in most editors: Save with encoding).") from None
