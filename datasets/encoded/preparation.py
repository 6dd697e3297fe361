"""Prepares tables for each task: labels, tokenizers and sizes from the training split, then encoded splits."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...configs.schema.data import SizesData
from ...configs.schema.tasks.adversarial import AdversarialConfig
from ...configs.schema.tasks.autoencoding import AutoencodingConfig
from ...configs.schema.tasks.language_modeling import VocabularyConfig
from ...configs.schema.tasks.word_vectors import WordVectorsConfig
from ...configs.schema.tokenizer import TokenizerConfig
from ..tables import Table
from ..tokenizers.tokenizer import Tokenizer
from .cache import Cache
from .numbers.picture_column import PictureColumn
from .split import Encoding, Split


@dataclass(frozen=True)
class Tokenizers:
    """The source of a task's tokenizers: `given` ones by role, others trained as `config` specifies."""

    config: TokenizerConfig | None
    cache: Cache
    given: Mapping[str, Tokenizer] = field(default_factory=dict)

    @property
    def wanted(self) -> bool:
        """Whether texts are tokenized at all."""
        return self.config is not None or "text" in self.given

    def get(self, role: str, texts: Sequence[str], config: TokenizerConfig | None = None) -> Tokenizer:
        """The tokenizer for a role (`text`, `target`, `characters`), trained on these texts if none is given."""
        if role in self.given:
            return self.given[role]
        config = config or self.config
        assert config is not None, "the schema requires a tokenizer"
        return self.cache.train(config, texts)


class Preparation(ABC):
    """Turns tables into encoded splits; one subclass per task."""

    columns: Sequence[str]
    """The columns that the task reads; empty if it reads all."""
    picture_files: PictureColumn | None = None
    """The column that may name files of pictures, if there is one."""
    document: str | None = None
    """The column that says which texts are neighbours, if there is one."""

    @property
    def column_roles(self) -> Sequence[str]:
        """What each column contains."""
        return "texts", "labels"

    @property
    def n_texts(self) -> int:
        """Number of texts in each row."""
        return list(self.column_roles).count("texts")

    @property
    def input_columns(self) -> Sequence[str]:
        """The columns that are inputs of a model."""
        return self.columns[:1]

    @property
    def reads_more_than_texts(self) -> bool:
        """Whether other columns than one or two texts are inputs, such as those of numbers; their names are fixed by the recipe."""
        return len(self.input_columns) > max(self.n_texts, 1)

    def row_texts(self, table: Table) -> Sequence[str]:
        """(rows,): the model's input of each row, as one text."""
        return table.columns[self.columns[0]]

    refers_to_training: bool = False
    """Whether scoring any split needs the texts of the training split."""

    def saw_training(self, table: Table) -> None:
        """Store the training texts that scoring refers to."""
        return

    def learned(self, encoding: Encoding) -> "Preparation":
        """The preparation to use after training, if it depends on the training split."""
        return self

    def checked(self, table: Table) -> tuple[Table, Sequence[str]]:
        """The table without the rows that the task leaves out, and notices."""
        return table, []

    def strata(self, table: Table) -> Sequence[str] | None:
        """(rows,) classes by which a sample of the training rows is stratified; None if rows have no class."""
        return None

    @abstractmethod
    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """Learn labels, tokenizers and sizes from the training split."""

    @abstractmethod
    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[Split, Sequence[str]]:
        """The encoded split, and notices."""

    @abstractmethod
    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The texts on which the tokenizer is trained, and which it encodes."""

    @abstractmethod
    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> Split:
        """Texts without gold answers, prepared for prediction."""


class TextsAlone(Preparation):
    """A task that learns from one column of text, on which its tokenizer is trained too."""

    def __init__(self, task: VocabularyConfig | WordVectorsConfig | AutoencodingConfig | AdversarialConfig) -> None:
        self.task = task
        self.columns = (task.text,)

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """Train the tokenizer, which every such task has."""
        trained = tokenizers.get("text", self.tokenizer_texts(train))
        return Encoding(SizesData(type="sizes", vocab_size=trained.vocab_size), tokenizers={"text": trained})

    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The texts."""
        return table.columns[self.task.text]
