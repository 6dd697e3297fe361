"""What each task makes of tables: labels, tokenizers and sizes from the training split, then splits in numbers."""

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
    """Where a task gets its tokenizers: `given` ones by role, others trained as `config` specifies."""

    config: TokenizerConfig | None
    cache: Cache
    given: Mapping[str, Tokenizer] = field(default_factory=dict)

    @property
    def wanted(self) -> bool:
        """Whether texts are tokenized at all."""
        return self.config is not None or "text" in self.given

    def get(self, role: str, texts: Sequence[str], config: TokenizerConfig | None = None) -> Tokenizer:
        """The tokenizer for a role (`text`, `target`, `characters`), trained on these texts where none is given."""
        if role in self.given:
            return self.given[role]
        config = config or self.config
        assert config is not None, "the schema requires a tokenizer"
        return self.cache.train(config, texts)


class Preparation(ABC):
    """What a task makes of tables: one class for each task."""

    columns: Sequence[str]
    """The columns that the task reads; none where it reads all."""
    picture_files: PictureColumn | None = None
    """The one of them that may name files of pictures, if there is one."""
    document: str | None = None
    """The one of them that says which texts are neighbours, if there is one."""

    @property
    def column_roles(self) -> Sequence[str]:
        """What is read from each of them."""
        return "texts", "labels"

    @property
    def n_texts(self) -> int:
        """How many texts are read of each row."""
        return list(self.column_roles).count("texts")

    @property
    def input_columns(self) -> Sequence[str]:
        """Those of them that a model is given."""
        return self.columns[:1]

    def row_texts(self, table: Table) -> Sequence[str]:
        """(rows,): what a model is given of each row, as one text."""
        return table.columns[self.columns[0]]

    refers_to_training: bool = False
    """Whether every split is scored beside the texts of the training split, which it then has to know."""

    def saw_training(self, table: Table) -> None:
        """Keep what it refers to."""
        return

    def learned(self, encoding: Encoding) -> "Preparation":
        """How data is read after training, where that depends on the training split."""
        return self

    def checked(self, table: Table) -> tuple[Table, Sequence[str]]:
        """A table as it was read, without the rows that the task leaves out; and notices."""
        return table, []

    def strata(self, table: Table) -> Sequence[str] | None:
        """(rows,) what a part of the training rows should contain in proportion; None where rows have no class."""
        return None

    @abstractmethod
    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """What the training split teaches: labels, tokenizers, sizes."""

    @abstractmethod
    def split(self, name: str, table: Table, encoding: Encoding, cache: Cache) -> tuple[Split, Sequence[str]]:
        """One split in numbers; and notices."""

    @abstractmethod
    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The texts that the tokenizer is trained on, and encodes."""

    @abstractmethod
    def unlabelled(self, texts: Sequence[str], encoding: Encoding) -> Split:
        """Texts without gold answers, prepared for prediction."""


class TextsAlone(Preparation):
    """A task that learns from one column of text, and from that column its tokenizer."""

    def __init__(self, task: VocabularyConfig | WordVectorsConfig | AutoencodingConfig | AdversarialConfig) -> None:
        self.task = task
        self.columns = (task.text,)

    def learn(self, train: Table, tokenizers: Tokenizers) -> Encoding:
        """The tokenizer, which every such task has."""
        trained = tokenizers.get("text", self.tokenizer_texts(train))
        return Encoding(SizesData(type="sizes", vocab_size=trained.vocab_size), tokenizers={"text": trained})

    def tokenizer_texts(self, table: Table) -> Sequence[str]:
        """The texts."""
        return table.columns[self.task.text]
