"""Readers of the formats in which individual named datasets are published, from decompressed bytes to tables."""

import io
import json
import re
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ...errors import DataError
from ..formats.encodings import decode
from ..formats.file_format import Form
from ..formats.lines import pair_lines
from ..formats.table_reader import read_table
from ..tables import Table

Reader = Callable[[Sequence[bytes], Sequence[str]], Table]
"""Decompressed bytes and paths of the files of one split -> all columns of the split."""

_AG_NEWS_LABELS = {"1": "World", "2": "Sports", "3": "Business", "4": "Sci/Tech"}
_UD_COLUMNS = ("form", "upos", "xpos", "lemma", "feats", "head", "deprel", "text")
_STRESS = re.compile(r"[012](?= |$)")
_VARIANT = re.compile(r"\([0-9]+\)$")
_TWENTY_GROUPS = re.compile(r"20news-bydate-(train|test)/([^/]+)/(\d+)")


def tab_separated(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """TSV with a header and without quoting."""
    return read_table(contents[0], sources[0], Form("tsv"))


def json_lines(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """One JSON object per line."""
    return read_table(contents[0], sources[0], Form("jsonl"))


def labelled_lines(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """`label SPACE text` in UTF-8 -> text, label."""
    return _labelled(decode(contents[0], sources[0]), sources[0])


def latin1_labelled_lines(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """`label SPACE text` in LATIN-1 -> text, label."""
    return _labelled(contents[0].decode("latin-1"), sources[0])


def trec_questions(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """`COARSE:fine SPACE text` in LATIN-1 -> text, coarse, fine. Fine labels keep their coarse part, since three have an `other`."""
    table = _labelled(contents[0].decode("latin-1"), sources[0])
    fine = table.columns["label"]
    columns = {"text": table.columns["text"], "coarse": [label.partition(":")[0] for label in fine], "fine": fine}
    return Table(columns, table.source, table.lines)


def _labelled(text: str, source: str) -> Table:
    texts, labels, numbers = [], [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line:
            continue
        label, space, rest = line.partition(" ")
        if not space:
            raise DataError(f"{source}:{number} has a label but no text: {line[:40]!r}.")
        labels.append(label)
        texts.append(rest.strip())
        numbers.append(number)
    return Table({"text": texts, "label": labels}, source, numbers)


def slots_and_intents(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """Three files with parallel lines (words, their slots, the intent) -> text, slots, intent."""
    text, slots, intent = (
        [line.strip() for line in decode(content, source).removesuffix("\n").split("\n")]
        for content, source in zip(contents, sources, strict=True)
    )
    if not len(text) == len(slots) == len(intent):
        counts = f"{len(text)}, {len(slots)} and {len(intent)}"
        raise DataError(f"{', '.join(sources)} must have the same number of lines, but have {counts}. Fetch them again.")
    for number, (words, tags) in enumerate(zip(text, slots, strict=True), start=1):
        if len(words.split()) != len(tags.split()):
            counts = f"{len(words.split())} words and {len(tags.split())} slots"
            raise DataError(f"{sources[0]}:{number} and the same line of {sources[1]} have {counts}. Fetch them again.")
    return Table({"text": text, "slots": slots, "intent": intent}, sources[0], range(1, len(text) + 1))


def ag_news(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """CSV without header (class number, title, description) -> text (title, description), label by name, title, description."""
    form = Form("csv", header=False, columns={"label": 0, "title": 1, "description": 2})
    table = read_table(contents[0], sources[0], form, ("label", "title", "description"))
    titles, descriptions = table.columns["title"], table.columns["description"]
    labels = [_AG_NEWS_LABELS.get(label, label) for label in table.columns["label"]]
    texts = [f"{title} {description}" for title, description in zip(titles, descriptions, strict=True)]
    return Table({"text": texts, "label": labels, "title": titles, "description": descriptions}, table.source, table.lines)


def ynat(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """One JSON list of objects -> title, label."""
    try:
        records: list[dict[str, Any]] = json.loads(decode(contents[0], sources[0]))
        columns = {name: [str(record[name]) for record in records] for name in ("title", "label")}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{sources[0]} is not a JSON list of objects with `title` and `label` ({error!r}). Fetch it again.") from None
    return Table(columns, sources[0])


def whole_text(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """The whole file -> text, in one row."""
    return read_table(contents[0], sources[0], Form("text"))


def universal_dependencies(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """CoNLL-U -> a row for each sentence: its words separated by spaces, one value per word in the other columns, and its text."""
    return read_table(contents[0], sources[0], Form("conllu"), _UD_COLUMNS)


def tagged_tokens(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """CoNLL with a token and its tag in each line -> tokens, tags."""
    return read_table(contents[0], sources[0], Form("conll"), ("tokens", "tags"))


def tagged_chunks(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """CoNLL with a token, its part of speech and its chunk tag in each line -> tokens, pos, chunks."""
    form = Form("conll", columns={"tokens": 0, "pos": 1, "chunks": 2})
    return read_table(contents[0], sources[0], form, tuple(form.columns))


def english_and_german(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """Two files with parallel lines -> en, de."""
    return pair_lines(dict(zip(("en", "de"), zip(contents, sources, strict=True), strict=True)))


def pronunciations(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """`word SPACE phonemes`, with numbered variants such as `read(2)` and comments after # -> word, phonemes, and phonemes without
    the stress marks 0, 1 and 2 of vowels.
    """
    words, phonemes, numbers = [], [], []
    for number, line in enumerate(decode(contents[0], sources[0]).split("\n"), start=1):
        entry = line.partition(" #")[0].strip()
        if not entry:
            continue
        word, space, sounds = entry.partition(" ")
        if not space:
            raise DataError(f"{sources[0]}:{number} has a word but no phonemes: {entry[:40]!r}.")
        words.append(_VARIANT.sub("", word))
        phonemes.append(sounds.strip())
        numbers.append(number)
    columns = {"word": words, "phonemes": phonemes, "phonemes_without_stress": [_STRESS.sub("", sounds) for sounds in phonemes]}
    return Table(columns, sources[0], numbers)


def words_of_documents(contents: Sequence[bytes], sources: Sequence[str]) -> Table:
    """JSON lines, each a document of sentences `word/tag word/tag` -> text, in one row: space-separated words, one sentence per line."""
    text = decode(contents[0], sources[0])
    try:
        sentences = [sentence for line in text.split("\n") if line for sentence in json.loads(line)["sentences"]]
        lines = [" ".join(word.rpartition("/")[0] for word in sentence.split(" ")) for sentence in sentences]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{sources[0]} is not a file of documents with `sentences` ({error!r}). Fetch it again.") from None
    return Table({"text": ["".join(f"{line}\n" for line in lines)]}, sources[0])


def conll2000_from_archive(archive: bytes) -> Mapping[str, bytes]:
    """NLTK's archive of CoNLL-2000 -> train.txt and test.txt, unchanged."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        return {name: files.read(f"conll2000/{name}") for name in ("train.txt", "test.txt")}


def brown_from_archive(archive: bytes) -> Mapping[str, bytes]:
    """NLTK's archive of the Brown corpus -> brown.jsonl: one document per line, sorted by name."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        genres = dict(line.split() for line in files.read("brown/cats.txt").decode("ascii").splitlines())
        documents = [(name, genres[name], files.read(f"brown/{name}").decode("latin-1")) for name in sorted(genres)]
    records = [{"id": name, "category": genre, "sentences": _sentences(text)} for name, genre, text in documents]
    return {"brown.jsonl": "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode("utf-8")}


def _sentences(document: str) -> list[str]:
    """The sentences of a document, one per non-blank line, with single spaces between the words."""
    return [" ".join(line.split()) for line in document.split("\n") if line.strip()]


def newsgroups_from_archive(archive: bytes) -> Mapping[str, bytes]:
    """The published archive of 20 Newsgroups -> train.jsonl and test.jsonl: text and label, sorted by group and message number."""
    messages: dict[tuple[str, str, str], str] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            match = _TWENTY_GROUPS.fullmatch(member.name)
            opened = files.extractfile(member) if match and member.isfile() else None
            if match and opened is not None:
                messages[match[1], match[2], match[3]] = opened.read().decode("latin-1")
    return {f"{split}.jsonl": _as_json_lines(messages, split) for split in ("train", "test")}


def _as_json_lines(messages: Mapping[tuple[str, str, str], str], split: str) -> bytes:
    records = [{"text": messages[key], "label": key[1]} for key in sorted(messages) if key[0] == split]
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode("utf-8")


_QUOTE = re.compile(r"(writes in|writes:|wrote:|says:|said:|^In article|^Quoted from|^\||^>)")


def strip_message(text: str, remove: Sequence[Literal["headers", "footers", "quotes"]]) -> str:
    """A newsgroup message without the given parts, by the same rules as scikit-learn's `fetch_20newsgroups`."""
    if "headers" in remove:
        text = text.partition("\n\n")[2]
    if "footers" in remove:
        text = _without_footer(text)
    if "quotes" in remove:
        text = "\n".join(line for line in text.split("\n") if not _QUOTE.search(line))
    return text


def _without_footer(text: str) -> str:
    """The text before the last line that is blank or consists of hyphens alone."""
    lines = text.strip().split("\n")
    cut = next((index for index in range(len(lines) - 1, -1, -1) if not lines[index].strip().strip("-")), 0)
    return "\n".join(lines[:cut]) if cut > 0 else text
