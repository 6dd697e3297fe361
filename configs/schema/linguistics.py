"""The steps from a text to the features of a classical pipeline: the `analysis:` section of an n-grams tokenizer."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .base import Config, PositiveInt


class LemmasConfig(Config):
    """The dictionary form of each word: `were` becomes `be`. Needs the extra `linguistics`."""

    type: Literal["lemmas"]
    language: str
    """The language by its ISO 639-1 code, such as `en` or `de`."""


class KiwiConfig(Config):
    """Korean morphemes, each with its part of speech, by Kiwi. Needs the extra `korean`."""

    type: Literal["kiwi"]


class PartOfSpeechConfig(Config):
    """What the part of speech of a token is used for. A tag matches all tags that begin with it: `V` matches `VV` and `VA`."""

    run: str | None = None
    """The finished run of a tagger that gives the tags, where Kiwi does not: its path, RECIPE (the latest) or RECIPE/NAME. It reads the
    tokens of step 1, so `split` should cut them as its own training data is: in most, punctuation marks are tokens."""
    keep: Annotated[list[str], Field(min_length=1)] | None = None
    """Keep only tokens with these tags."""
    drop: Annotated[list[str], Field(min_length=1)] | None = None
    """Leave out tokens with these tags."""
    attach: bool = False
    """Write each token with its tag, as in `가/VV`, so that words that are spelled alike become different features."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.keep is None and self.drop is None and not self.attach:
            raise ValueError("give keep, drop or attach, such as `drop: [J]`")
        return self


class StopWordsConfig(Config):
    """Tokens to leave out, compared in lower case."""

    language: str | None = None
    """The list of this language in `stopwordsiso`, by its ISO 639-1 code, such as `en` or `ko`; needs the extra `linguistics`."""
    words: list[str] = []
    """Words to leave out beside those of the list."""
    exceptions: list[str] = []
    """Words of the list to keep, such as `not` where opinions matter."""

    @model_validator(mode="after")
    def _names_words(self) -> Self:
        if self.language is None and not self.words:
            raise ValueError("give language, words or both, such as `language: en`")
        return self


class ClustersConfig(Config):
    """Classes of words that are found by k-means over the vectors of the words of the training texts: each is a feature, how many of its
    words a text has. They are kept with the run, which needs the vectors no more."""

    vectors: Annotated[str, Field(min_length=1)]
    """The word vectors: a file, a folder, a name of `nlp data list` or a run, as in `model.vectors`. Words are looked up as the steps
    before leave them, without attached tags."""
    n: Annotated[int, Field(ge=2, le=100_000)] = 100
    """The number of clusters."""


class SyntaxConfig(Config):
    """Features of the parse tree of a text, beside its words: each word together with its head, as in `film>good`."""

    parser: Annotated[str, Field(min_length=1)]
    """The finished run of a parser that reads texts without tags (`task.columns: [form]`, or `task.tagger`): its path, RECIPE (the latest)
    or RECIPE/NAME. It reads the tokens of step 1, so `split` should cut them as its own training data is."""


class MeaningConfig(Config):
    """Features of what words mean, beside or instead of the words themselves."""

    lexicon: Annotated[dict[str, Annotated[list[str], Field(min_length=1)]], Field(min_length=1)] | None = None
    """Classes of words, such as `{good: [fine, excellent], bad: [dull]}`: each class is a feature, how many of its words a text has. They
    are compared in lower case with the tokens as the steps before leave them, without attached tags."""
    clusters: ClustersConfig | None = None
    """Classes of words whose vectors are alike."""
    latent: PositiveInt | None = None
    """Latent semantic analysis (Deerwester et al. 1990): this number of dimensions, the largest of the truncated singular value
    decomposition of all weighted features; the vector of each text is scaled to length 1."""
    ngrams: bool = True
    """Whether n-grams stay features beside the latent dimensions."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if self.lexicon is None and self.clusters is None and self.latent is None:
            raise ValueError("give lexicon, clusters, latent or several of them, such as `latent: 100`")
        if not self.ngrams and self.latent is None:
            raise ValueError("with `ngrams: false`, latent is needed: nothing else would be left")
        return self


class AnalysisConfig(Config):
    """What happens to a text before n-grams of words are counted, step by step; n-grams of characters are those of the text itself."""

    split: Literal["words", "punctuation", "whitespace"] | None = None
    """Step 1, tokens. `words` (default): runs of letters and digits; `punctuation`: these and single punctuation marks; `whitespace`:
    everything between white space. Kiwi finds its own."""
    morphology: Annotated[LemmasConfig | KiwiConfig, Field(discriminator="type")] | None = None
    """Step 2, the parts that words are made of, or their dictionary form."""
    part_of_speech: PartOfSpeechConfig | None = None
    """Step 3, by the tags of Kiwi, or of a tagger that was trained with this tool."""
    stop_words: StopWordsConfig | None = None
    """Step 4, words to leave out."""
    syntax: SyntaxConfig | None = None
    """Step 5, features of the parse tree, by a parser that was trained with this tool."""
    meaning: MeaningConfig | None = None
    """Step 6, classes and clusters of words, and latent dimensions."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        kiwi = isinstance(self.morphology, KiwiConfig)
        if kiwi and self.split is not None:
            raise ValueError("Kiwi finds the tokens itself; leave split out")
        if kiwi and self.syntax is not None:
            raise ValueError("syntax is of words, and Kiwi finds morphemes; leave one of them out")
        if self.part_of_speech is not None and not kiwi and self.part_of_speech.run is None:
            raise ValueError("part_of_speech needs tags: name the run of a tagger, `run: RUN`, or use `morphology: {type: kiwi}`")
        if kiwi and self.part_of_speech is not None and self.part_of_speech.run is not None:
            raise ValueError("Kiwi gives tags of its own; leave part_of_speech.run out")
        return self
