"""A fitted scikit-learn model as a file, `model.skops`: read without pickle, and only if every type in it is on a closed list.

skops itself trusts several hundred types. Here a file may hold only the estimator that its recipe specifies, plus arrays,
plain containers and numbers; the types are checked in the file's own description before anything is built. Trees and sparse
matrices hold indices that scikit-learn uses unchecked, so these are checked before the model is used.

skops names objects by their memory address and adds a timestamp; here both are replaced, so that equal fits give equal bytes.
"""

import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import RunError
from ...storage import read_file, write_file

FILE_NAME = "model.skops"

_TREE, _SPARSE = "sklearn.tree._tree.Tree", "scipy.sparse._csr.csr_matrix"
_OWN = [f"{__package__}.estimators.{name}" for name in ("GaussianBayes", "BoostedTrees", "BoostedNumbers")]
_ESTIMATORS = frozenset({
    "sklearn.naive_bayes.MultinomialNB",
    "sklearn.naive_bayes.ComplementNB",
    "sklearn.naive_bayes.BernoulliNB",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.linear_model._ridge.Ridge",
    "sklearn.svm._classes.LinearSVC",
    "sklearn.tree._classes.DecisionTreeClassifier",
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.neighbors._classification.KNeighborsClassifier",
    "sklearn.svm._classes.SVC",
    "sklearn.linear_model._stochastic_gradient.SGDClassifier",
    "sklearn.tree._classes.DecisionTreeRegressor",
    *_OWN,
})
ALLOWED: dict[str, frozenset[str]] = {
    "ObjectNode": _ESTIMATORS,
    "TreeNode": frozenset({_TREE}),
    "SparseMatrixNode": frozenset({_SPARSE}),
    "NdArrayNode": frozenset({"numpy.ndarray", "numpy.int64", "numpy.int32", "numpy.float64"}),
    "DictNode": frozenset({"builtins.dict"}),
    "ListNode": frozenset({"builtins.list"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "JsonNode": frozenset({"builtins.str", "builtins.int", "builtins.float", "builtins.bool"}),
    "TypeNode": frozenset({"builtins.str"}),
}
"""skops loader -> the types that it may build."""
_PROTOCOL = 2
_DESCRIPTION = "schema.json"


def write_estimator(estimator: Any, folder: Path) -> None:
    """Write the fitted estimator into the folder; an old file stays until the new one is complete."""
    import skops.io

    # Forests are repetitive and compress well; coefficients do not.
    compression = zipfile.ZIP_DEFLATED if hasattr(estimator, "estimators_") else zipfile.ZIP_STORED
    write_file(folder / FILE_NAME, _without_addresses(skops.io.dumps(estimator), compression))


def _without_addresses(content: bytes, compression: int) -> bytes:
    """The same file with ids and array names numbered in the order of the description, and the earliest date that a zip file may have."""
    output = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as parts, zipfile.ZipFile(output, "w") as renamed:
        description = json.loads(parts.read(_DESCRIPTION))
        for old, new in _renumber(description).items():
            renamed.writestr(_undated(new), parts.read(old), compression, compresslevel=1)
        renamed.writestr(_undated(_DESCRIPTION), json.dumps(description), compression, compresslevel=1)
    return output.getvalue()


def _renumber(description: dict[str, Any]) -> dict[str, str]:
    """Number all ids by first appearance; equal texts and numbers share one. Returns old name -> new name of each array."""
    numbers: dict[Any, int] = {}
    files: dict[str, str] = {}
    for node in _nodes(description):
        if "__id__" in node:
            key = node["content"] if node.get("__loader__") == "JsonNode" else node["__id__"]
            node["__id__"] = numbers.setdefault(key, len(numbers))
        if "file" in node:
            node["file"] = files.setdefault(node["file"], f"{len(files)}{Path(node['file']).suffix}")
    return files


def _undated(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o600 << 16
    return entry


def read_estimator(folder: Path, like: Any, n_features: int, n_classes: int | None) -> tuple[Any, list[str]]:
    """The estimator in the folder, and notices. It must have the class of `like` and these numbers of features and classes
    (None: it predicts a number).

    Raises RunError otherwise. No code in the file is run.
    """
    path = folder / FILE_NAME
    try:
        content = read_file(path)
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror}); the run's model is missing. Train it again.") from error
    try:
        _check_types(content)
        estimator, notices = _built(content)
        _check_fit(estimator, like, n_features, n_classes)
    except _RefusedError as error:
        raise RunError(f"{path} was not opened: {error}. The file was not written by `nlp`; do not trust it, and train again.") \
            from None
    except Exception as error:
        raise RunError(f"{path} is damaged or not a model of this run ({type(error).__name__}: {error}). "
                       "Copy the run again from the original, or train it again.") from error
    return estimator, notices


class _RefusedError(Exception):
    """The file contains something that a model file never needs."""


def _check_types(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        description = json.loads(parts.read(_DESCRIPTION))
    if description["protocol"] != _PROTOCOL:
        raise _RefusedError(f"it is written in skops protocol {description['protocol']}, and only {_PROTOCOL} is read")
    built: dict[Any, tuple[Any, ...]] = {}
    for node in _nodes(description):
        kind, loader = f"{node.get('__module__')}.{node.get('__class__')}", str(node.get("__loader__"))
        if kind not in ALLOWED.get(loader, ()):
            raise _RefusedError(f"it holds a {kind} (built by {loader}), which is not on the list of types that a model may hold")
        if loader == "TreeNode" and node["__reduce__"]["args"]["content"][2]["content"] != "1":
            raise _RefusedError("it holds a tree with more than one output")
        # skops builds one object per id: if two numbers shared an id, the one checked might not be the one built.
        identity = (loader, kind, node["content"] if loader == "JsonNode" else None)
        if node.get("__id__") is not None and built.setdefault(node["__id__"], identity) != identity:
            raise _RefusedError("it gives two objects the same id")


def _nodes(part: Any) -> Iterator[dict[str, Any]]:
    """Every part of the description from which skops would build an object, in order."""
    stack = [part]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            stack.extend(reversed(part.values()))
            if "__loader__" in part or "__class__" in part:
                yield part
        elif isinstance(part, list):
            stack.extend(reversed(part))


def _built(content: bytes) -> tuple[Any, list[str]]:
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator = skops.io.loads(content, trusted=[_TREE, _SPARSE, *_OWN])
    versions = [str(warning.message) for warning in caught if issubclass(warning.category, InconsistentVersionWarning)]
    return estimator, [f"The model was saved by another version of scikit-learn: {versions[0]}"] if versions else []


def _check_fit(estimator: Any, like: Any, n_features: int, n_classes: int | None) -> None:
    if type(estimator) is not type(like):
        raise ValueError(f"it holds a {type(estimator).__name__}, and the recipe specifies a {type(like).__name__}")
    if estimator.n_features_in_ != n_features:
        raise ValueError(f"it was fitted on {estimator.n_features_in_} features, and the tokenizer has {n_features}")
    if n_classes is not None:
        _check_classes(estimator.classes_, n_classes)
    for tree in getattr(estimator, "estimators_", [estimator]):
        if type(tree) not in (type(like), type(getattr(like, "estimator", None))):
            raise ValueError(f"it holds a {type(tree).__name__} inside a {type(like).__name__}")
        if hasattr(tree, "tree_"):
            _check_tree(tree.tree_, n_features)
    if hasattr(estimator, "support_vectors_"):
        _check_support(estimator, n_features)
    if hasattr(estimator, "start"):
        _check_boosting(estimator)
    if hasattr(estimator, "_fit_X"):
        _check_examples(estimator, n_features)
    _try(estimator, n_features)


def _check_classes(classes: Any, n_classes: int) -> None:
    in_order = classes.ndim == 1 and classes.dtype.kind == "i" and bool(np.all(np.diff(classes) > 0))
    if not in_order or not 0 <= classes[0] <= classes[-1] < n_classes:
        raise ValueError(f"its classes do not fit the {n_classes} labels of the run")


def _try(estimator: Any, n_features: int) -> None:
    """Score an empty text, so that arrays with inconsistent shapes fail here, not in the middle of an evaluation."""
    from scipy.sparse import csr_matrix

    if not hasattr(estimator, "classes_"):
        if estimator.predict(csr_matrix((1, n_features))).shape != (1,):
            raise ValueError("its arrays do not have the sizes for one number")
        return
    score = estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.decision_function
    scores = score(csr_matrix((1, n_features)))
    if scores.shape[-1] != (1 if scores.ndim == 1 else len(estimator.classes_)):
        raise ValueError("its arrays do not have the sizes for its classes")


def _check_tree(tree: Any, n_features: int) -> None:
    """Check that the nodes form one tree of the stated depth, and that all features exist."""
    if tree.node_count != tree.capacity or tree.node_count < 1:
        raise ValueError("a tree does not have the number of nodes that it declares")
    left, right, inner = tree.children_left, tree.children_right, tree.children_left != -1
    children = np.concatenate([left[inner], right[inner]])
    if not np.array_equal(np.sort(children), np.arange(1, tree.node_count)) or np.any(left[inner] >= right[inner]):
        raise ValueError("the nodes of a tree are not connected")
    if np.any(left[inner] <= np.flatnonzero(inner)) or np.any((tree.feature[inner] < 0) | (tree.feature[inner] >= n_features)):
        raise ValueError("a tree has an index out of range")
    level, depth = np.array([0]), -1
    while len(level):
        level, depth = np.concatenate([left[level], right[level]]), depth + 1
        level = level[level != -1]
    if depth > tree.max_depth:
        raise ValueError("a tree is deeper than it declares")


def _check_examples(estimator: Any, n_features: int) -> None:
    examples = estimator._fit_X
    examples.check_format(full_check=True)
    known = len(estimator.classes_)
    if examples.shape != (estimator.n_samples_fit_, n_features) or estimator._y.shape != (examples.shape[0],):
        raise ValueError("its stored examples and their labels do not match")
    if np.any((estimator._y < 0) | (estimator._y >= known)):
        raise ValueError("a stored example has a label outside the classes")


def _check_support(estimator: Any, n_features: int) -> None:
    """Check the support vectors: libsvm reads as many numbers as their counts state."""
    vectors, counts, known = estimator.support_vectors_, estimator._n_support, len(estimator.classes_)
    vectors.check_format(full_check=True)
    n_vectors, n_pairs = vectors.shape[0], known * (known - 1) // 2
    if known < 2 or counts.shape != (known,) or np.any(counts < 0) or counts.sum() != n_vectors or vectors.shape[1] != n_features:
        raise ValueError("its support vectors do not match its classes and features")
    for weights in (estimator.dual_coef_, estimator._dual_coef_):
        weights.check_format(full_check=True)
        full = np.array_equal(weights.indices.reshape(known - 1, -1), np.tile(np.arange(n_vectors), (known - 1, 1)))
        if weights.shape != (known - 1, n_vectors) or not full:
            raise ValueError("its support vectors and their weights do not match")
    sizes = {"intercept_": n_pairs, "_intercept_": n_pairs, "support_": n_vectors, "_probA": 0, "_probB": 0}
    if any(getattr(estimator, name).shape != (size,) for name, size in sizes.items()) or not estimator._sparse:
        raise ValueError("its arrays do not have the sizes for its classes")


def _check_boosting(estimator: Any) -> None:
    n_scores = len(getattr(estimator, "classes_", [0]))
    n_scores = 1 if n_scores == 2 else n_scores
    if estimator.start.shape != (n_scores,) or len(estimator.estimators_) % n_scores:
        raise ValueError("its trees do not match its classes")
