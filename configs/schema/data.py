"""Where the examples come from: the `data:` section of a recipe."""

import codecs
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from .base import Config, PositiveInt, Seed, Share, WholeShare

Folds = Annotated[int, Field(ge=2, le=1000)]
_ESCAPES = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "raw-unicode-escape", "unicode-escape", "utf-7", "undefined")
"""Python codecs that no text file is encoded in."""


class NamedData(Config):
    """A named dataset; `nlp data list` lists them all."""

    type: Literal["named"]
    name: str
    """The dataset's name, such as `names` or `trec`."""
    remove: list[Literal["headers", "footers", "quotes"]] = []
    """For `20newsgroups` only: parts of each message to remove, as in scikit-learn's loader."""
    validation_share: Share = 0.1
    """Share of the training examples held out for validation if the dataset has no validation split."""
    split_seed: Seed = 0
    """Seed of this split, and of `train_share` and `train_rows`; independent of the training seed, so that runs are comparable."""
    folds: Folds | None = None
    """Divide the examples into this number of folds at random, for data without its own splits. `split_seed` selects the test fold: 0 to
    `folds` - 1 are the folds of one division, the next numbers those of another; so `--splits` tests on every example once."""
    train_share: WholeShare = 1.0
    """Share of the training examples to train on, stratified by class; a smaller share is a subset of a larger one. Validation and test
    splits are not reduced. Of a single long text, its beginning is used."""
    train_rows: PositiveInt | None = None
    """Number of training examples to train on, instead of `train_share`."""
    normalization: Literal["nfc", "none"] = "nfc"
    """Unicode normalisation of texts and labels when they are read, here and by `nlp predict`: NFC encodes é, or a Korean syllable, as
    one character, so that equal words are equal whatever program wrote the file."""

    @model_validator(mode="after")
    def _only_messages_have_parts(self) -> Self:
        if self.remove and self.name != "20newsgroups":
            raise ValueError("remove works only with `name: 20newsgroups`")
        return self

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        return _with_one_size(self)


class FileData(Config):
    """Your own files; relative paths are resolved against the recipe's folder."""

    type: Literal["files"]
    train: str
    """Training file: .csv, .tsv, .jsonl, .json, .parquet, .xlsx, .conll, .conllu, .txt, each also with .gz; a folder with a subfolder per
    class; for parallel files, the path without extension; for a Hugging Face dataset, FOLDER/SPLIT."""
    validation: str | None = None
    """Validation file; without one, part of the training file is held out (of a single long text, its end)."""
    test: str | None = None
    """Test file; without one, the run reports validation results only."""
    format: Literal["csv", "tsv", "jsonl", "json", "conll", "conllu", "fasttext", "folders", "huggingface", "parallel", "parquet", "text",
                    "xlsx"] | None = None
    """File format; by default inferred from the file name. `json` is a list of objects, `fasttext` has lines such as `__label__x text`,
    `folders` is a folder with a subfolder of text files per class. `conll` and `conllu` contain tagged sentences, `text` is one long
    text. `parallel` is one file per column, such as train.en and train.de, with one sentence per line. `huggingface` is a folder as
    published on the Hub or written by `save_to_disk`. `fasttext`, `huggingface` and `parallel` are never inferred."""
    header: bool = True
    """Whether the first line of a CSV or TSV file, or the first row of an Excel sheet, contains the column names."""
    columns: dict[str, str | int] = {}
    """Column name in this recipe -> the column's header, JSON key or position (counted from 0) in the file; for parallel files, the
    file extension."""
    quoting: bool | None = None
    """Whether `"` quotes fields; by default yes in CSV and no in TSV."""
    delimiter: str | None = None
    """The field separator of a CSV or TSV file, such as `;`; by default a comma in CSV and a tab in TSV."""
    encoding: str = "utf-8"
    """Encoding of text files, such as `cp1252` (Western Windows), `cp949` (Korean Windows), `latin-1` or `utf-16`."""
    validation_share: Share = 0.1
    """Share of the training examples, or of the characters of a text, held out for validation if there is no validation file."""
    split_seed: Seed = 0
    """Seed of this split, and of `train_share` and `train_rows`."""
    folds: Folds | None = None
    """Divide the examples into this number of folds at random, if there is no test file. `split_seed` selects the test fold: 0 to
    `folds` - 1 are the folds of one division, the next numbers those of another; so `--splits` tests on every example once."""
    train_share: WholeShare = 1.0
    """Share of the training examples to train on, stratified by class; a smaller share is a subset of a larger one. Validation and test
    splits are not reduced. Of a single long text, its beginning is used."""
    train_rows: PositiveInt | None = None
    """Number of training examples to train on, instead of `train_share`."""
    on_disk: bool = False
    """Read CSV, TSV and JSONL files in blocks of rows and keep their texts in the cache folder instead of memory, for files larger than
    memory. Only for classification with `tokenizer.hash_bits`, by `sgd`, `perceptron` or `naive_bayes`."""
    normalization: Literal["nfc", "none"] = "nfc"
    """Unicode normalisation of texts and labels when they are read, here and by `nlp predict`: NFC encodes é, or a Korean syllable, as
    one character, so that equal words are equal whatever program wrote the file."""

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
            known = codecs.lookup(encoding).name not in _ESCAPES
        except (LookupError, ValueError):
            known = False
        if not known:
            raise ValueError("must be a text encoding that Python supports, such as utf-8, cp1252, latin-1, cp949 or utf-16")
        return encoding

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
            raise ValueError("must be one character, such as `;` or `\\t`, and neither a quote nor a line break")
        return delimiter

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        return _with_one_size(self)

    @model_validator(mode="after")
    def _one_test_split(self) -> Self:
        if self.folds is not None and (self.test is not None or self.validation is not None):
            raise ValueError("folds takes the test and validation splits from the training file; leave out either folds, or `test` and "
                             "`validation`")
        return self


class SizesData(Config):
    """Sizes instead of data: enough to build a model and count its parameters, but not to train it."""

    type: Literal["sizes"]
    vocab_size: PositiveInt | None = None
    """Vocabulary size, including special tokens."""
    target_vocab_size: PositiveInt | None = None
    """Target vocabulary size, including special tokens, for encoder-decoders; by default equal to `vocab_size`."""
    n_features: PositiveInt | None = None
    """Length of the input vector, for models that read vectors."""
    picture_height: PositiveInt | None = None
    """Height of a picture in pixels, for models that read pictures."""
    picture_width: PositiveInt | None = None
    """Width of a picture in pixels."""

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """(height, width) of the pictures; None if there are none."""
        return None if self.picture_height is None or self.picture_width is None else (self.picture_height, self.picture_width)
    n_classes: PositiveInt | None = None
    """Number of classes, or of tags."""
    n_characters: PositiveInt | None = None
    """Number of characters, including special tokens, for models with character features."""
    columns: dict[str, PositiveInt] | None = None
    """For parsing: vocabulary sizes of the additional word columns, by name, including special tokens."""


DataConfig = Annotated[NamedData | FileData | SizesData, Field(discriminator="type")]


TextData = TypeVar("TextData", NamedData, FileData)


def _with_one_size(data: TextData) -> TextData:
    if data.train_rows is not None and data.train_share != 1:
        raise ValueError("train_share and train_rows both set the number of training examples; leave one of them out")
    return data
