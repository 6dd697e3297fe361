"""Batches and their order: every row once an epoch, the same for the same seed, budgets held, ranks apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nlp.configs.schema.training import TrainingConfig
from nlp.datasets.arrays import Ragged
from nlp.datasets.encoded.batching import Plan, RowOrder, cut_by_tokens, row_order, share_of
from nlp.datasets.encoded.texts.labelled_texts import LabelledSplit
from nlp.datasets.tables import Table

lengths_lists = st.lists(st.integers(0, 40), min_size=1, max_size=200)


def ragged(lengths: list[int]) -> Ragged:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Ragged(np.arange(offsets[-1], dtype=np.int32) + 7, offsets)


def split_of(lengths: list[int]) -> LabelledSplit:
    texts = [f"text {row}" for row in range(len(lengths))]
    return LabelledSplit("train", Table({"text": texts}, "here"), texts, ["a"] * len(texts), np.arange(len(texts)) % 3, ragged(lengths))


@given(lengths_lists, st.integers(1, 50), st.integers(0, 5), st.booleans())
def test_an_epoch_holds_every_row_once(lengths, batch_size, epoch, bucketed):
    order = RowOrder(len(lengths), batch_size, seed=3, lengths=np.array(lengths) if bucketed else None)
    batches = order.epoch(epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert len(batches) == order.n_batches(epoch)
    assert max(map(len, batches)) <= batch_size


@given(lengths_lists, st.integers(1, 200), st.integers(0, 3))
def test_a_token_budget_is_held_with_padding_counted(lengths, budget, epoch):
    order = RowOrder(len(lengths), 64, seed=1, lengths=np.array(lengths), batch_tokens=budget)
    batches = order.epoch(epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(1, *(lengths[row] for row in batch)) <= budget


def test_the_order_depends_on_seed_and_epoch_alone():
    order = RowOrder(100, 8, seed=5, lengths=np.arange(100))
    again = RowOrder(100, 8, seed=5, lengths=np.arange(100))
    assert [batch.tolist() for batch in order.epoch(4)] == [batch.tolist() for batch in again.epoch(4)]
    assert [batch.tolist() for batch in order.epoch(0)] != [batch.tolist() for batch in order.epoch(1)]
    other = RowOrder(100, 8, seed=6, lengths=np.arange(100))
    assert [batch.tolist() for batch in order.epoch(0)] != [batch.tolist() for batch in other.epoch(0)]


def test_buckets_leave_little_padding():
    lengths = np.random.default_rng(0).integers(1, 100, size=5_000)

    def padded(batches):
        return sum(len(batch) * lengths[batch].max() for batch in batches)

    bucketed, plain = RowOrder(5_000, 32, 1, lengths).epoch(0), RowOrder(5_000, 32, 1).epoch(0)
    assert padded(bucketed) < 1.05 * lengths.sum() < 1.5 * lengths.sum() < padded(plain)


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 4), st.integers(1, 5), st.integers(0, 200))
def test_any_step_can_be_reached_alone(n_rows, batch_size, epochs, accumulate, after):
    plan = Plan(RowOrder(n_rows, batch_size, seed=2), epochs, None, accumulate)
    full = [(step, [rows.tolist() for rows in window]) for step, window in plan.windows()]
    assert len(full) == plan.n_steps
    again = Plan(RowOrder(n_rows, batch_size, seed=2), epochs, None, accumulate)
    rest = [(step, [rows.tolist() for rows in window]) for step, window in again.windows(after)]
    assert rest == full[after:]
    seen = sorted(row for _, window in full for rows in window for row in rows)
    assert seen == sorted(list(range(n_rows)) * epochs)


def test_steps_end_a_run_inside_an_epoch():
    plan = Plan(RowOrder(100, 10, seed=1), None, 25)
    assert plan.n_steps == 25
    assert list(plan.epoch_ends) == [10, 20, 30]
    assert [plan.epoch_of(step) for step in (1, 10, 11, 25)] == [0, 0, 1, 2]


def test_epochs_may_have_different_numbers_of_steps():
    """Batches cut by tokens: their number depends on which texts meet in a pool."""
    order = RowOrder(2_000, 4, 1, np.random.default_rng(0).integers(1, 30, 2_000), batch_tokens=64)
    each = [order.n_batches(epoch) for epoch in range(4)]
    assert len(set(each)) > 1, "otherwise this test shows nothing"
    ends = np.cumsum(each).tolist()
    assert list(Plan(order, 4, None).epoch_ends) == ends
    assert list(Plan(order, None, ends[1] + 1).epoch_ends) == ends[:3]
    assert Plan(order, None, ends[1] + 1).n_steps == ends[1] + 1


def test_no_epochs_are_no_steps():
    assert list(Plan(RowOrder(10, 10, seed=1), 0, None).windows()) == []


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_ranks_share_an_evaluation_without_duplicates(world_size):
    split = split_of([3, 0, 5, 9, 2, 2, 7])
    rows = [row for rank in range(world_size) for batch in split.evaluation_batches() for row in share_of(batch, rank, world_size).tolist()]
    assert sorted(rows) == list(range(7))
    assert sorted(np.concatenate([share_of(np.arange(7), rank, world_size) for rank in range(world_size)])) == list(range(7))


@given(lengths_lists, st.integers(1, 100), st.integers(1, 9))
def test_cuts_keep_the_order_and_the_limits(lengths, budget, most_rows):
    rows = np.argsort(lengths, kind="stable")
    batches = cut_by_tokens(rows, np.array(lengths)[rows], budget, most_rows)
    assert np.concatenate(batches).tolist() == rows.tolist()
    assert max(map(len, batches)) <= most_rows


def test_layouts():
    split = split_of([2, 0, 3])
    rows = np.array([2, 0, 1])
    padded = split.batch(rows, {"tokens"})
    assert padded.inputs["tokens"].tolist() == [[9, 10, 11], [7, 8, 0], [0, 0, 0]]
    assert padded.inputs["lengths"].tolist() == [3, 2, 0]
    assert padded.n_tokens == 5
    flat = split.batch(rows, {"bag"})
    assert flat.inputs["tokens"].tolist() == [9, 10, 11, 7, 8]
    assert flat.inputs["starts"].tolist() == [0, 3, 5]
    assert flat.inputs["weights"] is None
    assert split.batch(rows, {"text"}).inputs == {"texts": ["text 2", "text 0", "text 1"]}
    assert flat.targets["labels"].values.tolist() == [2, 0, 1]


def test_a_batch_has_all_inputs_that_a_model_names():
    batch = split_of([2, 0, 3]).batch(np.array([2, 1]), frozenset({"text", "tokens"}))
    assert batch.inputs["texts"] == ["text 2", "text 1"]
    assert batch.inputs["tokens"].tolist() == [[9, 10, 11], [0, 0, 0]]
    assert batch.inputs["lengths"].tolist() == [3, 0]


def test_a_batch_without_targets_keeps_its_inputs():
    batch = split_of([2, 0, 3]).batch(np.array([2, 1]), frozenset({"tokens"}))
    idle = batch.without_targets()
    assert not idle.targets["labels"].mask.any()
    assert idle.inputs is batch.inputs
    assert idle.n_tokens == batch.n_tokens


@given(lengths_lists, st.data())
def test_ragged_rows_come_back_as_they_went_in(lengths, data):
    full = ragged(lengths)
    rows = np.array(data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=20)), dtype=np.int64)
    ids, starts, _ = full.flat(rows)
    expected = [full.ids[full.offsets[row] : full.offsets[row + 1]].tolist() for row in rows]
    assert [part.tolist() for part in np.split(ids, starts[1:])][: len(rows)] == expected
    padded, row_lengths = full.padded(rows, pad_id=0)
    assert [padded[place, :length].tolist() for place, length in enumerate(row_lengths)] == expected


@pytest.mark.parametrize(("settings", "inputs", "sorted_by_length"), [
    ({"batch_size": 8}, {"tokens"}, True),
    ({"batch_size": 8, "bucket_by_length": False}, {"tokens"}, False),
    ({"batch_size": 8}, {"bag"}, False),
    ({"batch_tokens": 200, "bucket_by_length": False}, {"bag"}, True),
])
def test_rows_of_similar_length_meet_where_that_saves_padding(settings, inputs, sorted_by_length):
    lengths = np.random.default_rng(0).integers(1, 50, 400)
    training = TrainingConfig(epochs=1, optimizer={"type": "sgd", "learning_rate": 0.1}, **settings)
    order = row_order(training, frozenset(inputs), lengths, len(lengths), seed=1)
    spread = np.mean([np.ptp(lengths[rows]) for rows in order.epoch(0)])
    assert (spread < 10) == sorted_by_length
