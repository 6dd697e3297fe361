"""Builds the unfitted scikit-learn classifier from the settings of a classical model."""

from typing import Any, assert_never

from ...configs.schema.models.classical import (
    DecisionTreeConfig,
    GradientBoostingConfig,
    KernelSvmConfig,
    KnnConfig,
    LinearSvmConfig,
    LogisticRegressionConfig,
    NaiveBayesConfig,
    PerceptronConfig,
    RandomForestConfig,
    SgdConfig,
)

AnyClassicalConfig = (
    NaiveBayesConfig | LogisticRegressionConfig | LinearSvmConfig | KernelSvmConfig | PerceptronConfig | SgdConfig
    | DecisionTreeConfig | RandomForestConfig | GradientBoostingConfig | KnnConfig
)


def new_estimator(config: AnyClassicalConfig, seed: int) -> Any:
    """The classifier; scikit-learn is imported here."""
    match config:
        case NaiveBayesConfig():
            return _naive_bayes(config)
        case LogisticRegressionConfig() | LinearSvmConfig() | PerceptronConfig() | SgdConfig():
            return _linear(config, seed)
        case KernelSvmConfig():
            return _kernel_svm(config)
        case DecisionTreeConfig() | RandomForestConfig() | GradientBoostingConfig():
            return _trees(config, seed)
        case KnnConfig(n_neighbors=n_neighbors, weights=weights, metric=metric):
            from sklearn.neighbors import KNeighborsClassifier

            return KNeighborsClassifier(n_neighbors, weights=weights, metric=metric, algorithm="brute")
        case _:
            assert_never(config)


def _naive_bayes(config: NaiveBayesConfig) -> Any:
    from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB

    if config.variant == "gaussian":
        from .estimators import GaussianBayes

        return GaussianBayes(fit_prior=config.fit_prior)
    kinds = {"multinomial": MultinomialNB, "complement": ComplementNB, "bernoulli": BernoulliNB}
    return kinds[config.variant](alpha=config.alpha, fit_prior=config.fit_prior)


def _linear(config: LogisticRegressionConfig | LinearSvmConfig | PerceptronConfig | SgdConfig, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.svm import LinearSVC

    match config:
        case LogisticRegressionConfig(C=C, class_weight=class_weight, max_iterations=most):
            return LogisticRegression(C=C, class_weight=class_weight, max_iter=most, random_state=seed, solver="newton-cg")
        case LinearSvmConfig(C=C, loss=loss, class_weight=class_weight, max_iterations=most):
            return LinearSVC(C=C, loss=loss, class_weight=class_weight, max_iter=most, dual="auto", random_state=seed)
        case PerceptronConfig(average=average):
            options: dict[str, Any] = {"penalty": None, "learning_rate": "constant", "eta0": 1.0}
            return SGDClassifier(loss="perceptron", average=average, random_state=seed, **options)
        case SgdConfig(loss=loss, alpha=alpha, average=average):
            return SGDClassifier(loss="hinge" if loss == "hinge" else "log_loss", alpha=alpha, average=average, random_state=seed)


def _kernel_svm(config: KernelSvmConfig) -> Any:
    from sklearn.svm import SVC

    kernel, gamma = "poly" if config.kernel == "polynomial" else config.kernel, config.gamma
    shape: dict[str, Any] = {"kernel": kernel, "gamma": gamma, "degree": config.degree, "coef0": config.offset}
    return SVC(C=config.C, class_weight=config.class_weight, max_iter=config.max_iterations, **shape)


def _trees(config: DecisionTreeConfig | RandomForestConfig | GradientBoostingConfig, seed: int) -> Any:
    match config:
        case DecisionTreeConfig(criterion=criterion, max_depth=depth, min_samples_leaf=leaf):
            from sklearn.tree import DecisionTreeClassifier

            return DecisionTreeClassifier(criterion=criterion, max_depth=depth, min_samples_leaf=leaf, random_state=seed)
        case RandomForestConfig(n_trees=n_trees, max_depth=depth, min_samples_leaf=leaf):
            from sklearn.ensemble import RandomForestClassifier

            # The seeds of all trees are drawn beforehand, so the number of threads does not change the result.
            return RandomForestClassifier(n_trees, max_depth=depth, min_samples_leaf=leaf, random_state=seed)
        case GradientBoostingConfig(shrinkage=rate, max_depth=depth, min_samples_leaf=leaf, n_rounds=n_rounds, max_features=features):
            from .estimators import BoostedTrees

            return BoostedTrees(rate, depth, leaf, n_rounds, "sqrt" if features == "sqrt" else None, seed)
