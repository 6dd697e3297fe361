"""Where the examples come from: the `data:` section of a recipe."""

import codecs
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from .base import Config, PositiveInt, Seed, Share, WholeShare

Folds = Annotated[int, Field(ge=2, le=1000)]
_ESCAPES = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "raw-unicode-escape", "unicode-escape", "utf-7", "undefined")
"""What Python has among its encodings, but no file is written in."""


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
    """Seed of that split, and of `train_share` and `train_rows`; it is independent of the training seed, so that runs are comparable."""
    folds: Folds | None = None
    """Deal the examples into so many parts at random, for data without splits of its own. `split_seed` says which part is the test split:
    0 to `folds` - 1 are the parts of one deal, the next numbers those of another one; so `--splits` tests on every example once."""
    train_share: WholeShare = 1.0
    """Share of the training examples to train on, with each class in proportion; a smaller share is a part of a larger one. Validation
    and test stay whole. Of a single long text, its beginning."""
    train_rows: PositiveInt | None = None
    """The same as a number of examples."""
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
    """Training file: .csv, .tsv, .jsonl, .json, .parquet, .xlsx, .conll, .conllu, .txt, each also with .gz; a folder with a subfolder for
    each class; for parallel files, the path without extension; for a dataset of Hugging Face, FOLDER/SPLIT."""
    validation: str | None = None
    """Validation file; without one, part of the training file is held out (of a single long text, its end)."""
    test: str | None = None
    """Test file; without one, the run reports validation results only."""
    format: Literal["csv", "tsv", "jsonl", "json", "conll", "conllu", "fasttext", "folders", "huggingface", "parallel", "parquet", "text",
                    "xlsx"] | None = None
    """File format; by default inferred from the file name. `json` is a list of objects, `fasttext` has lines such as `__label__x text`,
    `folders` is a folder with a subfolder of text files for each class. `conll` and `conllu` contain tagged sentences, `text` is one long
    text. `parallel` is one file per column, such as train.en and train.de, with one sentence per line. `huggingface` is a folder as it is
    published on the Hub or written by `save_to_disk`. `fasttext`, `huggingface` and `parallel` are never inferred."""
    header: bool = True
    """Whether the first line of a CSV or TSV file, or the first row of an Excel sheet, contains the column names."""
    columns: dict[str, str | int] = {}
    """Column name in this recipe -> the column's header, JSON key or position (counted from 0) in the file; for parallel files, the
    file extension."""
    quoting: bool | None = None
    """Whether `"` quotes fields; by default yes in CSV and no in TSV."""
    delimiter: str | None = None
    """The character between two fields of a CSV or TSV file, such as `;`; by default a comma in CSV and a tab in TSV."""
    encoding: str = "utf-8"
    """How the characters of text files are encoded, such as `cp1252` (Western Windows), `cp949` (Korean Windows), `latin-1` or `utf-16`."""
    validation_share: Share = 0.1
    """Share of the training examples, or of the characters of a text, held out for validation if there is no validation file."""
    split_seed: Seed = 0
    """Seed of that split, and of `train_share` and `train_rows`."""
    folds: Folds | None = None
    """Deal the examples into so many parts at random, where there is no test file. `split_seed` says which part is the test split: 0 to
    `folds` - 1 are the parts of one deal, the next numbers those of another one; so `--splits` tests on every example once."""
    train_share: WholeShare = 1.0
    """Share of the training examples to train on, with each class in proportion; a smaller share is a part of a larger one. Validation
    and test stay whole. Of a single long text, its beginning."""
    train_rows: PositiveInt | None = None
    """The same as a number of examples."""
    on_disk: bool = False
    """Read CSV, TSV and JSONL files a block of rows at a time, and keep their texts in the cache folder and not in memory: for files larger
    than memory. Only for classification with `tokenizer.hash_bits`, by `sgd`, `perceptron` or `naive_bayes`."""
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
            raise ValueError("must be an encoding of texts that Python knows, such as utf-8, cp1252, latin-1, cp949 or utf-16")
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
            raise ValueError("folds cuts the test and validation splits from the training file; leave it out, or the files `test` and "
                             "`validation`")
        return self


class SizesData(Config):
    """Sizes instead of data: enough to build and count a model, not to train one."""

    type: Literal["sizes"]
    vocab_size: PositiveInt | None = None
    """Number of tokens in the vocabulary, including special tokens."""
    target_vocab_size: PositiveInt | None = None
    """Number of tokens in the target's vocabulary, for encoder-decoders; by default equal to `vocab_size`."""
    n_features: PositiveInt | None = None
    """Length of the input vector, for models that take plain vectors."""
    picture_height: PositiveInt | None = None
    """Lines of pixels of a picture, for models that read pictures."""
    picture_width: PositiveInt | None = None
    """Pixels of a line."""

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """Height and width of the pictures; None where there are none."""
        return None if self.picture_height is None or self.picture_width is None else (self.picture_height, self.picture_width)
    n_classes: PositiveInt | None = None
    """Number of classes, or of tags."""
    n_characters: PositiveInt | None = None
    """Number of characters, including special tokens, for models with character features."""
    columns: dict[str, PositiveInt] | None = None
    """For parsing: the further columns of words by name, each with the number of its values, including special tokens."""


DataConfig = Annotated[NamedData | FileData | SizesData, Field(discriminator="type")]


TextData = TypeVar("TextData", NamedData, FileData)


def _with_one_size(data: TextData) -> TextData:
    if data.train_rows is not None and data.train_share != 1:
        raise ValueError("train_share and train_rows both say how many training examples to use; leave one of them out")
    return data
