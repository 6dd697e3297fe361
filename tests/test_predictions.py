"""Predictions of several batches, in any order, as one table in the order of the split."""

import numpy as np
from nlp.tasks.classification import ClassPredictions


def some(rows: list[int], probabilities: bool = True) -> ClassPredictions:
    """Each entry is computed from its row, so that a mixed-up one shows."""
    at = np.array(rows)
    names = [str(each) for each in at]
    return ClassPredictions(at, 10 * at, names, at % 3, at / 4, np.stack([at, 1 - at], axis=1) if probabilities else None)


def test_parts_are_joined_in_the_order_of_the_split() -> None:
    joined, expected = ClassPredictions.joined([some([4, 1]), some([3]), some([0, 2])]), some([0, 1, 2, 3, 4])
    for name in ("rows", "gold", "predicted", "losses", "probabilities"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(expected, name))


def test_one_part_is_put_in_order_too() -> None:
    assert ClassPredictions.joined([some([2, 0, 1])]).gold.tolist() == [0, 10, 20]


def test_what_a_model_does_not_give_stays_none() -> None:
    joined = ClassPredictions.joined([some([1], probabilities=False), some([0], probabilities=False)])
    assert joined.probabilities is None
    assert joined.gold.tolist() == [0, 10]


def test_rows_may_be_taken_several_times() -> None:
    taken = some([5, 6, 7]).take(np.array([2, 0, 2]))
    assert taken.rows.tolist() == [7, 5, 7]
    assert taken.gold.tolist() == [70, 50, 70]
