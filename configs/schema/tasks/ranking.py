"""`task: {type: ranking}`, and the classical models that rank."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from ..base import Config, Fraction, NonNegativeFloat, PositiveFloat, Problem
from ..data import SizesData
from ..models.model_base import Inputs, LearnsBy, ModelBase
from ..models.networks import NetworkConfig
from ..tokenizer import NgramTokenizer, SimilarityTokenizer
from .task_base import Suggestion, TaskBase

if TYPE_CHECKING:
    from ..recipe import Recipe

CUTOFFS = (1, 10)
"""The k of nDCG@k and recall@k."""
FIGURES = ("mrr", "map", *(f"{name}@{cutoff}" for name in ("ndcg", "recall") for cutoff in CUTOFFS))
"""Metrics of each query."""


class InBatchSoftmaxConfig(Config):
    """Cross-entropy of each right answer among all candidates of its batch that are less relevant: the answers of other queries are the
    negatives (Henderson et al. 2017). An answer that is right for two queries of a batch is a negative for neither."""

    type: Literal["in_batch_softmax"]
    temperature: PositiveFloat = 0.05
    """Divides the scores; cosines need a small one, since they are at most 1."""


class MarginConfig(Config):
    """max(0, margin - s(right) + s(less relevant)) (Joachims 2002): for each right answer the mean over the candidates that are less
    relevant to its query: the query's own candidates with `relevance`, otherwise all answers of the batch."""

    type: Literal["margin"]
    margin: PositiveFloat = 0.2
    """How far a right answer must score above the others for a loss of 0."""


class PairwiseLogisticConfig(Config):
    """log(1 + exp(s(less relevant) - s(right))), the mean over the same candidates as for `margin` (RankNet, Burges et al. 2005). For
    unbounded scores, such as those of `combine: dot`."""

    type: Literal["pairwise_logistic"]


RankingLossConfig = Annotated[InBatchSoftmaxConfig | MarginConfig | PairwiseLogisticConfig, Field(discriminator="type")]


class RankingConfig(TaskBase):
    """Rank candidates by how well they answer a query: its translation, the passage that it asks for."""

    needs: ClassVar[str] = "ranking"
    text_key: ClassVar[str] = "text"
    offers: ClassVar[Inputs] = frozenset({"bag", "tokens", "other_tokens", "other_bag"})
    default_metric: ClassVar[str] = "mrr"

    type: Literal["ranking"]
    text: str = "text"
    """Column with the query."""
    other: str = "other"
    """Column with the candidate. Without `relevance` it is the right answer to the query of its row, and the candidates of each query are
    all answers of the split."""
    relevance: str | None = None
    """Column with the relevance of a candidate to the query of its row: a number, 0 for irrelevant. The candidates of a query are then
    those of its own rows."""
    query_id: str | None = None
    """With `relevance`: column that identifies the query of each row; by default rows with the same text have the same query."""
    loss: RankingLossConfig = InBatchSoftmaxConfig(type="in_batch_softmax")
    """Loss of networks. The metric `loss` is the same with the whole split as one batch."""

    @model_validator(mode="after")
    def _ids_are_of_judged_rows(self) -> "RankingConfig":
        if self.query_id is not None and self.relevance is None:
            raise ValueError("query_id groups rows with a relevance; set `relevance` to its column, or leave query_id out")
        return self

    @property
    def main_metric(self) -> str:
        return "mrr"

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion("the nearest candidates for a text", "--candidates FILE")

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("loss", *FIGURES)

    @property
    def whole_batches(self) -> bool:
        return self.relevance is None or self.loss.type == "in_batch_softmax"

    def _problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """A network needs two towers; the rows of a query must stay together."""
        towers = getattr(recipe.model, "towers", None)
        if isinstance(recipe.model, NetworkConfig) and towers is None:
            yield Problem(("model", "type"), f"{recipe.model.type} ranks by a vector of each text; add `towers: {{combine: cosine}}`")
        elif towers is not None and towers.combine not in ("cosine", "dot"):
            yield Problem(("model", "towers", "combine"), "candidates are ranked by the cosine of two vectors or their dot product; use "
                          "`cosine` or `dot`")
        if isinstance(recipe.tokenizer, SimilarityTokenizer):
            yield Problem(("tokenizer", "type"), "`similarities` compare two given texts, but ranking compares each query with all "
                          "candidates; use another tokenizer, such as `ngrams`")
        data = recipe.data
        if self.relevance is None or isinstance(data, SizesData):
            return
        if data.folds is not None:
            yield Problem(("data", "folds"), "would separate the rows of a query; leave it out")
        if data.type == "files" and data.validation is None:
            yield Problem(("data",), "validation: is missing. Rows drawn from the training file would separate the candidates of a query, "
                          "so name a file of other queries")


class RetrievalConfig(ModelBase):
    """Base of models that rank candidates by the n-grams that they share with a query."""

    learns_by: ClassVar[LearnsBy] = "solver"
    gives: ClassVar[frozenset[str]] = frozenset({"ranking"})
    has_chance: ClassVar[bool] = False
    weighting: ClassVar[str]
    """The `weighting` that the tokenizer must have."""

    @property
    def inputs(self) -> Inputs:
        return frozenset({"bag", "other_bag"})

    def _tokenizer_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        yield from super()._tokenizer_problems(recipe)
        tokenizer, name = recipe.tokenizer, f"model.type {recipe.model.type}"
        if tokenizer is None or isinstance(tokenizer, SimilarityTokenizer):
            return
        if not isinstance(tokenizer, NgramTokenizer):
            yield Problem(("tokenizer", "type"), f"{name} compares n-grams; use `ngrams`, of words or of characters")
        elif tokenizer.weighting != self.weighting:
            yield Problem(("tokenizer", "weighting"), f"{name} needs `weighting: {self.weighting}`")


class TfidfCosineConfig(RetrievalConfig):
    """Cosine of the TF-IDF vectors of two texts (Salton et al. 1975); only the weights of the tokenizer are learned."""

    learns_by: ClassVar[LearnsBy] = "nothing"
    weighting: ClassVar[str] = "tfidf"

    type: Literal["tfidf_cosine"]


class Bm25Config(RetrievalConfig):
    """Okapi BM25 (Robertson et al. 1994): sums over the n-grams that a candidate shares with the query; rare ones count more, repeated
    ones and those of long candidates less. Document frequencies and the average length are those of the training split's candidates."""

    weighting: ClassVar[str] = "counts"

    type: Literal["bm25"]
    k1: NonNegativeFloat = 1.2
    """How much repeated occurrences of an n-gram count; 0: not at all."""
    b: Fraction = 0.75
    """How strongly scores are normalised by the length of a candidate; 0: not at all."""

    def _tokenizer_problems(self, recipe: "Recipe") -> Iterator[Problem]:
        yield from super()._tokenizer_problems(recipe)
        if isinstance(recipe.tokenizer, NgramTokenizer) and recipe.tokenizer.sublinear:
            yield Problem(("tokenizer", "sublinear"), "BM25 dampens counts by k1; leave it out")
