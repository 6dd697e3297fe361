"""The steps of a classical pipeline from text to features: the `analysis:` section of an n-grams tokenizer."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .base import Config, PositiveInt


class LemmasConfig(Config):
    """Lemmatisation: `were` becomes `be`. Needs the extra `linguistics`."""

    type: Literal["lemmas"]
    language: str
    """ISO 639-1 code of the language, such as `en` or `de`."""


class KiwiConfig(Config):
    """Korean morphemes, each with its part of speech, by Kiwi. Needs the extra `korean`."""

    type: Literal["kiwi"]


class PartOfSpeechConfig(Config):
    """How to use parts of speech. A tag matches all tags that begin with it: `V` matches `VV` and `VA`."""

    run: str | None = None
    """The finished run of a tagger that predicts the tags, unless Kiwi does: its path, RECIPE (the latest) or RECIPE/NAME. It reads the
    tokens of step 1, so choose `split` to match its training data; in most, punctuation marks are tokens."""
    keep: Annotated[list[str], Field(min_length=1)] | None = None
    """Keep only tokens with these tags."""
    drop: Annotated[list[str], Field(min_length=1)] | None = None
    """Leave out tokens with these tags."""
    attach: bool = False
    """Append the tag to each token, as in `가/VV`, so that homographs become different features."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.keep is None and self.drop is None and not self.attach:
            raise ValueError("give keep, drop or attach, such as `drop: [J]`")
        return self


class StopWordsConfig(Config):
    """Tokens to leave out, compared in lower case."""

    language: str | None = None
    """Use the list of this language in `stopwordsiso`: an ISO 639-1 code such as `en` or `ko`; needs the extra `linguistics`."""
    words: list[str] = []
    """Additional words to leave out."""
    exceptions: list[str] = []
    """Words of the list to keep, such as `not` for sentiment."""

    @model_validator(mode="after")
    def _names_words(self) -> Self:
        if self.language is None and not self.words:
            raise ValueError("give language, words or both, such as `language: en`")
        return self


class ClustersConfig(Config):
    """Word clusters, by k-means over the word vectors of the training vocabulary: each is a feature that counts its words in a text. They
    are stored with the run, which then no longer needs the vectors."""

    vectors: Annotated[str, Field(min_length=1)]
    """The word vectors: a file, a folder, a name of `nlp data list` or a run, as in `model.vectors`. Words are looked up as the
    previous steps produce them, without attached tags."""
    n: Annotated[int, Field(ge=2, le=100_000)] = 100
    """The number of clusters."""


class SyntaxConfig(Config):
    """Features of the parse tree in addition to the words: each word with its head, as in `film>good`."""

    parser: Annotated[str, Field(min_length=1)]
    """The finished run of a parser that reads texts without tags (`task.columns: [form]`, or `task.tagger`): its path, RECIPE (the latest)
    or RECIPE/NAME. It reads the tokens of step 1, so choose `split` to match its training data."""


class MeaningConfig(Config):
    """Features of the meaning of words, in addition to or instead of the words themselves."""

    lexicon: Annotated[dict[str, Annotated[list[str], Field(min_length=1)]], Field(min_length=1)] | None = None
    """Classes of words, such as `{good: [fine, excellent], bad: [dull]}`: each class is a feature that counts its words in a text. They
    are compared in lower case with the tokens from the previous steps, without attached tags."""
    clusters: ClustersConfig | None = None
    """Clusters of words with similar vectors."""
    latent: PositiveInt | None = None
    """Number of dimensions of latent semantic analysis (Deerwester et al. 1990): a truncated singular value decomposition of all weighted
    features; the vector of each text is scaled to length 1."""
    ngrams: bool = True
    """Whether to keep n-grams as features in addition to the latent dimensions."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.lexicon is None and self.clusters is None and self.latent is None:
            raise ValueError("give lexicon, clusters, latent or several of them, such as `latent: 100`")
        if not self.ngrams and self.latent is None:
            raise ValueError("`ngrams: false` needs latent; without it no features are left")
        return self


class AnalysisConfig(Config):
    """The steps before word n-grams are counted; character n-grams are always taken from the original text."""

    split: Literal["words", "punctuation", "whitespace"] | None = None
    """Step 1, tokens. `words` (default): runs of letters and digits; `punctuation`: these and single punctuation marks; `whitespace`:
    split at white space. Not for Kiwi, which finds its own tokens."""
    morphology: Annotated[LemmasConfig | KiwiConfig, Field(discriminator="type")] | None = None
    """Step 2, lemmas or morphemes."""
    part_of_speech: PartOfSpeechConfig | None = None
    """Step 3, parts of speech, tagged by Kiwi or by a tagger trained with this tool."""
    stop_words: StopWordsConfig | None = None
    """Step 4, stop words."""
    syntax: SyntaxConfig | None = None
    """Step 5, features of the parse tree, by a parser trained with this tool."""
    meaning: MeaningConfig | None = None
    """Step 6, classes and clusters of words, and latent dimensions."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        kiwi = isinstance(self.morphology, KiwiConfig)
        if kiwi and self.split is not None:
            raise ValueError("Kiwi finds the tokens itself; leave split out")
        if kiwi and self.syntax is not None:
            raise ValueError("syntax needs words, but Kiwi finds morphemes; leave one of them out")
        if self.part_of_speech is not None and not kiwi and self.part_of_speech.run is None:
            raise ValueError("part_of_speech needs tags: name the run of a tagger, `run: RUN`, or use `morphology: {type: kiwi}`")
        if kiwi and self.part_of_speech is not None and self.part_of_speech.run is not None:
            raise ValueError("Kiwi tags its own morphemes; leave part_of_speech.run out")
        return self
