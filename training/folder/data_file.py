"""`data.json`: facts about a run's training data that evaluation, prediction and resuming need."""

from dataclasses import asdict
from typing import Annotated, Self

from pydantic import Field, model_validator

from ...configs.schema.data import SizesData
from ...configs.schema.saved import Count, Finite, Saved
from ...datasets.encoded.numbers.scaling import Scaling
from ...datasets.encoded.split import Data, Encoding, Standard
from ...datasets.tokenizers.tokenizer import Tokenizer, load_tokenizer
from ...errors import RunError
from ...terminal import argument
from ..sources.tagger import open_tagger
from .files import REMEDY, checksum, disk_errors, read_json, read_saved, write_json
from .run_directory import RunDirectory

FORMAT = 2
"""Incremented when older versions of this tool can no longer read `data.json`."""

Role = Annotated[str, Field(pattern="^[a-z]{1,20}[0-9]{0,3}$")]


class SavedStandard(Saved):
    """Mean and scale of the training targets."""

    mean: Finite
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class DataFile(Saved):
    """Label names, sizes, mean and scale of numbers to predict, and fingerprints of the tokenizers and the data.

    `checksum` covers all other fields.
    """

    format: int
    labels: list[str]
    label_counts: list[Count]
    spec: SizesData
    standard: SavedStandard | None = None
    hashes: dict[str, str]
    tokenizers: dict[Role, str]
    """Fingerprints by role."""
    scaling: Scaling | None = None
    word_counts: list[Count] = []
    """Only for tasks that sample words by frequency."""
    checksum: str

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("has the same label twice")
        if len(self.label_counts) != len(self.labels) or self.spec.n_classes not in (None, len(self.labels)):
            raise ValueError(f"has {len(self.labels)} labels, {len(self.label_counts)} counts of labels and {self.spec.n_classes} classes")
        if len(self.word_counts) not in (0, self.spec.vocab_size):
            raise ValueError(f"has {len(self.word_counts)} counts of words and a vocabulary of {self.spec.vocab_size}")
        return self


def save_data(directory: RunDirectory, data: Data) -> None:
    """Save labels, sizes, tokenizers and the hashes of the data with a run. Raises RunError if the run was started with other data."""
    encoding = data.encoding
    about = {"format": FORMAT, "labels": list(encoding.labels), "label_counts": list(encoding.label_counts),
             "spec": encoding.spec.model_dump(exclude_none=True), "hashes": dict(data.hashes),
             "tokenizers": {role: tokenizer.fingerprint() for role, tokenizer in encoding.tokenizers.items()}}
    if encoding.scaling is not None:
        about["scaling"] = encoding.scaling.model_dump()
    if encoding.standard is not None:
        about["standard"] = asdict(encoding.standard)
    if encoding.word_counts:
        about["word_counts"] = list(encoding.word_counts)
    about["checksum"] = checksum(about)
    if directory.data.exists() and _read(directory).model_copy(update={"checksum": about["checksum"]}) != DataFile(**about):
        raise RunError(f"The data has changed since run {directory.path} was started ({directory.data.name} contains its hashes). "
                       "Restore the old data, or start a new run with --config.")
    for role, tokenizer in encoding.tokenizers.items():
        folder = directory.tokenizer(role)
        with disk_errors(folder):
            tokenizer.save(folder)
    write_json(directory.data, about)


def load_encoding(directory: RunDirectory) -> tuple[Encoding, frozenset[str]]:
    """The encoding of the run's data, and the hashes of that data. Raises RunError if a file is missing or damaged."""
    if not directory.data.exists():
        raise RunError(f"{directory.path} was stopped before its training started: it has no data.json. "
                       f"Resume it with `nlp train --resume {argument(directory.path)}`, or copy the folder again from the original.")
    about = _read(directory)
    tokenizers = {role: _tokenizer(directory, role, about) for role in about.tokenizers}
    if about.spec.vocab_size is not None and "text" not in tokenizers:
        raise RunError(f"{directory.data} gives a vocabulary size, but no tokenizer. {REMEDY}")
    standard = None if about.standard is None else Standard(about.standard.mean, about.standard.scale)
    encoding = Encoding(about.spec, tuple(about.labels), tuple(about.label_counts), tokenizers, about.scaling, standard,
                        tuple(about.word_counts))
    return encoding, frozenset(about.hashes.values())


def data_hashes(directory: RunDirectory) -> dict[str, str]:
    """The hash of each file, or of each table made here, that the run was trained on. Raises RunError if `data.json` is damaged."""
    return _read(directory).hashes


def _read(directory: RunDirectory) -> DataFile:
    """Read the file and verify its checksum: labels in another order would give plausible but wrong predictions."""
    path, read = directory.data, read_json(directory.data)
    number = read.get("format") if isinstance(read, dict) else None
    if type(number) is int and number != FORMAT:
        raise RunError(f"{path} has the format {number}, but this version of nlp reads {FORMAT}. "
                       "Use the version that trained the run, or train again.")
    about = read_saved(path, DataFile)
    if about.checksum != checksum(read):
        raise RunError(f"{path} has changed since it was written: its checksum does not match. It contains the labels in the order "
                       "that the model uses; copy it again from the original folder, or train again.")
    return about


def _tokenizer(directory: RunDirectory, role: str, about: DataFile) -> Tokenizer:
    """The tokenizer of a role. Raises RunError if it is not the run's own: its ids would stand for other tokens."""
    sizes = {"text": about.spec.vocab_size, "target": about.spec.target_vocab_size, "characters": about.spec.n_characters,
             **{f"column{number}": size for number, size in enumerate((about.spec.columns or {}).values(), start=1)}}
    folder = directory.tokenizer(role)
    tokenizer = load_tokenizer(folder, sizes.get(role), open_tagger)
    if tokenizer.fingerprint() != about.tokenizers[role]:
        raise RunError(f"The tokenizer in {folder} is not the one that the model was trained with, according to data.json. "
                       "Copy the folder again from the original, or train again.")
    return tokenizer
