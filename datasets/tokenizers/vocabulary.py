"""Training of ordered tokenizers, as tokenizers of the `tokenizers` library.

The same texts give the same bytes, whatever the process or the number of threads.
"""

import json
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, assert_never

from ...configs.schema.tokenizer import SPECIAL_TOKENS, UNK, ByteTokenizer, CharacterTokenizer, SubwordTokenizer, WordTokenizer
from ...errors import ConfigError, DataError
from ..interruptible import interruptible

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SequenceConfig = WordTokenizer | CharacterTokenizer | ByteTokenizer | SubwordTokenizer

N_BYTES = 256
WORDS = {"punctuation": r"\w+|[^\w\s]", "whitespace": r"[^ \t\r\n]+", "kiwi": r"[^ ]+"}
"""Words: runs of letters, digits and underscores, and single other marks except white space; or everything between ASCII white space; or
morphemes, which are separated by single spaces."""
LONGEST_RUN = 1_000
"""Maximum length of a run without white space, or of white space alone, in training of BPE and WordPiece; longer runs, as in scripts
without spaces, are split, since the library's trainers take time quadratic in the longest one. Applying a tokenizer does not."""
LONGEST_WORD = 100
"""Longer words become [UNK] in WordPiece."""


def train_vocabulary(config: SequenceConfig, texts: Sequence[str]) -> "Tokenizer":
    """Learn the vocabulary. Raises ConfigError for a `vocab_size` that is too small, DataError if nothing is learned."""
    fewest = len(SPECIAL_TOKENS) + (N_BYTES if config.type == "bpe" else 4)
    if not isinstance(config, ByteTokenizer) and config.vocab_size < fewest:
        raise ConfigError(f"The vocab_size of the tokenizer of type {config.type} is {config.vocab_size}, but it needs at least {fewest}: "
                          f"the {len(SPECIAL_TOKENS)} special tokens and a minimal alphabet.")
    trained = _trained(config, texts)
    if trained.get_vocab_size() == len(SPECIAL_TOKENS):
        raise DataError(f"The tokenizer of type {config.type} found nothing frequent enough in {len(texts):,} training texts. "
                        "Lower its min_frequency, or look at the texts with `nlp data show`.")
    return trained


def _trained(config: SequenceConfig, texts: Sequence[str]) -> "Tokenizer":
    match config:
        case WordTokenizer():
            return _words(config, texts)
        case CharacterTokenizer():
            return _characters(config, texts)
        case ByteTokenizer():
            return _bytes(config)
        case SubwordTokenizer(type="bpe"):
            return _bpe(config, texts)
        case SubwordTokenizer(type="unigram"):
            return _unigram(config, texts)
        case SubwordTokenizer():
            return _wordpiece(config, texts)
        case _:
            assert_never(config)


def _words(config: WordTokenizer, texts: Sequence[str]) -> "Tokenizer":
    from tokenizers import Regex, models, pre_tokenizers, trainers

    special = special_names(config)
    tokenizer = _new(models.WordLevel(unk_token=special[UNK]), config.lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(WORDS[config.split]), "removed", invert=True)
    trainer = trainers.WordLevelTrainer(
        vocab_size=config.vocab_size, min_frequency=config.min_frequency, special_tokens=special, show_progress=False
    )
    interruptible(lambda: tokenizer.train_from_iterator(texts, trainer))
    return _without_added_tokens(tokenizer)


def special_names(config: SequenceConfig) -> list[str]:
    """The spelling of special tokens in the vocabulary. Only tokenizers that split at spaces can produce `[PAD]` from a text, so there each
    special token ends in a space.
    """
    between_spaces = isinstance(config, WordTokenizer) and config.split in ("whitespace", "kiwi")
    return [f"{token} " if between_spaces else token for token in SPECIAL_TOKENS]


def _characters(config: CharacterTokenizer, texts: Sequence[str]) -> "Tokenizer":
    """BPE without merges: each character is a token."""
    from tokenizers import decoders, models

    size, known = config.vocab_size - len(SPECIAL_TOKENS), normalized(texts, config.lowercase)
    characters = _frequent_characters(known, config.min_frequency, size)
    tokenizer = _new(models.BPE(_numbered(characters), [], unk_token="[UNK]"), config.lowercase)
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def _bytes(config: ByteTokenizer) -> "Tokenizer":
    """BPE without merges over bytes; byte b has the id 7 + b."""
    from tokenizers import decoders, models, pre_tokenizers

    tokenizer = _new(models.BPE(_numbered(BYTE_CHARACTERS), []), config.lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _bpe(config: SubwordTokenizer, texts: Sequence[str]) -> "Tokenizer":
    from tokenizers import decoders, models, pre_tokenizers, trainers

    tokenizer = _new(models.BPE(), config.lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.min_frequency,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=list(BYTE_CHARACTERS),
        show_progress=False,
    )
    interruptible(lambda: tokenizer.train_from_iterator(_parts(texts), trainer))
    return _without_added_tokens(tokenizer)


def _unigram(config: SubwordTokenizer, texts: Sequence[str]) -> "Tokenizer":
    """Pieces of words between spaces, with the space before a word written as ▁; no piece joins punctuation to anything else."""
    from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers

    from .unigram import train_unigram

    one_space = [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    normalizer = normalizers.Sequence([*one_space, *([normalizers.Lowercase()] if config.lowercase else [])])
    splitter = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation("contiguous")])
    known, size = [normalizer.normalize_str(text) for text in texts], config.vocab_size - len(SPECIAL_TOKENS)
    known = _only_characters(known, _frequent_characters(known, 1, size // 2))
    words = Counter(word for text in known for word, _ in splitter.pre_tokenize_str(text))
    scores = [(token, 0.0) for token in SPECIAL_TOKENS] + (train_unigram(words, size) if words else [])
    tokenizer = _new(models.Unigram(scores, unk_id=UNK), lowercase=False)
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, splitter, decoders.Metaspace()
    return tokenizer


def _wordpiece(config: SubwordTokenizer, texts: Sequence[str]) -> "Tokenizer":
    """The trainer assigns ids to `##c` in the order of words, which varies; passing them as special tokens fixes their ids."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    size = config.vocab_size - len(SPECIAL_TOKENS)
    known = normalized(texts, config.lowercase)
    characters = [each for each in _frequent_characters(known, config.min_frequency, size // 4) if not each.isspace()]
    trained = Tokenizer(models.WordPiece({}, unk_token="[UNK]"))
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.min_frequency,
        special_tokens=[*SPECIAL_TOKENS, *(f"##{each}" for each in sorted(characters) if not _is_punctuation(each))],
        initial_alphabet=characters,
        limit_alphabet=len(characters),
        show_progress=False,
    )
    known = _only_characters(known, characters)
    interruptible(lambda: trained.train_from_iterator(_parts(known), trainer))
    model = models.WordPiece(trained.get_vocab(), unk_token="[UNK]", max_input_chars_per_word=LONGEST_WORD)
    tokenizer = _new(model, config.lowercase)
    tokenizer.pre_tokenizer = trained.pre_tokenizer
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    return tokenizer


def _new(model: Any, lowercase: bool) -> "Tokenizer":
    from tokenizers import Tokenizer, normalizers

    tokenizer = Tokenizer(model)
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    return tokenizer


def _without_added_tokens(tokenizer: "Tokenizer") -> "Tokenizer":
    """The same vocabulary, but `[MASK]` in a text is split like any other string, so that no text can inject a special token."""
    from tokenizers import Tokenizer

    saved = json.loads(tokenizer.to_str())
    return Tokenizer.from_str(json.dumps(saved | {"added_tokens": []}))


def _numbered(tokens: Iterable[str]) -> dict[str, int]:
    return {token: number for number, token in enumerate([*SPECIAL_TOKENS, *tokens])}


def normalized(texts: Sequence[str], lowercase: bool) -> Sequence[str]:
    """Lower-case texts with the library, which differs from Python in a few letters."""
    from tokenizers import normalizers

    return [normalizers.Lowercase().normalize_str(text) for text in texts] if lowercase else texts


def _frequent_characters(texts: Iterable[str], min_frequency: int, most: int) -> list[str]:
    """The characters by frequency, with ties broken by code point."""
    counts = Counter("".join(texts))
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [character for character, count in ranked if count >= min_frequency][:most]


def _only_characters(texts: Sequence[str], characters: Sequence[str]) -> list[str]:
    """The texts with every other character replaced by a space, so that no piece spans one."""
    others = str.maketrans(dict.fromkeys(set("".join(texts)) - set(characters), " "))
    return [text.translate(others) for text in texts]


def _parts(texts: Iterable[str]) -> Iterator[str]:
    """The texts, split after every `LONGEST_RUN` characters of a long run."""
    run = re.compile(rf"\S{{{LONGEST_RUN}}}|\s{{{LONGEST_RUN}}}")
    for text in texts:
        ends = [match.end() for match in run.finditer(text)] if len(text) > LONGEST_RUN else []
        yield from (text[start:end] for start, end in pairwise([0, *ends, len(text)]))


def _is_punctuation(character: str) -> bool:
    """Whether WordPiece treats the character as punctuation, which is never part of a word."""
    return character in string.punctuation or unicodedata.category(character).startswith("P")


def _byte_characters() -> tuple[str, ...]:
    """The character that represents each byte in byte-level vocabularies (Radford et al. 2019): itself if it is printable."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    unseen = [byte for byte in range(N_BYTES) if byte not in seen]
    return tuple(chr(byte) if byte in seen else chr(N_BYTES + unseen.index(byte)) for byte in range(N_BYTES))


BYTE_CHARACTERS = _byte_characters()
