"""How text becomes numbers: the `tokenizer:` section of a recipe."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from .base import Config, PositiveInt
from .context import ContextConfig
from .linguistics import AnalysisConfig, ClustersConfig

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[BOS]", "[EOS]")
"""The first ids of every ordered tokenizer, in this order."""
PAD, UNK, CLS, SEP, MASK, BOS, EOS = range(7)


class TokenSequence(Config):
    """The keys of every tokenizer that keeps the order of its tokens."""

    ordered: ClassVar[bool] = True

    lowercase: bool = False
    """Convert the text to lower case first."""
    max_length: PositiveInt | None = None
    """Truncate each text after this many tokens; `nlp data check` reports how many texts are truncated."""
    add_cls: bool = False
    """Put [CLS] before each text; required by `pooling: cls`."""


class WordTokenizer(TokenSequence):
    """Words; the white space between them is dropped."""

    type: Literal["words"]
    split: Literal["punctuation", "whitespace", "kiwi"] = "punctuation"
    """`punctuation`: runs of letters and digits, and single punctuation marks; `whitespace`: everything between white space, for
    texts that are already tokenized; `kiwi`: the morphemes of Korean, by Kiwi (extra `korean`)."""
    vocab_size: PositiveInt = 50_000
    """Maximum vocabulary size, including special tokens; the most frequent words are kept."""
    min_frequency: PositiveInt = 2
    """Words seen fewer times in training become [UNK]. With 1 the network never sees [UNK] in training, so its embedding stays
    untrained."""
    counted_in: Literal["train", "all_splits"] = "train"
    """Where words are counted. `all_splits`: in validation and test too, to compare with published language models whose vocabulary
    was built this way (Bengio et al. 2003); it depends on which words the test text has, not on their order."""


class CharacterTokenizer(TokenSequence):
    """Single Unicode characters."""

    type: Literal["characters"]
    vocab_size: PositiveInt = 10_000
    """Maximum vocabulary size, including special tokens; the most frequent characters are kept."""
    min_frequency: PositiveInt = 1
    """Characters seen fewer times in training become [UNK]."""


class ByteTokenizer(TokenSequence):
    """The bytes of the text in UTF-8: 256 tokens and the special ones, no out-of-vocabulary tokens."""

    type: Literal["bytes"]


class SubwordTokenizer(TokenSequence):
    """Subwords, learned from the training split.

    `bpe`: byte-pair encoding (Sennrich et al. 2016); `unigram`: the unigram language model (Kudo 2018);
    `wordpiece`: WordPiece (Schuster and Nakajima 2012).
    """

    type: Literal["bpe", "unigram", "wordpiece"]
    vocab_size: PositiveInt = 8_000
    """Vocabulary size, including special tokens."""
    min_frequency: PositiveInt = 2
    """Pairs seen fewer times are not merged (not used by `unigram`)."""


class PretrainedTokenizer(Config):
    """The tokenizer of a published network (`model.type: pretrained`), which needs this section only to change its settings."""

    ordered: ClassVar[bool] = True

    type: Literal["pretrained"]
    max_length: PositiveInt | None = None
    """Truncate each text after this many tokens; by default, at the network's maximum number of positions."""
    special_tokens: bool = True
    """Add the tokens that the network expects around a text, such as [CLS] and [SEP]; in tagging none are added."""


class NgramTokenizer(Config):
    """Weighted n-grams without order: TF-IDF or counts, as in scikit-learn."""

    ordered: ClassVar[bool] = False

    type: Literal["ngrams"]
    words: list[PositiveInt] | None = None
    """Shortest and longest word n-gram, such as [1, 2]; at least one of `words` and `characters` is required."""
    characters: list[PositiveInt] | None = None
    """Shortest and longest character n-gram, such as [1, 4]."""
    across_words: bool = True
    """Whether character n-grams may span several words (scikit-learn's `char`) or stay within words (`char_wb`)."""
    lowercase: bool = True
    """Convert the text to lower case first."""
    weighting: Literal["tfidf", "counts", "binary"] = "tfidf"
    """TF-IDF (smoothed, each text scaled to length 1), plain counts, or 1 for each n-gram that occurs."""
    sublinear: bool = False
    """Use 1 + ln(count) instead of the count."""
    min_frequency: PositiveInt = 1
    """N-grams that occur in fewer training texts are left out."""
    max_features: PositiveInt | None = None
    """Keep only the N most frequent n-grams of each kind."""
    hash_bits: Annotated[int, Field(ge=8, le=26)] | None = None
    """Map the n-grams of each kind to features by a hash of this many bits (Weinberger et al. 2009), such as 20 for a million features,
    instead of a vocabulary: memory does not grow with the corpus, but n-grams lose their names, and some collide."""
    stop_words: Literal["english"] | None = None
    """Leave out scikit-learn's list of frequent English words."""
    analysis: AnalysisConfig | None = None
    """The linguistic steps before words are counted: lemmas or morphemes, parts of speech, stop words, meaning."""
    context: ContextConfig | None = None
    """Features of the texts before and after a text in its document, which `task.document` identifies; for classical models."""

    @model_validator(mode="after")
    def _one_list_of_stop_words(self) -> Self:
        if self.analysis is not None and self.stop_words is not None:
            raise ValueError("stop_words is for texts without analysis; use analysis.stop_words, such as `{language: en}`")
        if self.analysis is not None and self.words is None:
            raise ValueError("analysis works on words; give words too, such as `words: [1, 2]`")
        return self

    @property
    def as_before(self) -> dict[str, Any]:
        """Keys at their default that are newer than some runs, whose tokenizers are identified by their settings without these keys."""
        missing: dict[str, Any] = {name: True for name in ("analysis", "hash_bits", "context") if getattr(self, name) is None}
        if self.analysis is not None:
            newer = {"part_of_speech": {"run"}} if self.tagger is None else {}
            missing["analysis"] = newer | ({"meaning": {"clusters"}} if self.clusters is None else {})
        return missing

    @property
    def offsets(self) -> tuple[int, ...]:
        """Positions, relative to a text, of the neighbours that provide features."""
        return () if self.context is None else self.context.offsets

    @property
    def tagger(self) -> str | None:
        """The run that provides parts of speech."""
        steps = self.analysis
        return None if steps is None or steps.part_of_speech is None else steps.part_of_speech.run

    @property
    def parser(self) -> str | None:
        """The run that provides parse trees."""
        return None if self.analysis is None or self.analysis.syntax is None else self.analysis.syntax.parser

    @property
    def clusters(self) -> ClustersConfig | None:
        """The word clusters that are used as features."""
        steps = self.analysis
        return None if steps is None or steps.meaning is None else steps.meaning.clusters

    def with_tagger(self, run: str) -> Self:
        """A copy with another name for the run that tags parts of speech."""
        steps = self.analysis
        assert steps is not None and steps.part_of_speech is not None, "there is a tagger"
        part_of_speech = steps.part_of_speech.model_copy(update={"run": run})
        return self.model_copy(update={"analysis": steps.model_copy(update={"part_of_speech": part_of_speech})})

    def with_parser(self, run: str) -> Self:
        """A copy with another name for the run that parses."""
        assert self.analysis is not None and self.analysis.syntax is not None, "there is a parser"
        syntax = self.analysis.syntax.model_copy(update={"parser": run})
        return self.model_copy(update={"analysis": self.analysis.model_copy(update={"syntax": syntax})})

    def with_vectors(self, name: str) -> Self:
        """A copy with another name for the word vectors that are clustered."""
        assert self.analysis is not None and self.analysis.meaning is not None and self.clusters is not None, "there are clusters"
        meaning = self.analysis.meaning.model_copy(update={"clusters": self.clusters.model_copy(update={"vectors": name})})
        return self.model_copy(update={"analysis": self.analysis.model_copy(update={"meaning": meaning})})

    @model_validator(mode="after")
    def _hashed(self) -> Self:
        if self.hash_bits is not None and (self.min_frequency > 1 or self.max_features is not None):
            raise ValueError("with hash_bits single n-grams are not counted; leave min_frequency and max_features out")
        return self

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        given = [bounds for bounds in (self.words, self.characters) if bounds is not None]
        if not given:
            raise ValueError("give words, characters or both, such as `words: [1, 2]`")
        if any(len(bounds) != 2 or bounds[0] > bounds[1] for bounds in given):
            raise ValueError("words and characters are each [shortest, longest], such as [1, 2]")
        return self


class SimilarityTokenizer(Config):
    """Instead of tokens, ten numbers for the similarity of two texts (`task.other`), for models without order. TF-IDF and latent dimensions
    are learned from all texts of the training split."""

    ordered: ClassVar[bool] = False

    type: Literal["similarities"]
    lowercase: bool = True
    """Convert the texts to lower case first."""
    latent: Annotated[int, Field(ge=1, le=10_000)] = 300
    """Dimensions of the latent semantic analysis of the character n-grams (Deerwester et al. 1990); fewer if there are fewer texts."""


TokenizerConfig = Annotated[
    WordTokenizer | CharacterTokenizer | ByteTokenizer | SubwordTokenizer | PretrainedTokenizer | NgramTokenizer
    | SimilarityTokenizer,
    Field(discriminator="type"),
]
