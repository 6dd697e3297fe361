"""Models fitted by a solver or by counting: scikit-learn classifiers, taggers, n-gram language models."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from ..base import Fraction, NonNegativeFloat, PositiveFloat, PositiveInt, Problem
from ..tokenizer import NgramTokenizer
from .model_base import Inputs, LearnsBy, ModelBase

if TYPE_CHECKING:
    from ..recipe import Recipe


class ClassicalConfig(ModelBase):
    """The base of scikit-learn classifiers over a bag of tokens or n-grams, or over numbers."""

    learns_by: ClassVar[LearnsBy] = "solver"
    gives: ClassVar[frozenset[str]] = frozenset({"classes"})

    input: Literal["bag", "vector"] = "bag"
    """`bag`: the tokens or n-grams of a text; `vector`: numbers, or the pixels of a picture."""

    @property
    def inputs(self) -> Inputs:
        return frozenset({self.input})


class NaiveBayesConfig(ClassicalConfig):
    """Naive Bayes over counts or TF-IDF weights."""

    has_chance: ClassVar[bool] = False

    type: Literal["naive_bayes"]
    variant: Literal["multinomial", "complement", "bernoulli", "gaussian"] = "multinomial"
    """Event model; `complement` is Rennie et al. (2003). `gaussian` is for few dense features, such as latent dimensions without
    n-grams."""
    alpha: PositiveFloat = 1.0
    """Additive (Laplace/Lidstone) smoothing; not used by `gaussian`."""
    fit_prior: bool = True
    """Learn class priors from the data; otherwise they are uniform."""

    @property
    def learns_in_blocks(self) -> bool:
        return self.variant != "gaussian"

    def problems(self, recipe: "Recipe") -> Iterator[Problem]:
        """Latent dimensions and standardised numbers may be negative; counts may not."""
        yield from super().problems(recipe)
        analysis = recipe.tokenizer.analysis if isinstance(recipe.tokenizer, NgramTokenizer) else None
        latent = analysis is not None and analysis.meaning is not None and analysis.meaning.latent is not None
        if (latent or self.input == "vector") and self.variant in ("multinomial", "complement"):
            negative = "latent dimensions" if latent else "standardised numbers"
            yield Problem(("model", "variant"), f"`{self.variant}` needs counts, and {negative} may be negative; use `gaussian`")


class LogisticRegressionConfig(ClassicalConfig):
    """Multinomial logistic regression, fitted by Newton's method with conjugate gradients."""

    has_chance: ClassVar[bool] = False

    type: Literal["logistic_regression"]
    C: PositiveFloat = 1.0
    """Inverse strength of the L2 penalty."""
    class_weight: Literal["balanced"] | None = None
    """`balanced` weights classes by their inverse frequency."""
    max_iterations: PositiveInt = 1_000
    """Maximum number of solver iterations; a notice reports when the solver did not converge."""


class LinearSvmConfig(ClassicalConfig):
    """Linear support vector machine, one-vs-rest, fitted by liblinear."""

    has_chance: ClassVar[bool] = False

    type: Literal["linear_svm"]
    C: PositiveFloat = 1.0
    """Inverse strength of the penalty."""
    loss: Literal["hinge", "squared_hinge"] = "squared_hinge"
    """The loss that the solver minimises."""
    class_weight: Literal["balanced"] | None = None
    """`balanced` weights classes by their inverse frequency."""
    max_iterations: PositiveInt = 1_000
    """Maximum number of solver iterations; a notice reports when the solver did not converge."""


class KernelSvmConfig(ClassicalConfig):
    """Support vector machine with a kernel, one-vs-one, fitted by libsvm; training time is quadratic in the number of texts."""

    has_chance: ClassVar[bool] = False

    type: Literal["kernel_svm"]
    kernel: Literal["rbf", "polynomial", "linear"] = "rbf"
    """`rbf`: exp(-gamma |x - z|^2); `polynomial`: (gamma x z + offset)^degree; `linear`: x z."""
    C: PositiveFloat = 1.0
    """Inverse strength of the penalty."""
    gamma: PositiveFloat | Literal["scale"] = "scale"
    """Width of the kernel; `scale` is 1 / (n_features * variance of all features)."""
    degree: PositiveInt = 3
    """Degree of `polynomial`."""
    offset: NonNegativeFloat = 0.0
    """Offset of `polynomial`; above 0, lower degrees count too."""
    class_weight: Literal["balanced"] | None = None
    """`balanced` weights classes by their inverse frequency."""
    max_iterations: PositiveInt = 1_000_000
    """Maximum number of solver iterations; a notice reports when the solver did not converge."""


class OnlineConfig(ClassicalConfig):
    """The base of linear models trained online, one text at a time, so that the corpus need not fit into memory."""

    n_iterations: PositiveInt = 10
    """Passes over the training texts, each in a new random order."""
    average: bool = True
    """Use the mean of the coefficients over all texts (Collins 2002), which is more stable than the final ones."""

    @property
    def learns_in_blocks(self) -> bool:
        return True


class PerceptronConfig(OnlineConfig):
    """Perceptron (Rosenblatt 1958), one-vs-rest: it updates its coefficients only on errors."""

    type: Literal["perceptron"]


class SgdConfig(OnlineConfig):
    """Logistic regression or linear support vector machine, one-vs-rest, by stochastic gradient descent; for corpora that are too large for
    a solver."""

    type: Literal["sgd"]
    loss: Literal["log", "hinge"] = "log"
    """`log`: logistic regression; `hinge`: support vector machine."""
    alpha: PositiveFloat = 1e-5
    """Strength of the L2 penalty."""


class DecisionTreeConfig(ClassicalConfig):
    """Decision tree (CART)."""

    type: Literal["decision_tree"]
    criterion: Literal["gini", "entropy"] = "gini"
    """Impurity measure by which splits are chosen."""
    max_depth: PositiveInt | None = None
    """Maximum depth of the tree; unlimited by default."""
    min_samples_leaf: PositiveInt = 1
    """Minimum number of training examples in a leaf."""


class RandomForestConfig(ClassicalConfig):
    """Random forest (Breiman 2001)."""

    type: Literal["random_forest"]
    n_trees: PositiveInt = 100
    """Number of trees."""
    max_depth: PositiveInt | None = None
    """Maximum depth of each tree; unlimited by default."""
    min_samples_leaf: PositiveInt = 1
    """Minimum number of training examples in a leaf."""

    @property
    def threads(self) -> None:
        """All cores fit trees."""
        return None


class GradientBoostingConfig(ClassicalConfig):
    """Gradient boosting (Friedman 2001): each small tree corrects the sum of those before it."""

    gives: ClassVar[frozenset[str]] = frozenset({"classes", "number"})

    type: Literal["gradient_boosting"]
    n_rounds: PositiveInt = 100
    """Boosting rounds; each fits one tree per class, or a single tree for two classes and for a number."""
    shrinkage: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Factor by which each tree's output is multiplied; also called learning rate."""
    max_depth: PositiveInt = 3
    """Maximum depth of each tree."""
    min_samples_leaf: PositiveInt = 1
    """Minimum number of training examples in a leaf."""
    max_features: Literal["all", "sqrt"] = "all"
    """Features considered for each split: all, or a random subset of sqrt(n_features), which is much faster."""


class RidgeConfig(ClassicalConfig):
    """Linear regression with an L2 penalty (Hoerl and Kennard 1970), fitted by conjugate gradients."""

    gives: ClassVar[frozenset[str]] = frozenset({"number"})
    has_chance: ClassVar[bool] = False

    type: Literal["ridge"]
    alpha: NonNegativeFloat = 1.0
    """Strength of the penalty; 0 is plain linear regression."""
    max_iterations: PositiveInt = 10_000
    """Maximum number of solver iterations."""


class KnnConfig(ClassicalConfig):
    """k-nearest neighbours."""

    has_chance: ClassVar[bool] = False

    type: Literal["knn"]
    n_neighbors: PositiveInt = 5
    """Number of neighbours that vote."""
    weights: Literal["uniform", "distance"] = "uniform"
    """`distance` weights neighbours by their inverse distance."""
    metric: Literal["cosine", "euclidean"] = "cosine"
    """Distance between two texts."""


class TaggerConfig(ModelBase):
    """The base of statistical taggers, which read words directly and need no tokenizer."""

    learns_by: ClassVar[LearnsBy] = "solver"
    gives: ClassVar[frozenset[str]] = frozenset({"tags"})

    @property
    def inputs(self) -> Inputs:
        return frozenset({"text"})


class MostFrequentTagConfig(TaggerConfig):
    """Each word's most frequent tag in training; for unknown words, the most frequent tag overall."""

    has_chance: ClassVar[bool] = False

    type: Literal["most_frequent_tag"]


class HmmConfig(TaggerConfig):
    """Hidden Markov model with a suffix model for unknown words, as in TnT (Brants 2000)."""

    has_chance: ClassVar[bool] = False

    type: Literal["hmm"]
    order: Literal[1, 2] = 2
    """Number of previous tags that a tag depends on."""


class AveragedPerceptronConfig(TaggerConfig):
    """Structured perceptron over features of the surrounding words, averaged over all updates (Collins 2002)."""

    type: Literal["averaged_perceptron"]
    n_iterations: PositiveInt = 5
    """Passes over the training sentences."""
    min_frequency: PositiveInt = 2
    """Features seen fewer times in training are left out."""


class ParserConfig(ModelBase):
    """Transition-based parser (arc-hybrid), an averaged perceptron trained with a dynamic oracle (Goldberg and Nivre 2013)."""

    learns_by: ClassVar[LearnsBy] = "solver"
    gives: ClassVar[frozenset[str]] = frozenset({"tree"})

    type: Literal["perceptron_parser"]
    n_iterations: PositiveInt = 10
    """Passes over the training sentences."""
    min_frequency: PositiveInt = 2
    """Words seen fewer times in training count as unknown."""
    exploration: Fraction = 0.9
    """Probability, after the first pass, of following the parser's own mistakes in training, so that it learns to recover from them."""
    hash_bits: Annotated[int, Field(ge=10, le=24)] = 21
    """Size of the feature hash in bits: 2^hash_bits rows of weights for transitions, an eighth of that for relations."""

    @property
    def inputs(self) -> Inputs:
        return frozenset({"text"})


class NgramConfig(ModelBase):
    """N-gram language model with interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999)."""

    learns_by: ClassVar[LearnsBy] = "solver"
    gives: ClassVar[frozenset[str]] = frozenset({"vocabulary"})
    has_chance: ClassVar[bool] = False

    type: Literal["ngram"]
    order: Annotated[int, Field(ge=1, le=8)] = 3
    """Length of the longest n-gram: a token is predicted from the `order` - 1 tokens before it."""

    @property
    def inputs(self) -> Inputs:
        return frozenset({"history"})


AnyTaggerConfig = MostFrequentTagConfig | HmmConfig | AveragedPerceptronConfig
